"""Alive, ready, and measured."""

from __future__ import annotations

from fastapi import APIRouter, Response

from scoring_api import metrics
from scoring_api.errors import NotReadyError
from scoring_api.handlers.context import Service, TheMetrics

router = APIRouter(tags=["health"])


@router.get("/health", summary="Alive", description="200 as long as the process can answer at all.")
async def health() -> dict[str, str]:
    return {"status": "alive"}


@router.get(
    "/ready",
    summary="Ready",
    description="200 when the bundle's hashes and golden applicants agree and decisions can be recorded; else 503 and "
    "why.",
)
async def ready(service: Service) -> dict[str, str]:
    if fault := service.fault():
        raise NotReadyError(fault)
    served = service.serving.model
    return {"status": "ready", "model_tag": served.tag, "model_digest": served.bundle.digest}


@router.get("/metrics", summary="Prometheus metrics", response_class=Response)
async def exposition(measured: TheMetrics) -> Response:
    return Response(measured.exposition(), media_type=metrics.CONTENT_TYPE)
