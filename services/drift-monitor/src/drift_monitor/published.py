"""What was published, as the exporter and the page show it: read anew when the index changed.

Does not judge windows.
"""

from __future__ import annotations

from threading import Lock

from drift_monitor.document import Index, WindowLine, WindowVerdict
from drift_monitor.errors import ReportError
from drift_monitor.metrics import Metrics
from drift_monitor.settings import Settings
from drift_monitor.store import ReportStore
from drift_monitor.verdict import SEVERITY


class Published:
    """The report store, with the last window's verdict kept as long as the index stays the same."""

    def __init__(self, settings: Settings, metrics: Metrics) -> None:
        self.store = ReportStore(settings.reports.folder)
        self.metrics = metrics
        self.psi_limit = settings.limits.psi
        self._interval_s = settings.interval_minutes * 60.0
        self._lock = Lock()
        self._shown: Index | None = None
        self._last: WindowVerdict | None = None

    def index(self) -> Index | None:
        """The index of the last run that published."""
        return self.store.index()

    def exposition(self) -> bytes:
        """Metrics of the last good report; when reports cannot be read, of the last that could, and soon stale."""
        with self._lock:
            try:
                index = self.store.index()
                if index is not None and index != self._shown:
                    line = _last(index)
                    self._last = self.store.verdict(line.window) if line else None
                    self._shown = index
            except ReportError:
                index = self._shown
            self.metrics.show(index, self._last, self._interval_s)
            return self.metrics.exposition()


def _last(index: Index) -> WindowLine | None:
    """The window that ended last; where two models decided in it, the one that is worse off.

    One in which nobody decided, and which is no failure, such as a Sunday, takes nothing back.
    """
    telling = [line for line in index.windows if line.decisions or line.verdict != "ok"] or index.windows
    return max(telling, key=lambda line: (line.end, SEVERITY.index(line.verdict), line.decisions), default=None)
