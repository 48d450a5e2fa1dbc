"""What is made for an order of columns: the last few are kept, found by how a body begins. Does not read bodies."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

KEPT = 16
LONGEST_START = 16_384

Made = TypeVar("Made")


class Orders(Generic[Made]):
    """The last orders that were asked for; `make` makes what is kept of one, from a body, and may raise."""

    def __init__(self, make: Callable[[bytes], Made]) -> None:
        self._make = make
        self._made: dict[bytes, Made] = {}

    def of(self, start: bytes, body: bytes) -> Made:
        """What is kept of the order by which this body starts; raises what `make` raises."""
        if start not in self._made:
            made = self._make(body)
            if len(self._made) >= KEPT:
                del self._made[next(iter(self._made))]
            self._made[start] = made
        return self._made[start]


def start_of(body: bytes) -> bytes:
    """A body of `columns` and `rows` up to the end of its columns; empty where they have none, or go on for long."""
    return body[: body.find(b"]", 0, LONGEST_START) + 1]
