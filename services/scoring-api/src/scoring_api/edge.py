"""The edge: what every request passes before a handler sees it, and the short way to the busiest route.

Requests in flight, body limits, request ids, metrics, logs, problems. /v1/score is answered here, before FastAPI, whose
routing, dependencies and response objects would cost twice what the rest of a request does. Time limits are the
connection's (`patience`).
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from time import perf_counter, time_ns
from typing import NamedTuple
from urllib.parse import parse_qs

from fastapi import FastAPI
from starlette.types import Message, Receive, Scope, Send

from scoring_api import access, problem
from scoring_api.access import Access
from scoring_api.errors import (
    BodyTooLargeError,
    InternalError,
    InvalidRequestError,
    MethodNotAllowedError,
    OverloadedError,
    ServiceError,
    UnsupportedMediaTypeError,
)
from scoring_api.logs import log, refused
from scoring_api.metrics import Metrics
from scoring_api.service import Ask, ScoringService
from scoring_api.settings import Limits

SCORE = "/v1/score"
UPLOAD = "/predict"
PROBES = frozenset({"/health", "/ready", "/metrics", "/v2/health/live", "/v2/health/ready"})
MAX_IDEMPOTENCY_KEY = 255
CLIENT_CLOSED = 499
JSON = (b"content-type", b"application/json")
PROBLEM = (b"content-type", problem.MEDIA_TYPE.encode())
REPLAYED = (b"idempotent-replayed", b"true")

Headers = Mapping[bytes, bytes]


class ClientGone(Exception):  # noqa: N818 - no error of anybody's
    """The connection closed before the request was complete."""


class Reply(NamedTuple):
    """An answer, whole."""

    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes


class Edge:
    """The ASGI application that the server runs; `app` is the FastAPI application behind it."""

    def __init__(self, app: FastAPI, service: ScoringService, access: Access, metrics: Metrics, limits: Limits) -> None:
        self.app = app
        self.service = service
        self._access = access
        self._metrics = metrics
        self._limits = limits
        self._in_flight = 0
        metrics.in_flight.set_function(lambda: self._in_flight)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started, request_id, path = perf_counter(), _new_id(), scope["path"]
        reply, status = None, CLIENT_CLOSED
        self._in_flight += 1
        try:
            if self._in_flight > self._limits.max_in_flight and path not in PROBES:
                raise OverloadedError(f"{self._limits.max_in_flight} requests are being answered already")
            if path == SCORE:
                reply = await self._score(scope, receive, request_id, started)
            else:
                status = await self._behind(scope, receive, send, request_id, started)
        except ServiceError as error:
            reply = _refusal(error, request_id)
        except ClientGone:
            pass
        except Exception:
            reply = _fault(request_id)
        finally:
            self._in_flight -= 1
        if reply is not None:
            status = reply.status
            await _send(reply, request_id, send)
        route = SCORE if path == SCORE else getattr(scope.get("route"), "path", "unmatched")
        self._metrics.answered(route, status, self.service.label, perf_counter() - started)

    async def _score(self, scope: Scope, receive: Receive, request_id: str, started: float) -> Reply:
        if scope["method"] != "POST":
            raise MethodNotAllowedError(scope["method"], "POST")
        headers: Headers = dict(scope["headers"])
        caller = self._access.caller(headers.get(access.HEADER), "score")
        if not headers.get(b"content-type", b"").startswith(b"application/json"):
            raise UnsupportedMediaTypeError("send application/json; files go to /predict")
        body = await self._body(headers, receive)
        query = scope["query_string"]
        ask = Ask(request_id, caller.name, started, explain=query != b"" and _wants_explanation(query))
        key = headers.get(b"idempotency-key")
        if key is None:
            return Reply(200, [JSON], await self.service.score(body, ask))
        if not 0 < len(key) <= MAX_IDEMPOTENCY_KEY:
            raise InvalidRequestError(f"Idempotency-Key: must have 1 to {MAX_IDEMPOTENCY_KEY} characters")
        answer, again = await self.service.score_once(body, ask, key.decode("latin-1"))
        return Reply(200, [JSON, REPLAYED] if again else [JSON], answer)

    async def _body(self, headers: Headers, receive: Receive) -> bytes:
        at_most = self._limits.max_body_bytes
        _check_length(headers, at_most)
        parts: list[bytes] = []
        size, more = 0, True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise ClientGone
            parts.append(message["body"])
            size += len(message["body"])
            if size > at_most:
                raise _too_large(at_most)
            more = message["more_body"]
        return b"".join(parts)

    async def _behind(self, scope: Scope, receive: Receive, send: Send, request_id: str, started: float) -> int:
        """Every other route: FastAPI's."""
        status = 0

        async def watched(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message = {**message, "headers": [*message["headers"], (b"x-request-id", request_id.encode())]}
            await send(message)

        at_most = self._limits.max_file_bytes if scope["path"] == UPLOAD else self._limits.max_body_bytes
        _check_length(dict(scope["headers"]), at_most)
        scope["state"] = {"request_id": request_id, "started": started}
        try:
            await self.app(scope, _limited(receive, at_most), watched)
        except Exception:
            if not status:
                raise
            _fault(request_id)  # the answer has begun: only the log can still be told
        return status


def _new_id() -> str:
    """128 bits as hexadecimal, the time in milliseconds first: so the journal's index grows at its end."""
    return f"{time_ns() // 1_000_000:012x}{os.urandom(10).hex()}"


def _refusal(error: ServiceError, request_id: str) -> Reply:
    refused(error, request_id)
    headers = [PROBLEM, *((name.lower().encode(), value.encode()) for name, value in error.headers.items())]
    return Reply(error.status, headers, problem.body(error, request_id))


def _fault(request_id: str) -> Reply:
    log.exception("fault", extra={"fields": {"request_id": request_id}})
    error = InternalError("a fault of the service; the request id finds it in the logs")
    return Reply(error.status, [PROBLEM], problem.body(error, request_id))


def _limited(receive: Receive, at_most: int) -> Receive:
    """`receive` until the body is complete: refuses one that grows too large or breaks off."""
    left, complete = at_most, False

    async def limited() -> Message:
        nonlocal left, complete
        message = await receive()
        if complete:
            return message
        if message["type"] == "http.disconnect":
            raise ClientGone
        left -= len(message["body"])
        if left < 0:
            raise _too_large(at_most)
        complete = not message["more_body"]
        return message

    return limited


async def _send(reply: Reply, request_id: str, send: Send) -> None:
    headers = [
        *reply.headers,
        (b"content-length", str(len(reply.body)).encode()),
        (b"x-request-id", request_id.encode()),
    ]
    await send({"type": "http.response.start", "status": reply.status, "headers": headers})
    await send({"type": "http.response.body", "body": reply.body})


def _check_length(headers: Headers, at_most: int) -> None:
    announced = headers.get(b"content-length")
    if announced is not None and int(announced) > at_most:
        raise _too_large(at_most)


def _too_large(at_most: int) -> BodyTooLargeError:
    return BodyTooLargeError(f"the body is larger than {at_most:,} bytes")


def _wants_explanation(query: bytes) -> bool:
    return parse_qs(query.decode("latin-1")).get("explain", [""])[-1].lower() in {"true", "1"}
