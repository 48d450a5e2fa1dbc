"""The face that a public bank-scoring client knows: one applicant, and the customer's number beside it."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Query, Request

from scoring_api import openapi
from scoring_api.handlers.applicant import one_applicant
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
    serving = service.serving
    batch = await one_applicant(request, serving)
    question.reference = cus_id
    answer = await service.answer(serving, batch, question)
    return {"cus_id": cus_id, **answer.head(), **msgspec.structs.asdict(answer.results()[0])}
