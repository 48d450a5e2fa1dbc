"""What an applicant would get, without a decision: for the page and for whoever explains a score to a person."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request

from scoring_api import openapi
from scoring_api.errors import InvalidRequestError
from scoring_api.handlers.applicant import one_applicant
from scoring_api.handlers.context import Service, requires
from scoring_api.preview import examples, preview as previewed

router = APIRouter(tags=["preview"])

FieldName = Annotated[str | None, Query(description="A scored field: the answer has the curve of the score along it.")]


@router.post(
    openapi.PREVIEW,
    summary="What an applicant would get",
    description="No decision: nothing is recorded or counted, and no reasons are given. With `field`, also what the "
    "same applicant would get at other values of that field.",
    dependencies=[Depends(requires("score"))],
    openapi_extra={"requestBody": openapi.body_of(openapi.APPLICANT, files=False)},
    responses={200: openapi.PREVIEWED, **openapi.SCORING_PROBLEMS},
)
async def preview(request: Request, service: Service, field: FieldName = None) -> dict[str, Any]:
    serving = service.serving
    scored = {known.name: known for known in serving.model.bundle.schema.scored_fields}
    if field is not None and field not in scored:
        raise InvalidRequestError(f"field: must be one of {', '.join(scored)}")
    batch = one_applicant(request, await request.body(), serving)
    return previewed(serving.model, batch.values()[0], scored[field] if field else None)


@router.get(
    "/model/examples",
    summary="Invented applicants to try",
    description="Some of the bundle's golden applicants, from the lowest PD to the highest, up to three for each "
    "decision. They are drawn from aggregates; none is a person.",
    responses=openapi.problems(503),
)
async def model_examples(service: Service) -> list[dict[str, Any]]:
    return examples(service.serving.model.bundle)
