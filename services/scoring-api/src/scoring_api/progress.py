"""A progress bar on a terminal; says nothing where nobody watches."""

from __future__ import annotations

import sys
from time import perf_counter

WIDTH = 30


class Progress:
    """How many of `total` are done, and how fast it goes."""

    def __init__(self, total: int) -> None:
        self._total = total
        self._begun = perf_counter()
        self._shown = sys.stderr.isatty()

    def show(self, done: int) -> None:
        """Draw the bar anew, and end its line when all are done."""
        if self._shown:
            bar = "█" * (WIDTH * done // self._total)
            speed = done / (perf_counter() - self._begun)
            end = "\n" if done == self._total else ""
            print(f"\r{bar:░<{WIDTH}} {done:,} of {self._total:,}, {speed:,.0f}/s", end=end, file=sys.stderr)
