"""The face that a public bank-scoring client knows: one applicant, and the customer's number beside it."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request

from scoring_api import openapi
from scoring_api.errors import InvalidRequestError, UnsupportedMediaTypeError
from scoring_api.handlers.context import Question, Service

router = APIRouter(tags=["scoring"])

CustomerId = Annotated[
    str,
    Query(min_length=1, max_length=100, pattern=r"^[^\x00]*$", description="Recorded with the decision, never scored."),
]


@router.post(
    "/api/prediction",
    summary="Score one applicant of a customer number",
    openapi_extra={"requestBody": openapi.body_of(openapi.APPLICANT, files=False)},
    responses=openapi.SCORING_PROBLEMS,
)
async def prediction(request: Request, service: Service, question: Question, cus_id: CustomerId) -> dict[str, Any]:
    if not request.headers.get("content-type", "").startswith("application/json"):
        raise UnsupportedMediaTypeError("send application/json")
    serving = service.serving
    batch = serving.reader.read(await request.body())
    if batch.form != "one":
        raise InvalidRequestError("send one applicant; lists go to /v1/score")
    question.reference = cus_id
    answer = await service.answer(serving, batch, question)
    return {"cus_id": cus_id, **answer.head(), **answer.results()[0]}
