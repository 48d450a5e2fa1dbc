"""Progress on a terminal: one line per step with its seconds, the Applications redrawn below. Plain lines elsewhere.

A step that fails says which command shows more. Does not know what the steps do.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from credit_delivery.cluster.applications import Application
from credit_delivery.errors import ClusterError, CommandFailedError

RAISE = "\x1b[A\x1b[2K"
LAST_WORDS = Path("var/kind/failed.log")


@contextmanager
def step(title: str, more: str = "") -> Iterator[None]:
    """Say that a step begins, and how long it took; a failed one keeps its line.

    Args:
        title: what is done.
        more: the command that shows why a program failed; without, one that shows all that the program said.

    Raises:
        ClusterError: a program failed. Other errors say all themselves and stay as they are.
    """
    started = time.monotonic()
    print(f"▸ {title} …", flush=True)
    try:
        yield
    except CommandFailedError as error:
        raise ClusterError(str(error), more or _kept(error.output)) from error
    done = f"✓ {title} ({time.monotonic() - started:.0f} s)"
    print(f"{RAISE if sys.stdout.isatty() else ''}{done}", flush=True)


def _kept(output: str) -> str:
    """What a program said, in a file; gives the command that shows it."""
    LAST_WORDS.parent.mkdir(parents=True, exist_ok=True)
    LAST_WORDS.write_text(f"{output}\n", encoding="utf-8")
    return f"cat {LAST_WORDS}"


class Table:
    """The Applications' states: redrawn in place on a terminal, elsewhere a line for each change."""

    def __init__(self) -> None:
        self._shown: Sequence[str] = ()
        self._started = time.monotonic()

    def show(self, found: Sequence[Application]) -> None:
        """Show a state."""
        lines = [self._line(application) for application in found]
        if sys.stdout.isatty():
            print(RAISE * len(self._shown) + "\n".join(lines), flush=True)
        else:
            seconds = time.monotonic() - self._started
            for line in (line for line in lines if line not in self._shown):
                print(f"{seconds:4.0f} s{line}", flush=True)
        self._shown = lines

    def _line(self, application: Application) -> str:
        mark = "✓" if application.well else "·"
        text = f"  {mark} {application.name:28} {application.sync:10} {application.health:12} {application.cause}"
        return text.rstrip()[:160]
