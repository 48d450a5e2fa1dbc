"""The documentation page, with its assets from this process: no CDN, so it works in closed networks."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from fastapi import APIRouter
from fastapi.openapi.docs import get_swagger_ui_html
from starlette.responses import HTMLResponse
from starlette.staticfiles import StaticFiles

from scoring_api.errors import ServiceError

router = APIRouter(include_in_schema=False)
ASSETS = "/docs/assets"


def assets() -> StaticFiles:
    """Swagger UI's files, from the package that ships them (found, not imported: it would patch nothing we use)."""
    found = importlib.util.find_spec("fastapi_offline")
    if found is None or found.origin is None:
        raise ServiceError("the package fastapi-offline, which holds the assets of /docs, is not installed")
    return StaticFiles(directory=Path(found.origin).parent / "static")


@router.get("/docs")
async def docs() -> HTMLResponse:
    return get_swagger_ui_html(
        openapi_url="/openapi.json",
        title="Credit scoring API",
        swagger_js_url=f"{ASSETS}/swagger-ui-bundle.js",
        swagger_css_url=f"{ASSETS}/swagger-ui.css",
        swagger_favicon_url=f"{ASSETS}/favicon.png",
    )
