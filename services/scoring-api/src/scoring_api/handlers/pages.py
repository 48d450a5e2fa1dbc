"""Pages for people, with all their files from this process: no CDN, so they work in closed networks."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from fastapi import APIRouter
from fastapi.openapi.docs import get_swagger_ui_html
from starlette.responses import FileResponse, HTMLResponse
from starlette.staticfiles import StaticFiles

from scoring_api.errors import ServiceError

router = APIRouter(include_in_schema=False)
ASSETS = "/docs/assets"
PAGE = "/page"
FOLDER = Path(__file__).parents[1] / "page"

# Nothing inline, nothing from elsewhere, and no other site may frame the page and have its buttons pressed.
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'",
    "Cache-Control": "no-cache",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


def assets() -> StaticFiles:
    """Swagger UI's files, from the package that ships them (found, not imported: it would patch nothing we use)."""
    found = importlib.util.find_spec("fastapi_offline")
    if found is None or found.origin is None:
        raise ServiceError("the package fastapi-offline, which holds the assets of /docs, is not installed")
    return StaticFiles(directory=Path(found.origin).parent / "static")


def files() -> StaticFiles:
    """The page's style and scripts."""
    return StaticFiles(directory=FOLDER)


@router.get("/")
async def page() -> FileResponse:
    return FileResponse(FOLDER / "index.html", headers=HEADERS)


@router.get("/docs")
async def docs() -> HTMLResponse:
    return get_swagger_ui_html(
        openapi_url="/openapi.json",
        title="Credit scoring API",
        swagger_js_url=f"{ASSETS}/swagger-ui-bundle.js",
        swagger_css_url=f"{ASSETS}/swagger-ui.css",
        swagger_favicon_url=f"{ASSETS}/favicon.png",
    )
