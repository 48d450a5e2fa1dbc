"""Errors as RFC 9457 problem documents: `application/problem+json`. The one place that knows their shape."""

from __future__ import annotations

from typing import Any

import orjson

from scoring_api.errors import InvalidRowsError, ServiceError

MEDIA_TYPE = "application/problem+json"


def document(error: ServiceError, request_id: str) -> dict[str, Any]:
    """The members of the problem; `problems` lists what is wrong field by field, each with a JSON pointer."""
    members: dict[str, Any] = {
        "type": "about:blank",
        "title": error.status.phrase,
        "status": int(error.status),
        "detail": str(error),
        "code": error.code,
        "request_id": request_id,
    }
    if isinstance(error, InvalidRowsError):
        members["problems"] = [
            {
                "path": "/".join(["", *([str(problem.row)] if error.listed else []), *filter(None, [problem.field])]),
                "code": problem.code,
                "expected": problem.expected,
            }
            for problem in error.problems
        ]
    return members


def body(error: ServiceError, request_id: str) -> bytes:
    """The problem as JSON text."""
    return orjson.dumps(document(error, request_id))
