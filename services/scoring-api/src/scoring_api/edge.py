"""The edge: what every request passes before a handler sees it, and the short way to the busiest route.

In flight and body limits, deadline, request id, metrics, logs, problems. POST /v1/score is answered here, before
FastAPI: its routing, dependencies and response objects cost twice what the rest of a request does.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from time import perf_counter
from typing import Any
from urllib.parse import parse_qs

from fastapi import FastAPI
from starlette.types import Message, Receive, Scope, Send

from scoring_api import access, problem
from scoring_api.access import Access
from scoring_api.errors import (
    BodyTooLargeError,
    InternalError,
    OverloadedError,
    ServiceError,
    SlowBodyError,
    UnsupportedMediaTypeError,
)
from scoring_api.logs import log
from scoring_api.metrics import Metrics
from scoring_api.service import Ask, ScoringService
from scoring_api.settings import Limits

SCORE = "/v1/score"
UPLOAD = "/predict"
UNLIMITED = frozenset({"/health", "/ready", "/metrics", "/v2/health/live", "/v2/health/ready"})
MAX_KEY = 255
CLIENT_CLOSED = 499
JSON = (b"content-type", b"application/json")
PROBLEM = (b"content-type", problem.MEDIA_TYPE.encode())
REPLAYED = (b"idempotent-replayed", b"true")

Headers = Mapping[bytes, bytes]


class ClientGone(Exception):  # noqa: N818 - no error of anybody's
    """The client closed the connection before its request was complete."""


@dataclass(slots=True)
class Reply:
    """An answer, whole."""

    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes


class Edge:
    """The ASGI application that the server runs; `app` is the FastAPI application behind it."""

    def __init__(self, app: FastAPI, service: ScoringService, access: Access, metrics: Metrics, limits: Limits) -> None:
        self.app = app
        self._service = service
        self._access = access
        self._metrics = metrics
        self._limits = limits
        self._in_flight = 0
        metrics.in_flight.set_function(lambda: self._in_flight)

    @property
    def draining(self) -> bool:
        """Whether the service is stopping."""
        return self._service.draining

    def drain(self) -> None:
        """No longer ready, still answering."""
        self._service.draining = True

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
        elif scope["path"] == SCORE and scope["method"] == "POST":
            await self._score(scope, receive, send)
        else:
            await self._others(scope, receive, send)

    async def _score(self, scope: Scope, receive: Receive, send: Send) -> None:
        started = perf_counter()
        request_id = secrets.token_hex(16)
        try:
            self._enter()
            try:
                reply = await self._scored(scope, receive, request_id, started)
            except ServiceError as error:
                reply = self._refusal(error, request_id)
            finally:
                self._in_flight -= 1
        except ClientGone:
            self._metrics.answered(SCORE, CLIENT_CLOSED, self._service.label, perf_counter() - started)
            return
        except ServiceError as error:
            reply = self._refusal(error, request_id)
        except Exception:
            reply = self._fault(request_id)
        await _send(reply, request_id, send)
        self._metrics.answered(SCORE, reply.status, self._service.label, perf_counter() - started)

    async def _scored(self, scope: Scope, receive: Receive, request_id: str, started: float) -> Reply:
        headers: Headers = dict(scope["headers"])
        caller = self._access.caller(headers.get(access.HEADER), "score")
        if not headers.get(b"content-type", b"").startswith(b"application/json"):
            raise UnsupportedMediaTypeError("send application/json; files go to /predict")
        body = await self._body(headers, receive)
        explain = bool(scope["query_string"]) and _wants_explanation(scope["query_string"])
        ask = Ask(request_id, caller.name, started, explain)
        key = headers.get(b"idempotency-key")
        if key is None:
            return Reply(200, [JSON], await self._service.score(body, ask))
        answer, again = await self._service.score_once(body, ask, key[:MAX_KEY].decode("latin-1"))
        return Reply(200, [JSON, REPLAYED] if again else [JSON], answer)

    async def _body(self, headers: Headers, receive: Receive) -> bytes:
        receive = self._limited(headers, receive, self._limits.max_body_bytes)
        message = await receive()
        if not message["more_body"]:
            return bytes(message["body"])
        parts = [message["body"]]
        while message["more_body"]:
            message = await receive()
            parts.append(message["body"])
        return b"".join(parts)

    def _limited(self, headers: Headers, receive: Receive, at_most: int) -> Receive:
        """`receive` that refuses bodies too large, too slow or broken off."""
        if int(headers.get(b"content-length", b"0")) > at_most:
            raise _too_large(at_most)
        deadline = asyncio.get_running_loop().time() + self._limits.body_timeout_s
        size, complete = 0, False

        async def limited() -> Message:
            nonlocal size, complete
            if complete:
                return await receive()
            try:
                async with asyncio.timeout_at(deadline):
                    message = await receive()
            except TimeoutError:
                raise SlowBodyError(f"the body did not arrive within {self._limits.body_timeout_s:g} s") from None
            if message["type"] == "http.disconnect":
                raise ClientGone
            size += len(message.get("body", b""))
            if size > at_most:
                raise _too_large(at_most)
            message = {"body": b"", "more_body": False, **message}
            complete = not message["more_body"]
            return message

        return limited

    async def _others(self, scope: Scope, receive: Receive, send: Send) -> None:
        started = perf_counter()
        request_id = secrets.token_hex(16)
        scope["state"] = {"request_id": request_id, "started": started}
        status = 0

        async def watched(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message = {**message, "headers": [*message["headers"], (b"x-request-id", request_id.encode())]}
            await send(message)

        exempt = scope["path"] in UNLIMITED
        try:
            if not exempt:
                self._enter()
            try:
                await self.app(scope, self._limited_for(scope, receive), watched)
            finally:
                self._in_flight -= not exempt
        except ClientGone:
            status = CLIENT_CLOSED
        except Exception as error:
            if not status:
                reply = self._refusal(error, request_id) if isinstance(error, ServiceError) else self._fault(request_id)
                status = reply.status
                await _send(reply, request_id, send)
            else:
                self._fault(request_id)
        route = getattr(scope.get("route"), "path", "unmatched")
        self._metrics.answered(route, status, self._service.label, perf_counter() - started)

    def _limited_for(self, scope: Scope, receive: Receive) -> Receive:
        uploads = scope["path"] == UPLOAD
        at_most = self._limits.max_file_bytes if uploads else self._limits.max_body_bytes
        return self._limited(dict(scope["headers"]), receive, at_most)

    def _enter(self) -> None:
        if self._in_flight >= self._limits.max_in_flight:
            raise OverloadedError(f"{self._limits.max_in_flight} requests are being answered already")
        self._in_flight += 1

    def _refusal(self, error: ServiceError, request_id: str) -> Reply:
        log.info("refused", extra={"fields": {"request_id": request_id, "code": error.code, "status": error.status}})
        headers = [PROBLEM, *((k.lower().encode(), v.encode()) for k, v in error.headers.items())]
        return Reply(error.status, headers, problem.body(error, request_id))

    def _fault(self, request_id: str) -> Reply:
        log.exception("fault", extra={"fields": {"request_id": request_id}})
        error = InternalError("a fault of the service; the request id finds it in the logs")
        return Reply(error.status, [PROBLEM], problem.body(error, request_id))


async def _send(reply: Reply, request_id: str, send: Send) -> None:
    headers: list[Any] = [
        *reply.headers,
        (b"content-length", str(len(reply.body)).encode()),
        (b"x-request-id", request_id.encode()),
    ]
    await send({"type": "http.response.start", "status": int(reply.status), "headers": headers})
    await send({"type": "http.response.body", "body": reply.body})


def _too_large(at_most: int) -> BodyTooLargeError:
    return BodyTooLargeError(f"the body is larger than {at_most:,} bytes")


def _wants_explanation(query: bytes) -> bool:
    return parse_qs(query.decode("latin-1")).get("explain", [""])[-1].lower() in {"true", "1"}
