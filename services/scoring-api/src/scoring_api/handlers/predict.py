"""The plain face of scoring: JSON gets JSON, a file gets a file."""

from __future__ import annotations

import asyncio
from pathlib import PurePath
from typing import Any

from fastapi import APIRouter, Request, Response
from starlette.datastructures import UploadFile

from scoring_api import openapi, table
from scoring_api.errors import InvalidRequestError, UnsupportedMediaTypeError
from scoring_api.handlers.context import Question, Service

router = APIRouter(tags=["scoring"])

FILE: dict[str, Any] = {
    "multipart/form-data": {
        "schema": {
            "type": "object",
            "required": ["file"],
            "properties": {"file": {"type": "string", "contentMediaType": "text/csv"}},
        }
    },
    "text/csv": {"schema": {"type": "string"}},
}
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
    openapi_extra={
        "requestBody": {"required": True, "content": {**openapi.body("application/json")["content"], **FILE}}
    },
    responses={**ANSWERS, **openapi.PROBLEM_RESPONSES},
    response_class=Response,
)
async def predict(request: Request, service: Service, question: Question) -> Response:
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type == "application/json":
        return Response(await service.score(await request.body(), question), media_type="application/json")
    if media_type == "text/csv":
        return await _answer_file(service, question, "applicants.csv", await request.body())
    if media_type == "multipart/form-data":
        async with request.form(max_files=1, max_fields=0) as form:
            file = form.get("file")
            if not isinstance(file, UploadFile):
                raise InvalidRequestError("the form has no file; name its field `file`")
            return await _answer_file(service, question, file.filename or "applicants.csv", await file.read())
    raise UnsupportedMediaTypeError("send application/json, text/csv or a form with a CSV file")


async def _answer_file(service: Service, question: Question, name: str, content: bytes) -> Response:
    if not name.lower().endswith(".csv"):
        raise UnsupportedMediaTypeError("files must be CSV, with a name that ends in .csv")
    answer = await service.answer_table(content, question)
    stem = "".join(c for c in PurePath(name).stem if c.isalnum() or c in "-_") or "applicants"
    return Response(
        await asyncio.to_thread(table.write_csv, answer),
        media_type="text/csv",
        headers={"Content-Disposition": f'attachment; filename="{stem}-scored.csv"'},
    )
