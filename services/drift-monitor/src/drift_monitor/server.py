"""The long-lived process: one uvicorn server that shows what was published, and starts a run at every interval."""

from __future__ import annotations

import logging
from collections.abc import Sequence

import uvicorn

from drift_monitor.app import create_app
from drift_monitor.settings import Settings


def serve(settings: Settings, arguments: Sequence[str]) -> int:
    """Serve until SIGTERM; `arguments` are those of `drift-monitor run`.

    Raises:
        SettingsError: the application cannot be made of these settings.
    """
    logging.basicConfig(level="INFO", format="%(asctime)s %(levelname)s %(name)s %(message)s")
    uvicorn.run(
        create_app(settings, arguments),
        host=settings.host,
        port=settings.port,
        access_log=False,
        log_config=None,
        server_header=False,
    )
    return 0
