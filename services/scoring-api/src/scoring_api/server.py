"""The server around the application: one uvicorn process, one loop, graceful on SIGTERM. No workers: pods scale."""

from __future__ import annotations

import asyncio
import math
import signal
import socket
import threading
import time
from collections.abc import Callable
from types import FrameType

import uvicorn

from scoring_api.app import create_app
from scoring_api.connection import Connection
from scoring_api.errors import SettingsError
from scoring_api.keys import Keys
from scoring_api.logs import log
from scoring_api.service import ScoringService
from scoring_api.settings import Settings

LOOK_TICKS = 10
"""Between two looks at the file of keys: a second."""


class GracefulServer(uvicorn.Server):
    """On SIGTERM: not ready at once, answering while load balancers notice and while decisions wait for the database,
    then finishing; exits 0.

    On SIGHUP: reads `bundle`, `tag` and `shadow` of the settings again and serves what they name, without a failed
    request, and the API keys of `keys_file`, as it does when that file changes. Bundle with challenger, or keys, that
    are refused leave the old ones.
    """

    def __init__(
        self,
        config: uvicorn.Config,
        service: ScoringService,
        keys: Keys,
        settings: Settings,
        again: Callable[[], Settings],
    ) -> None:
        super().__init__(config)
        self._service = service
        self._keys = keys
        self._again = again
        self._reloading: asyncio.Task[None] | None = None
        self._told_again = False
        self._drain_s = settings.drain_s
        self._spool_patience_s = settings.journal.patience_s
        self._stop_at = math.inf
        self._patience_s = settings.limits.request_timeout_s

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """A second signal does not wait. Not calling super keeps uvicorn from raising the signal again at the end."""
        del frame
        if self._service.draining:
            self.should_exit = True
            self.force_exit = sig == signal.SIGINT
            return
        log.info("stopping", extra={"fields": {"signal": signal.Signals(sig).name, "drain_s": self._drain_s}})
        self._service.draining = True
        self._stop_at = time.monotonic() + self._drain_s

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """As uvicorn, listening to SIGHUP too."""
        if threading.current_thread() is threading.main_thread():
            asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, self._reload)
        await super().startup(sockets)

    def _reload(self) -> None:
        self._told_again = True
        if self._reloading is None or self._reloading.done():
            self._reloading = asyncio.create_task(self._reload_as_told())

    async def _reload_as_told(self) -> None:
        """Once more for signals that came meanwhile: the settings may have changed after they were read."""
        while self._told_again:
            self._told_again = False
            await asyncio.to_thread(self._load_again)

    def _load_again(self) -> None:
        try:
            settings = self._again()
        except SettingsError as error:
            log.error("settings refused", extra={"fields": {"reason": str(error)}})
            return
        self._keys.read(settings)
        self._service.load(settings.bundle, settings.tag, settings.shadow.bundle, settings.model_digest)

    async def on_tick(self, counter: int) -> bool:
        """Ten times a second: see who is too slow, whether it is time to stop, now and then whether keys changed; then
        what uvicorn does.
        """
        late_s = time.monotonic() - self._stop_at
        self.should_exit |= late_s >= (self._spool_patience_s if self._service.journal.spool_bytes() else 0)
        now = asyncio.get_running_loop().time()
        for connection in list(self.server_state.connections):
            if isinstance(connection, Connection):
                connection.expire(now, self._patience_s)
        if counter % LOOK_TICKS == 0:
            self._keys.look()
        return await super().on_tick(counter)


def make_server(again: Callable[[], Settings]) -> GracefulServer:
    """A server that is not running yet; `again` reads its settings, now and on SIGHUP.

    Raises:
        SettingsError: the application cannot be made of these settings.
    """
    settings = again()
    edge = create_app(settings)
    config = uvicorn.Config(
        edge,
        host=settings.host,
        port=settings.port,
        loop="uvloop",
        http=Connection,
        ws="none",
        lifespan="on",
        access_log=False,
        log_config=None,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=settings.stop_timeout_s,
    )
    return GracefulServer(config, edge.service, Keys(edge.app.state.access, settings), settings, again)
