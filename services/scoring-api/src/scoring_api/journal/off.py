"""The journal that keeps nothing on disk: for demonstrations and for measuring everything else.

Remembers the last answers under an Idempotency-Key, so that a retry within the process still gets its own.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Any

from scoring_api.errors import InvalidRequestError
from scoring_api.journal import Entry, Kept, Outcome, ShadowScore

REMEMBERED = 10_000


class NoJournal:
    """Implements `Journal`."""

    keeps = False

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[str, str], Kept] = OrderedDict()

    async def open(self) -> None:
        """Nothing to open."""

    async def close(self) -> None:
        """Nothing to close."""

    def record(self, entries: Sequence[Entry], kept: Kept | None) -> asyncio.Future[None]:
        """Forget the entries; remember the answer; done at once."""
        del entries
        if kept is not None:
            self._kept[kept.caller, kept.key] = kept
            if len(self._kept) > REMEMBERED:
                self._kept.popitem(last=False)
        done = asyncio.get_running_loop().create_future()
        done.set_result(None)
        return done

    async def kept(self, caller: str, key: str) -> Kept | None:
        """The answer given before under this key by this process."""
        return self._kept.get((caller, key))

    async def find(self, decision_id: str) -> Mapping[str, Any] | None:
        """Nothing was kept."""
        del decision_id
        return None

    async def add_outcomes(self, outcomes: Sequence[Outcome], *, listed: bool = True) -> Sequence[str]:
        """Outcomes have nowhere to go."""
        del outcomes, listed
        raise InvalidRequestError("no journal is configured here, so no outcome can be recorded")

    async def add_shadow(self, scores: Sequence[ShadowScore]) -> None:
        """Forget them."""
        del scores

    def fault(self) -> str | None:
        """Always writable."""
        return None

    def lag_s(self) -> float:
        """Nothing waits."""
        return 0.0

    def spool_bytes(self) -> int:
        """Nothing waits."""
        return 0
