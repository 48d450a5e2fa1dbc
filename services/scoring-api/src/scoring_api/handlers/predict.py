"""The plain face of scoring: JSON gets JSON, a file gets a file."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request, Response

from credit_contract.schema import FeatureSchema
from scoring_api import openapi, table
from scoring_api.answer import Answer
from scoring_api.batch import Rows
from scoring_api.handlers.context import QuestionOnce, Service, answered
from scoring_api.handlers.upload import Upload, received
from scoring_api.media import CSV, JSON, PARQUET

router = APIRouter(tags=["scoring"])

BINARY = {"schema": {"type": "string", "format": "binary"}}
ANSWERS: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "JSON for JSON, CSV for CSV, Parquet for Parquet",
        "content": {
            JSON: {"schema": openapi.ANSWER},
            CSV: {"schema": {"type": "string"}},
            PARQUET: BINARY,
        },
    }
}
BODY = openapi.body_of(openapi.APPLICANTS)
BODY["content"][PARQUET] = BINARY


@router.post(
    "/predict",
    summary="Score applicants or a file of them",
    description="JSON as for `/v1/score`, or a CSV or Parquet file (form field `file`, or the body itself) whose "
    "columns are fields; the answer to a file is a file of the same kind with one row for each of its rows.",
    openapi_extra={"requestBody": BODY},
    responses={**ANSWERS, **openapi.SCORING_PROBLEMS, **openapi.problems(409)},
    response_class=Response,
)
async def predict(request: Request, service: Service, question: QuestionOnce) -> Response:
    upload = await received(request, CSV, PARQUET)
    if upload.media_type == JSON:
        return answered(await service.score_once(upload.content, question), JSON)
    told = await service.score_table(
        upload.content,
        lambda schema, limit: _read(upload, schema, limit),
        lambda answer: _written(upload.media_type, answer),
        question,
    )
    suffix = "csv" if upload.media_type == CSV else "parquet"
    named = {"Content-Disposition": f'attachment; filename="{upload.stem}-scored.{suffix}"'}
    return answered(told, upload.media_type, named)


def _read(upload: Upload, schema: FeatureSchema, limit: int) -> Rows:
    if upload.media_type == CSV:
        return table.read_csv(schema, upload.content, limit)
    from scoring_api import parquet  # takes a tenth of a second, and most services never get such a file

    return parquet.read_rows(schema, upload.content, limit)


def _written(media_type: str, answer: Answer) -> bytes:
    if media_type == CSV:
        return table.write_csv(answer)
    from scoring_api import parquet  # as above

    return parquet.write_rows(table.HEADER, table.rows(answer))
