"""The application, made by a function so that tests and servers can each have their own. Only wiring."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from importlib.metadata import version

from fastapi import FastAPI, Request
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response

from drift_monitor.bundles import read_bundles
from drift_monitor.errors import MonitorError
from drift_monitor.handlers import health, pages, windows
from drift_monitor.metrics import Metrics
from drift_monitor.published import Published
from drift_monitor.schedule import Schedule
from drift_monitor.settings import Settings, journal_address
from drift_monitor.trainers import trainer
from drift_monitor.verdict import read_table


def create_app(settings: Settings, arguments: Sequence[str] | None = None) -> FastAPI:
    """The exporter and the page; with `arguments` of `drift-monitor run`, it also runs that at every interval.

    Raises:
        SettingsError: no run could be: a bundle or the verdict table cannot be read, the place of reports is of no
            known kind, no source is named, or a secret is missing.
    """
    read_bundles(settings)
    read_table(settings.verdict_table)
    if arguments is not None:
        _refuse_without_secrets(settings)
    metrics = Metrics()
    schedule = None if arguments is None else Schedule(arguments, settings.interval_minutes * 60, metrics)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        running = asyncio.create_task(schedule.keep()) if schedule else None
        yield
        if running is not None:
            running.cancel()
            with suppress(asyncio.CancelledError):
                await running

    app = FastAPI(
        title="Drift monitor", version=version("drift-monitor"), docs_url=None, redoc_url=None, lifespan=lifespan
    )
    app.state.published = Published(settings, metrics)
    for routes in (health, windows, pages):
        app.include_router(routes.router)
    app.mount(pages.ASSETS, pages.assets())
    app.add_exception_handler(MonitorError, _problem)
    app.add_exception_handler(HTTPException, _problem)
    return app


def _refuse_without_secrets(settings: Settings) -> None:
    if settings.files.decisions is None:
        journal_address(os.environ.get("JOURNAL_URL"))
    trainer(settings.retraining)


async def _problem(request: Request, error: Exception) -> Response:
    """RFC 9457."""
    if isinstance(error, MonitorError):
        status, title, detail, code = int(error.status), error.status.phrase, str(error), error.code
    else:
        assert isinstance(error, HTTPException)
        status, title = error.status_code, str(error.detail)
        detail, code = f"{request.method} {request.url.path}: see /docs for what there is", "not_found"
    document = {"type": "about:blank", "title": title, "status": status, "detail": detail, "code": code}
    return JSONResponse(document, status, media_type="application/problem+json")
