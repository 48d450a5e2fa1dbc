"""Where a window's vintage begins: where that of its model's window before ended, so that no decision is left between.

Knows windows, those of this run and those that were published. Does not know decisions or outcomes.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime
from typing import NamedTuple

from drift_monitor.document import WindowLine
from drift_monitor.windows import Window


class Looked(NamedTuple):
    """A window with decisions that has been looked at; its outcomes too where it was `measured`."""

    start: datetime
    end: datetime
    digest: str
    measured: bool


class Vintages:
    """What was looked at before, and since when.

    known: published windows. begin: where this run begins, None for with its first window. measured: digests of the
    bundles at hand. pooled: windows whose vintages are judged together.
    """

    def __init__(
        self, known: Sequence[WindowLine], begin: datetime | None, measured: Collection[str], pooled: int
    ) -> None:
        self._known = [line for line in known if line.decisions]
        self._watched = min([line.start for line in known] + ([begin] if begin else []), default=None)
        self._measured = measured
        self._pooled = pooled

    def since(self, window: Window) -> datetime:
        """Where the vintage of a window that nothing of this run precedes begins, before `performance.days` go back."""
        return self._since(window, [_looked_at(line) for line in self._known])

    def place(self, windows: Sequence[Window]) -> list[Window]:
        """Windows of one run in order of time, each told where its vintage begins."""
        names = {window.name for window in windows}
        looked = [_looked_at(line) for line in self._known if line.window not in names]
        placed = []
        for window in windows:
            placed.append(replace(window, since=self._since(window, looked)))
            if window.digest:
                looked.append(Looked(window.start, window.end, window.digest, window.digest in self._measured))
        return placed

    def _since(self, window: Window, looked: Sequence[Looked]) -> datetime:
        """A model that was not measured yet: since its first window; without one since anybody's last, or the start."""
        past = sorted(one for one in looked if one.end <= window.start)
        own = [one for one in past if one.digest == window.digest]
        if measured := [one for one in own if one.measured]:
            borders = [measured[0].start, *sorted(one.end for one in measured)]
        elif own:
            borders = [own[0].start]
        else:
            borders = [max((one.end for one in past), default=self._watched or window.start)]
        missing = max(0, self._pooled - len(borders))
        return borders[missing - self._pooled] - missing * (window.end - window.start)


def _looked_at(line: WindowLine) -> Looked:
    """A window of a model whose bundle was not at hand has no PSI of the score."""
    return Looked(line.start, line.end, line.model_digest, line.score_psi is not None)
