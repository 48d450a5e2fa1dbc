"""The page for people, and the documentation page with its assets from this process: no CDN."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from fastapi import APIRouter
from fastapi.openapi.docs import get_swagger_ui_html
from jinja2 import Environment, PackageLoader
from starlette.responses import HTMLResponse
from starlette.staticfiles import StaticFiles

from drift_monitor.document import Index
from drift_monitor.errors import SettingsError
from drift_monitor.handlers.context import ThePublished
from drift_monitor.plot import Chart, Line, chart

router = APIRouter(include_in_schema=False)
ASSETS = "/docs/assets"
_TEMPLATES = Environment(loader=PackageLoader("drift_monitor", ""), autoescape=True)


@router.get("/")
def page(published: ThePublished) -> HTMLResponse:
    index, away = published.shown()
    charts = timelines(index, published.psi_limit) if index is not None and index.windows else ()
    return HTMLResponse(
        _TEMPLATES.get_template("page.html").render(index=index, away=away, charts=charts),
        headers={"Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'"},
    )


def timelines(index: Index, psi_limit: float) -> tuple[Chart, ...]:
    """PSI, Gini and default rate over windows; two curves of one chart are of the same decisions, or say of which."""
    times, lines = [line.end for line in index.windows], index.windows
    return (
        chart(
            "PSI against the baseline",
            times,
            [
                Line("score", [line.score_psi for line in lines]),
                Line("largest of a field", [line.largest_psi for line in lines]),
            ],
            limit=psi_limit,
        ),
        chart(
            "Gini estimated before outcomes",
            times,
            [
                Line("all decisions", [line.promised_gini for line in lines]),
                Line("the approved", [line.promised_approved_gini for line in lines]),
            ],
        ),
        chart(
            "Gini of matured vintages",
            times,
            [
                Line("promised to the same", [line.vintage_promised_gini for line in lines]),
                Line("realised", [line.realised_gini for line in lines]),
            ],
        ),
        chart(
            "Default rate of matured vintages",
            times,
            [
                Line("expected", [line.expected_default_rate for line in lines]),
                Line("realised", [line.realised_default_rate for line in lines]),
            ],
        ),
    )


def assets() -> StaticFiles:
    """Swagger UI's files, from the package that ships them."""
    found = importlib.util.find_spec("fastapi_offline")
    if found is None or found.origin is None:
        raise SettingsError("the package fastapi-offline, which holds the assets of /docs, is not installed")
    return StaticFiles(directory=Path(found.origin).parent / "static")


@router.get("/docs")
async def docs() -> HTMLResponse:
    return get_swagger_ui_html(
        openapi_url="/openapi.json",
        title="Drift monitor",
        swagger_js_url=f"{ASSETS}/swagger-ui-bundle.js",
        swagger_css_url=f"{ASSETS}/swagger-ui.css",
        swagger_favicon_url=f"{ASSETS}/favicon.png",
    )
