"""What was decided, and why: for the auditor."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Depends

from scoring_api import openapi
from scoring_api.errors import NotFoundError
from scoring_api.handlers.context import Service, requires

router = APIRouter(tags=["journal"])


@router.get(
    "/decisions/{decision_id}",
    summary="A recorded decision",
    description="As it was recorded: model, policy and image digests, commit, PD, score, decision, reasons, its place "
    "in the hash chain, the values until retention deletes them, and the outcome once known.",
    dependencies=[Depends(requires("admin"))],
    responses=openapi.problems(401, 403, 404, 503),
)
async def decision(decision_id: str, service: Service) -> dict[str, Any]:
    found = await service.journal.find(decision_id)
    if found is None:
        raise NotFoundError("no such decision is recorded here")
    return dict(found)
