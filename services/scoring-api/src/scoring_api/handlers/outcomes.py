"""What became of decisions: for whoever knows who paid."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

import orjson
from fastapi import APIRouter, Depends, Request

from scoring_api import openapi
from scoring_api.errors import InvalidRequestError, MalformedBodyError
from scoring_api.handlers.context import Service, requires
from scoring_api.handlers.upload import Upload, received
from scoring_api.journal import Outcome
from scoring_api.journal.outcomes import parse_outcomes
from scoring_api.media import CSV, JSON

router = APIRouter(tags=["journal"])

OUTCOME = {
    "type": "object",
    "required": ["decision_id", "outcome", "date"],
    "properties": {
        "decision_id": {"type": "string", "pattern": r"^[^\x00]+$"},
        "outcome": {"enum": ["paid", "defaulted"]},
        "date": {"type": "string", "format": "date"},
    },
    "additionalProperties": False,
}
NOBODY = "send one outcome, or a list of them with at least one"
OUTCOMES = {"oneOf": [OUTCOME, {"type": "array", "minItems": 1, "items": OUTCOME}]}


@router.post(
    "/outcomes",
    summary="Tell what became of decisions",
    description="One outcome, a list, or a CSV file with the columns decision_id, outcome and date. Repeating an "
    "outcome changes nothing. One that contradicts what is recorded, or is dated before its decision, is refused, and "
    "nothing of its file is recorded.",
    dependencies=[Depends(requires("outcomes"))],
    openapi_extra={"requestBody": openapi.body_of(OUTCOMES)},
    responses=openapi.problems(400, 401, 403, 409, 413, 415, 422, 503),
)
async def outcomes(request: Request, service: Service) -> dict[str, Any]:
    upload = await received(request, CSV)
    told, listed = await service.read_alone(lambda: _read(upload))
    unknown = await service.journal.add_outcomes(told, listed=listed)
    return {"recorded": len(told) - len(unknown), "unknown_decisions": unknown}


def _read(upload: Upload) -> tuple[list[Outcome], bool]:
    """The outcomes of a body, and whether it lists them."""
    rows, listed = (_lines(upload.content), True) if upload.media_type == CSV else _document(upload.content)
    told = parse_outcomes(rows, datetime.now(UTC).date(), listed=listed)
    if not told:
        raise InvalidRequestError(NOBODY)
    return told, listed


def _lines(content: bytes) -> Iterator[Mapping[Any, Any]]:
    try:
        lines = csv.DictReader(io.StringIO(content.decode("utf-8-sig")), strict=True)
        header = lines.fieldnames or []
        if len(set(header)) < len(header):
            raise MalformedBodyError("the file's header names a column twice")
        yield from lines
    except (ValueError, csv.Error):
        raise MalformedBodyError(f"the body is not {CSV}") from None


def _document(content: bytes) -> tuple[Iterable[Mapping[Any, Any]], bool]:
    try:
        document = orjson.loads(content)
    except ValueError:
        raise MalformedBodyError(f"the body is not {JSON}") from None
    listed = isinstance(document, list)
    rows = document if listed else [document]
    if not all(isinstance(row, dict) for row in rows):
        raise InvalidRequestError(NOBODY)
    return rows, listed
