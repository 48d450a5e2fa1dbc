"""How much memory a command needed at most, as the operating system counted it.

Knows nothing else.
"""

from __future__ import annotations

import resource
import sys

UNIT = 1 if sys.platform == "darwin" else 1024
"""Bytes in which `ru_maxrss` counts."""


def peak_mb() -> float:
    """The most that this process held at once so far. Its children, git among them, are small beside it."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * UNIT / 1e6
