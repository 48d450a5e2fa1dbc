"""What handlers are given."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Request

from drift_monitor.published import Published


def _published(request: Request) -> Published:
    published: Published = request.app.state.published
    return published


ThePublished = Annotated[Published, Depends(_published)]
