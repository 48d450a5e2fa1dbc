"""Alive, ready, and measured."""

from __future__ import annotations

from fastapi import APIRouter, Response

from drift_monitor import metrics
from drift_monitor.handlers.context import ThePublished

router = APIRouter(tags=["health"])


@router.get("/health", summary="Alive", description="200 as long as the process can answer at all.")
async def health() -> dict[str, str]:
    return {"status": "alive"}


@router.get("/ready", summary="Ready", description="200 when published reports can be read; else 503 and why.")
def ready(published: ThePublished) -> dict[str, str]:
    published.index()
    return {"status": "ready"}


@router.get("/metrics", summary="Prometheus metrics", response_class=Response)
def exposition(published: ThePublished) -> Response:
    return Response(published.exposition(), media_type=metrics.CONTENT_TYPE)
