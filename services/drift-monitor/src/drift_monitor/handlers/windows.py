"""Published windows as JSON, and their reports."""

from __future__ import annotations

from fastapi import APIRouter, Response

from drift_monitor.document import Index, WindowVerdict
from drift_monitor.errors import NotFoundError
from drift_monitor.handlers.context import ThePublished
from drift_monitor.retraining import Ledger

router = APIRouter(tags=["windows"])
# A report is a page that Evidently wrote around data: it may run its scripts, and reach nothing of this origin.
SANDBOX = {"Content-Security-Policy": "sandbox allow-scripts", "X-Content-Type-Options": "nosniff"}


@router.get("/api/windows", summary="All windows", description="The last run, and a line for each published window.")
def windows(published: ThePublished) -> Index:
    index = published.index()
    if index is None:
        raise NotFoundError("nothing was published yet")
    return index


@router.get("/api/retraining", summary="Training runs", description="What came of each verdict `retrain`.")
def retraining(published: ThePublished) -> Ledger:
    return published.store.ledger()


@router.get("/api/windows/{window}", summary="A window", description="The window's verdict.json.")
def window(window: str, published: ThePublished) -> WindowVerdict:
    return published.store.verdict(window)


@router.get("/windows/{window}/{name}", summary="A report", description="The Evidently report: report.html or .json.")
def report(window: str, name: str, published: ThePublished) -> Response:
    content = published.store.report(window, name)
    kind = "text/html" if name.endswith(".html") else "application/json"
    return Response(content, media_type=kind, headers=SANDBOX)
