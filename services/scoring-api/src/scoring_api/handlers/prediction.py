"""The face that a public bank-scoring client knows: one applicant, and the customer's number beside it."""

from __future__ import annotations

from typing import Annotated

import msgspec
from fastapi import APIRouter, Query, Request, Response

from scoring_api import openapi
from scoring_api.answer import Answer
from scoring_api.handlers.applicant import one_applicant
from scoring_api.handlers.context import QuestionOnce, Service, answered
from scoring_api.media import JSON
from scoring_api.service import Read

router = APIRouter(tags=["scoring"])

CustomerId = Annotated[
    str,
    Query(min_length=1, max_length=100, pattern=r"^[^\x00]*$", description="Recorded with the decision, never scored."),
]


@router.post(
    "/api/prediction",
    summary="Score one applicant of a customer number",
    openapi_extra={"requestBody": openapi.body_of(openapi.APPLICANT, files=False)},
    responses={200: openapi.PREDICTED, **openapi.SCORING_PROBLEMS, **openapi.problems(409)},
    response_class=Response,
)
async def prediction(request: Request, service: Service, question: QuestionOnce, cus_id: CustomerId) -> Response:
    question.reference = cus_id
    body = await request.body()

    async def read() -> Read:
        serving = service.serving
        return serving, service.parsed(question, lambda: one_applicant(request, body, serving))

    def tell(answer: Answer) -> bytes:
        return msgspec.json.encode({"cus_id": cus_id, **answer.head(), **msgspec.structs.asdict(answer.results()[0])})

    return answered(await service.once(question, b"\0".join([cus_id.encode(), body]), read, tell), JSON)
