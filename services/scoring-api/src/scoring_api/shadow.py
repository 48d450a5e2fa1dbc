"""The shadow: applicants who were answered are scored again by a challenger, recorded beside, never answered.

A bounded queue and one task. What finds no room, or cannot be recorded, is counted and forgotten: nobody waits for the
shadow and nothing it does can fail an answer. Does not know HTTP.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

from scoring_api.answer import Answer
from scoring_api.challenger import Challenger
from scoring_api.errors import JournalUnavailableError
from scoring_api.journal import Journal, ShadowScore
from scoring_api.logs import log
from scoring_api.metrics import Metrics
from scoring_api.scoring import Scores

ROOM = 10_000
"""Applicants that may wait; some megabytes."""
GATHER_S = 0.1
"""One transaction for all that came meanwhile, so that the journal's own hardly meet another."""
PATIENCE_S = 5.0


class _Waiting(NamedTuple):
    challenger: Challenger
    answer: Answer


class Shadow:
    """Scores what it is offered, when there is time."""

    def __init__(self, journal: Journal, metrics: Metrics) -> None:
        self._journal = journal
        self._metrics = metrics
        self._waiting: list[_Waiting] = []
        self._applicants = 0
        self._arrived = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin, in the running event loop."""
        self._task = asyncio.create_task(self._run())

    async def close(self) -> None:
        """Finish what waits, within some seconds, and end."""
        if self._task is not None:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(PATIENCE_S):
                    while self._applicants:
                        await asyncio.sleep(0.01)
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    def offer(self, challenger: Challenger, answer: Answer) -> None:
        """Score this too, unless too much waits already."""
        if self._applicants + len(answer.batch) > ROOM:
            self._metrics.shadow_dropped("queue", len(answer.batch))
            return
        self._applicants += len(answer.batch)
        self._waiting.append(_Waiting(challenger, answer))
        self._arrived.set()

    async def _run(self) -> None:
        while True:
            await self._arrived.wait()
            await asyncio.sleep(GATHER_S)
            self._arrived.clear()
            waiting, self._waiting = self._waiting, []
            applicants = sum(len(one.answer.batch) for one in waiting)
            try:
                await self._compare(waiting)
            except JournalUnavailableError:
                self._metrics.shadow_dropped("journal", applicants)
            except Exception as error:  # the shadow must live; the error's words may quote an applicant
                log.error("shadow fault", extra={"fields": {"error": type(error).__name__}})
                self._metrics.shadow_dropped("fault", applicants)
            finally:
                self._applicants -= applicants

    async def _compare(self, waiting: Sequence[_Waiting]) -> None:
        scored = await asyncio.to_thread(lambda: [one.challenger.score(one.answer.batch.encoded) for one in waiting])
        now = datetime.now(UTC)
        pairs = list(zip(waiting, scored, strict=True))
        await self._journal.add_shadow([row for one, scores in pairs for row in _rows(one, scores, now)])
        for one, scores in pairs:
            mine, label = one.answer.scores, one.challenger.label
            for pd, other_pd, decision, other in zip(mine.pd, scores.pd, mine.decision, scores.decision, strict=True):
                self._metrics.shadowed(label, decision, other, abs(pd - other_pd))


def _rows(one: _Waiting, scores: Scores, now: datetime) -> Iterator[ShadowScore]:
    digest = one.challenger.model.bundle.digest
    for name, pd, decision in zip(one.answer.ids(), scores.pd, scores.decision, strict=True):
        yield ShadowScore(name, digest, pd, decision, now)
