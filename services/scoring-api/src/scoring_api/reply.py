"""An answer, whole, before it becomes ASGI messages or bytes on a connection."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from scoring_api import problem
from scoring_api.errors import ServiceError

JSON = (b"content-type", b"application/json")
PROBLEM = (b"content-type", problem.MEDIA_TYPE.encode())
REPLAYED = (b"idempotent-replayed", b"true")

Headers = Mapping[bytes, bytes]


class Reply(msgspec.Struct):
    """Status, headers without Content-Length, and body; `closes` the connection when the request was not read."""

    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes
    closes: bool = False


def refusal(error: ServiceError, request_id: str) -> Reply:
    """A problem document."""
    headers = [(name.lower().encode(), value.encode()) for name, value in error.headers.items()]
    return Reply(
        int(error.status), [PROBLEM, *headers, identified(request_id)], problem.body(error, request_id), error.closes
    )


def identified(request_id: str) -> tuple[bytes, bytes]:
    """The header by which a client can name its request."""
    return b"x-request-id", request_id.encode()
