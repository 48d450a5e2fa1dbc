"""The edge: what every request passes before a handler sees it, and the busiest route, answered here.

Requests in flight, body limits, request ids, metrics, logs, problems. /v1/score does not go to FastAPI, whose routing,
dependencies and response objects would cost twice what the rest of a request does; the server's own connection even
hands it over without ASGI (`shortcut`). Time limits are the connection's.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from time import perf_counter, time_ns
from typing import TYPE_CHECKING
from urllib.parse import parse_qs

from fastapi import FastAPI
from starlette.types import Message, Receive, Scope, Send

from scoring_api import access
from scoring_api.access import Access
from scoring_api.ask import Ask
from scoring_api.body import Body, ClientGone, Room, check_coding
from scoring_api.errors import (
    InternalError,
    InvalidRequestError,
    MethodNotAllowedError,
    OverloadedError,
    ServiceError,
    UnsupportedMediaTypeError,
)
from scoring_api.lingering import CLOSE, Lingering
from scoring_api.logs import log, refused
from scoring_api.media import is_json
from scoring_api.metrics import Metrics
from scoring_api.reply import JSON, REPLAYED, Headers, Reply, identified, refusal
from scoring_api.service import MAX_KEY, ScoringService, Told
from scoring_api.settings import Limits
from scoring_api.together import Question, Together

if TYPE_CHECKING:
    from scoring_api.telemetry import Traces

SCORE = "/v1/score"
UPLOAD = "/predict"
PROBES = frozenset({"/health", "/ready", "/metrics", "/v2/health/live", "/v2/health/ready"})
# Larger bodies count towards those that may wait; so small a one may come on each connection.
SHORT_BODY = 131_072
CLIENT_CLOSED = 499
KEY = b"idempotency-key"
EXPLAIN = {"true": True, "1": True, "false": False, "0": False}


class Edge:
    """The ASGI application that the server runs; `app` is the FastAPI application behind it."""

    def __init__(
        self,
        app: FastAPI,
        service: ScoringService,
        access: Access,
        metrics: Metrics,
        limits: Limits,
        traces: Traces | None = None,
    ) -> None:
        self.app = app
        self.service = service
        self.short_body_bytes = min(SHORT_BODY, limits.max_body_bytes)
        self.max_connections = limits.max_connections
        self._access = access
        self._metrics = metrics
        self._limits = limits
        self._traces = traces
        self._room = Room(limits.max_waiting_bytes)
        self._together = Together(service)
        self._in_flight = 0
        self._tails = _tails()
        metrics.in_flight.set_function(lambda: self._in_flight)

    async def close(self) -> None:
        """Finish what goes on beside the event loop."""
        await self._together.close()

    def new_id(self) -> str:
        """A request's id: it begins with the time, so that the journal's index grows at its end."""
        return f"{time_ns() // 1_000_000:012x}{next(self._tails)}"

    def ask(self, headers: Headers, body: bytes, answer: Callable[[Reply], None]) -> None:
        """POST /v1/score without a query and a key, answered with what arrives in the same turn of the event loop."""
        ask = self._arrived()
        self._in_flight += 1
        told = partial(self._told, ask, headers, answer)
        try:
            self._admit()
            self._identify(headers, ask)
        except Exception as error:
            told(error)
        else:
            self._together.add(Question(ask, body, told))

    def _told(self, ask: Ask, headers: Headers, answer: Callable[[Reply], None], told: bytes | BaseException) -> None:
        self._in_flight -= 1
        answer(self._said(ask, headers, (told, False) if isinstance(told, bytes) else told))

    def _said(self, ask: Ask, headers: Headers, told: Told | BaseException) -> Reply:
        """What /v1/score says, counted."""
        if isinstance(told, BaseException):
            reply = _refusal(told, ask.request_id)
        else:
            content, again = told
            replayed = [REPLAYED] if again else []
            reply = Reply(200, [JSON, identified(ask.request_id), *replayed], content)
        self._answered("POST", SCORE, reply.status, headers, ask)
        return reply

    def _identify(self, headers: Headers, ask: Ask) -> None:
        """Who asks, and that it is in plain JSON."""
        ask.caller = self._access.caller(headers.get(access.HEADER), "score").name
        check_coding(headers)
        if not is_json(headers.get(b"content-type", b"")):
            raise UnsupportedMediaTypeError("send application/json; files go to /predict")

    async def score(
        self, headers: Headers, body: bytes, *, query: bytes = b"", unread: ServiceError | None = None
    ) -> Reply:
        """POST /v1/score, refused where it must be; `unread` is why the body was not read to its end."""
        ask = self._arrived()
        self._in_flight += 1
        told: Told | BaseException
        try:
            told = await self._scored(headers, body, query, unread, ask)
        except Exception as error:
            told = error
        finally:
            self._in_flight -= 1
        return self._said(ask, headers, told)

    async def _scored(self, headers: Headers, body: bytes, query: bytes, unread: ServiceError | None, ask: Ask) -> Told:
        self._admit()
        self._identify(headers, ask)
        if unread is not None:
            raise unread
        ask.explain = query != b"" and _wants_explanation(query)
        if (key := headers.get(KEY)) is not None:
            if not 0 < len(key) <= MAX_KEY:
                raise InvalidRequestError(f"Idempotency-Key: must have 1 to {MAX_KEY} characters")
            ask.key = key.decode("latin-1")
        return await self.service.score_once(body, ask)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        client = Lingering(receive, send)
        if scope["path"] == SCORE and scope["method"] == "POST":
            await self._score(scope, client.receive, client.send)
        else:
            await self._others(scope, client.receive, client.send)
        await client.end()

    async def _score(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers, content, unread = dict(scope["headers"]), b"", None
        with closing(Body(self._room, headers, receive, self._limits.max_body_bytes)) as body:
            try:
                content = await body.whole()
            except ClientGone:
                return
            except ServiceError as error:
                unread = error
            reply = await self.score(headers, content, query=scope["query_string"], unread=unread)
        await _send(reply, send)

    async def _others(self, scope: Scope, receive: Receive, send: Send) -> None:
        ask = self._arrived()
        reply, status = None, CLIENT_CLOSED
        self._in_flight += 1
        try:
            if scope["path"] == SCORE:
                raise MethodNotAllowedError(scope["method"], "POST")
            if scope["method"] == "HEAD":
                scope = {**scope, "method": "GET"}  # the server, which has the other one, leaves the body out
            if scope["path"] not in PROBES:
                self._admit()
            status = await self._behind(scope, receive, send, ask)
        except ClientGone:
            pass
        except Exception as error:
            reply = _refusal(error, ask.request_id)
        finally:
            self._in_flight -= 1
        if reply is not None:
            status = reply.status
            await _send(reply, send)
        route = getattr(scope.get("route"), "path", "unmatched")
        self._answered(scope["method"], route, status, dict(scope["headers"]), ask)

    def _arrived(self) -> Ask:
        """The question of a new request."""
        return Ask(self.new_id(), "", perf_counter(), stages=None if self._traces is None else [])

    def _answered(self, method: str, route: str, status: int, headers: Headers, ask: Ask) -> None:
        model = self.service.label
        self._metrics.answered(route, status, model, perf_counter() - ask.started)
        if self._traces is not None and ask.stages is not None and route not in PROBES:
            self._traces.request(method, route, status, headers=headers, model=model, ask=ask)

    async def _behind(self, scope: Scope, receive: Receive, send: Send, ask: Ask) -> int:
        """FastAPI's answer, sent; its status."""
        status = 0

        async def watched(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message = {**message, "headers": [*message["headers"], identified(ask.request_id)]}
            await send(message)

        scope["state"] = {"request_id": ask.request_id, "started": ask.started, "stages": ask.stages}
        with closing(Body(self._room, dict(scope["headers"]), receive, self._at_most(scope))) as body:
            try:
                await self.app(scope, body.receive, watched)
            except Exception as error:
                if not status:
                    raise
                _log_fault(error, ask.request_id)  # the answer has begun: only the log can still be told
        return status

    def _at_most(self, scope: Scope) -> int:
        """Bytes of a body: JSON takes many times its own memory, so that only files may be larger."""
        is_file = scope["path"] == UPLOAD and not any(
            name == b"content-type" and is_json(value) for name, value in scope["headers"]
        )
        return self._limits.max_file_bytes if is_file else self._limits.max_body_bytes

    def _admit(self) -> None:
        if self._in_flight > self._limits.max_in_flight:
            raise OverloadedError(f"{self._limits.max_in_flight} requests are being answered already")


async def _send(reply: Reply, send: Send) -> None:
    headers = [*reply.headers, (b"content-length", str(len(reply.body)).encode())]
    if reply.closes:
        headers.append(CLOSE)
    await send({"type": "http.response.start", "status": reply.status, "headers": headers})
    await send({"type": "http.response.body", "body": reply.body})


def _tails() -> Iterator[str]:
    """The random ends of ids, 80 bits each, taken from the system by the hundred: each taking is a system call."""
    while True:
        many = os.urandom(10 * 100).hex()
        yield from (many[start : start + 20] for start in range(0, len(many), 20))


def _refusal(error: BaseException, request_id: str) -> Reply:
    """The problem that an error means; a fault of ours is logged, and nothing of it told."""
    if isinstance(error, ServiceError):
        refused(error, request_id)
        return refusal(error, request_id)
    _log_fault(error, request_id)
    return refusal(InternalError("a fault of the service; the request id finds it in the logs"), request_id)


def _log_fault(error: BaseException, request_id: str) -> None:
    log.error("fault", exc_info=error, extra={"fields": {"request_id": request_id}})


def _wants_explanation(query: bytes) -> bool:
    told = parse_qs(query.decode("latin-1"), keep_blank_values=True).get("explain", ["false"])[-1]
    if told not in EXPLAIN:
        raise InvalidRequestError("explain: must be true or false")
    return EXPLAIN[told]
