"""What became of decisions: for whoever knows who paid."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime
from typing import Any

import orjson
from fastapi import APIRouter, Depends, Request

from scoring_api import openapi
from scoring_api.errors import InvalidRequestError, MalformedBodyError
from scoring_api.handlers.context import Service, requires
from scoring_api.handlers.upload import Upload, received
from scoring_api.journal.outcomes import parse_outcomes
from scoring_api.media import CSV

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
    document = _document(await received(request, CSV))
    listed = isinstance(document, list)
    rows = document if listed else [document]
    if not rows or not all(isinstance(row, dict) for row in rows):
        raise InvalidRequestError("send one outcome, or a list of them with at least one")
    told = parse_outcomes(rows, datetime.now(UTC).date(), listed=listed)
    unknown = await service.journal.add_outcomes(told, listed=listed)
    return {"recorded": len(told) - len(unknown), "unknown_decisions": unknown}


def _document(upload: Upload) -> Any:
    try:
        if upload.media_type != CSV:
            return orjson.loads(upload.content)
        lines = csv.DictReader(io.StringIO(upload.content.decode("utf-8-sig")), strict=True)
        header = lines.fieldnames or []
        if len(set(header)) == len(header):
            return list(lines)
    except (ValueError, csv.Error):
        raise MalformedBodyError(f"the body is not {upload.media_type}") from None
    raise MalformedBodyError("the file's header names a column twice")
