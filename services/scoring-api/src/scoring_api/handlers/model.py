"""What is served: manifest, evaluation, card, policy and fields of the bundle."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter

from scoring_api.card import card
from scoring_api.handlers.context import Service
from scoring_api.preview import in_short

router = APIRouter(tags=["model"])


@router.get(
    "/model",
    summary="The model that answers",
    description="Its digest, where it comes from, how good it was, its card as Markdown, and the policy that "
    "decides on its PD.",
)
async def model(service: Service) -> dict[str, Any]:
    served, challenger = service.serving.model, service.serving.challenger
    bundle = served.bundle
    return {
        "model_tag": served.tag,
        "model_digest": bundle.digest,
        "challenger_digest": challenger.model.bundle.digest if challenger is not None else None,
        "manifest": bundle.manifest.model_dump(mode="json"),
        "evaluation": bundle.evaluation,
        "card": card(bundle, served.tag),
        "policy": bundle.policy.model_dump(mode="json"),
        "fields": [field.model_dump(mode="json", exclude_defaults=True) for field in bundle.schema.fields],
        "reference_applicant": in_short(bundle.baseline.reference_applicant),
    }
