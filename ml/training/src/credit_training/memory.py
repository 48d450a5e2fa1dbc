"""How much memory a command needed at most, as the operating system counted it.

Knows nothing else.
"""

from __future__ import annotations

import resource
import sys

UNIT = 1 if sys.platform == "darwin" else 1024
"""Bytes in which `ru_maxrss` counts."""


def peak_mb() -> float:
    """An upper bound so far: the most that this process held at once, and the most that one of its children did."""
    own, child = (resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return (own + child) * UNIT / 1e6
