"""Progress for people who wait: one line per step, with its time and what came of it.

Knows a stream and a clock only.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TextIO

Say = Callable[[str], None]


class Progress:
    """Numbers the steps of one command; with `total` unknown, they are counted without an end."""

    def __init__(self, total: int | None = None, stream: TextIO | None = None) -> None:
        self._total = total
        self._stream = stream or sys.stderr
        self._number = 0
        self._started = time.monotonic()

    @contextmanager
    def step(self, title: str) -> Iterator[Say]:
        """One step; the yielded function takes what came of it, to be shown at the end of its line."""
        self._number += 1
        of = f"/{self._total}" if self._total else ""
        results: list[str] = []
        began = time.monotonic()
        try:
            self._write(f"[{self._number:>2}{of}] {title} ", end="")
            yield results.append
        except BaseException:
            self._write("failed")
            raise
        dots = "." * max(3, 58 - len(title))
        self._write(f"{dots} {time.monotonic() - began:6.1f} s  {', '.join(results)}".rstrip())

    @property
    def seconds(self) -> float:
        """Since the command began."""
        return time.monotonic() - self._started

    def _write(self, text: str, end: str = "\n") -> None:
        self._stream.write(text + end)
        self._stream.flush()
