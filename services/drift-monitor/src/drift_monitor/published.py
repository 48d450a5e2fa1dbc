"""What was published, as the exporter and the page show it: read anew when the index changed.

Does not judge windows.
"""

from __future__ import annotations

from threading import Lock

from drift_monitor.document import Index, WindowLine, WindowVerdict
from drift_monitor.errors import NotFoundError, ReportError
from drift_monitor.metrics import Metrics
from drift_monitor.settings import Settings
from drift_monitor.store import ReportStore
from drift_monitor.verdict import SEVERITY

PATIENCE_S = 4.0
"""How long a bucket may take to answer: less than a readiness probe, and Prometheus, wait for this process."""


class Published:
    """The report store, and what it last gave: the index, and what metrics show: that of which the verdict was read."""

    def __init__(self, settings: Settings, metrics: Metrics) -> None:
        self.store = ReportStore(settings.reports.folder, PATIENCE_S)
        self.metrics = metrics
        self.psi_limit = settings.limits.psi
        self._interval_s = settings.interval_minutes * 60.0
        self._lock = Lock()
        self._index: Index | None = None
        self._measured: Index | None = None
        self._last: WindowVerdict | None = None

    def index(self) -> Index | None:
        """The index of the last run that published."""
        return self.store.index()

    def shown(self) -> tuple[Index | None, str]:
        """That index, or when reports cannot be read, the last that could and why; empty when they can."""
        with self._lock:
            away = self._read()
            return self._index, away

    def exposition(self) -> bytes:
        """Metrics of the last good report; when reports cannot be read, of the last that could, and soon stale."""
        with self._lock:
            self._read()
            self.metrics.show(self._measured, self._last, self._interval_s)
            return self.metrics.exposition()

    def _read(self) -> str:
        """Why something cannot be read; empty when all can."""
        try:
            self._index = self.store.index()
            if self._index != self._measured:
                line = _last(self._index) if self._index else None
                self._last = self.store.verdict(line.window) if line else None
                self._measured = self._index
        except (ReportError, NotFoundError) as error:
            return str(error)
        return ""


def _last(index: Index) -> WindowLine | None:
    """The window that ended last; where two models decided in it, the one that is worse off.

    One in which nobody decided, and which is no failure, such as a Sunday, takes nothing back.
    """
    telling = [line for line in index.windows if line.decisions or line.verdict != "ok"] or index.windows
    return max(telling, key=lambda line: (line.end, SEVERITY.index(line.verdict), line.decisions), default=None)
