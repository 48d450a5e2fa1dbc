"""A run at every interval, in a process of its own: what it takes in memory and seconds is not the exporter's.

Does not know what a run does; knows its exit codes.
"""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import Sequence

from drift_monitor.metrics import Metrics
from drift_monitor.verdict import EXIT_CODES

RETRY_S = 60.0
"""After a run that failed: on a new cluster the journal's tables may come after the monitor."""

log = logging.getLogger("drift_monitor")


class Schedule:
    """Runs `drift-monitor run` with the given arguments, one at a time, until cancelled."""

    def __init__(self, arguments: Sequence[str], interval_s: float, metrics: Metrics, retry_s: float = RETRY_S) -> None:
        self._command = [sys.executable, "-m", "drift_monitor", "run", *arguments]
        self._interval_s = interval_s
        self._retry_s = min(retry_s, interval_s)
        self._metrics = metrics

    async def keep(self) -> None:
        """Run now and after every interval; a run that fails is counted and soon tried again."""
        while True:
            process = await asyncio.create_subprocess_exec(*self._command)
            try:
                code = await process.wait()
            except asyncio.CancelledError:
                process.terminate()
                await process.wait()
                raise
            published = code in EXIT_CODES.values()
            self._metrics.ran("published" if published else "failed")
            log.log(logging.INFO if published else logging.ERROR, "run ended with exit code %d", code)
            await asyncio.sleep(self._interval_s if published else self._retry_s)
