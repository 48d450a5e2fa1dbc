"""The plain face of scoring: JSON gets JSON, a file gets a file."""

from __future__ import annotations

import asyncio
from typing import Any

from fastapi import APIRouter, Request, Response

from scoring_api import openapi, table
from scoring_api.handlers.context import Question, Service
from scoring_api.handlers.upload import received

router = APIRouter(tags=["scoring"])

ANSWERS: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "JSON for JSON, CSV for CSV",
        "content": {"application/json": {"schema": openapi.ANSWER}, "text/csv": {"schema": {"type": "string"}}},
    }
}


@router.post(
    "/predict",
    summary="Score applicants or a file of them",
    description="JSON as for `/v1/score`, or a CSV file (form field `file`, or the body itself) with a header of field "
    "names; the answer to a file is a file with one line for each row.",
    openapi_extra={"requestBody": openapi.body_of(openapi.APPLICANTS)},
    responses={**ANSWERS, **openapi.SCORING_PROBLEMS},
    response_class=Response,
)
async def predict(request: Request, service: Service, question: Question) -> Response:
    upload = await received(request)
    if upload.media_type == "application/json":
        return Response(await service.score(upload.content, question), media_type=upload.media_type)
    answer = await service.answer_table(upload.content, question)
    return Response(
        await asyncio.to_thread(table.write_csv, answer),
        media_type=upload.media_type,
        headers={"Content-Disposition": f'attachment; filename="{upload.stem}-scored.csv"'},
    )
