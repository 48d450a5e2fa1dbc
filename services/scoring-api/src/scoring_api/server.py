"""The server around the application: one uvicorn process, one loop, graceful on SIGTERM. No workers: pods scale."""

from __future__ import annotations

import asyncio
import signal
from types import FrameType

import uvicorn

from scoring_api.app import create_app
from scoring_api.edge import Edge
from scoring_api.logs import log
from scoring_api.settings import Settings


class GracefulServer(uvicorn.Server):
    """On SIGTERM: not ready at once, answering while load balancers notice, then finishing; exits 0."""

    def __init__(self, config: uvicorn.Config, edge: Edge, drain_s: float) -> None:
        super().__init__(config)
        self._edge = edge
        self._drain_s = drain_s

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """A second signal does not wait. Not calling super keeps uvicorn from raising the signal again at the end."""
        del frame
        if self._edge.draining:
            self.should_exit = True
            self.force_exit = sig == signal.SIGINT
            return
        log.info("stopping", extra={"fields": {"signal": signal.Signals(sig).name, "drain_s": self._drain_s}})
        self._edge.drain()
        if self._drain_s:
            asyncio.get_running_loop().call_later(self._drain_s, self._stop)
        else:
            self._stop()

    def _stop(self) -> None:
        self.should_exit = True


def make_server(settings: Settings) -> GracefulServer:
    """A server that is not running yet.

    Raises:
        SettingsError: the application cannot be made of these settings.
    """
    edge = create_app(settings)
    config = uvicorn.Config(
        edge,
        host=settings.host,
        port=settings.port,
        loop="uvloop",
        http="httptools",
        ws="none",
        lifespan="on",
        access_log=False,
        log_config=None,
        server_header=False,
        timeout_graceful_shutdown=settings.stop_timeout_s,
    )
    return GracefulServer(config, edge, settings.drain_s)
