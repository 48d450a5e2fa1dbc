"""The application, made by a function so that tests and servers can each have their own. Only wiring."""

from __future__ import annotations

import asyncio
import gc
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import orjson
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.openapi.utils import get_openapi
from starlette.exceptions import HTTPException
from starlette.responses import Response

from scoring_api import openapi, problem
from scoring_api.access import Access
from scoring_api.edge import Edge
from scoring_api.errors import (
    InternalError,
    InvalidRequestError,
    MalformedBodyError,
    MethodNotAllowedError,
    NotFoundError,
    ServiceError,
)
from scoring_api.handlers import decisions, health, inference, model, outcomes, pages, predict, prediction, preview
from scoring_api.journal import Journal
from scoring_api.journal.database import DatabaseJournal
from scoring_api.journal.engine import journal_url
from scoring_api.journal.off import NoJournal
from scoring_api.keys import read_callers
from scoring_api.logs import refused
from scoring_api.metrics import Metrics
from scoring_api.service import ScoringService
from scoring_api.settings import Settings

if TYPE_CHECKING:
    from scoring_api.telemetry import Traces


def create_app(settings: Settings, environment: Mapping[str, str] = os.environ) -> Edge:
    """The whole service, its bundle not yet loaded: that is the lifespan's first act.

    Raises:
        SettingsError: keys are required and there are none, or they cannot be read.
    """
    metrics = Metrics()
    journal = _journal(settings, environment)
    service = ScoringService(settings, metrics, journal)
    metrics.ready.set_function(lambda: float(service.fault() is None))
    metrics.journal_lag.set_function(journal.lag_s)
    metrics.journal_spool.set_function(journal.spool_bytes)
    access = Access(read_callers(settings, environment), settings.limits.requests_per_minute)
    traces = _traces(settings)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        service.load(settings.bundle, settings.tag, settings.shadow.bundle, settings.model_digest)
        gc.collect()
        gc.freeze()  # a hundred thousand objects that never die need not be looked at again while requests wait
        await journal.open()
        service.start()
        try:
            yield
        finally:
            await edge.close()
            await service.close()
            await journal.close()
            if traces is not None:
                await asyncio.to_thread(traces.close)

    app = FastAPI(
        title="Credit scoring API", version=version("scoring-api"), docs_url=None, redoc_url=None, lifespan=lifespan
    )
    app.state.service, app.state.metrics, app.state.access = service, metrics, access
    for routes in (predict, prediction, preview, inference, decisions, outcomes, health, model, pages):
        app.include_router(routes.router)
    app.mount(pages.ASSETS, pages.assets())
    app.mount(pages.PAGE, pages.files())
    app.add_exception_handler(ServiceError, _problem)
    app.add_exception_handler(HTTPException, _problem)
    app.add_exception_handler(RequestValidationError, _problem)
    app.add_exception_handler(Exception, _problem)
    app.openapi = lambda: _openapi(app, service, settings)  # type: ignore[method-assign]
    edge = Edge(app, service, access, metrics, settings.limits, traces)
    return edge


def _journal(settings: Settings, environment: Mapping[str, str]) -> Journal:
    if not settings.journal.keep:
        return NoJournal()
    url = journal_url(environment, settings.journal.file)
    return DatabaseJournal(url, settings.journal.volume, settings.journal.spool_limit_bytes)


def _traces(settings: Settings) -> Traces | None:
    if not settings.traces_endpoint:
        return None
    from scoring_api.telemetry import Traces

    return Traces(settings.traces_endpoint)


async def _problem(request: Request, error: Exception) -> Response:
    told = error if isinstance(error, ServiceError) else _translated(request, error)
    if not isinstance(told, InternalError):  # the edge logs those, with their traceback
        refused(told, request.state.request_id)
    document = problem.document(told, request.state.request_id)
    if request.url.path.startswith("/v2"):  # where clients of the Open Inference Protocol look
        document["error"] = document["detail"]
    headers = {**told.headers, "Connection": "close"} if told.closes else dict(told.headers)
    return Response(orjson.dumps(document), told.status, headers, problem.MEDIA_TYPE)


def _translated(request: Request, error: Exception) -> ServiceError:
    if isinstance(error, RequestValidationError):  # its own words would quote what was sent
        first = error.errors()[0]
        return InvalidRequestError(f"{'.'.join(map(str, first['loc']))}: {first['msg']}")
    if not isinstance(error, HTTPException):
        return InternalError("a fault of the service; the request id finds it in the logs")
    if error.status_code == 404:
        return NotFoundError(f"nothing at {request.url.path}; /docs lists what there is")
    if error.status_code == 405:
        return MethodNotAllowedError(request.method, (error.headers or {}).get("Allow", "other methods"))
    if error.status_code == 400:
        return MalformedBodyError(str(error.detail))
    return InvalidRequestError(str(error.detail))


def _openapi(app: FastAPI, service: ScoringService, settings: Settings) -> dict[str, Any]:
    document = get_openapi(title=app.title, version=app.version, routes=app.routes)
    bundle = service.serving.model.bundle if service.loaded else None
    return openapi.complete(document, bundle, settings.limits.max_applicants)
