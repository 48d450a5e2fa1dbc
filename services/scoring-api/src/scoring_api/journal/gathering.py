"""Jobs on their way to the writer's thread: a commit of one costs nearly what a commit of many does.

What comes in one turn of the event loop goes together; while a commit is under way the next ones gather. When it has
ended they wait a little longer if lately more were about than have come: clients that were answered together ask again
together, and would else commit in two alternating halves. Who is alone never waits. Used from the event loop only.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from scoring_api.journal.jobs import Job

ENOUGH = 64
WAIT_S = 0.001


class Gathering:
    """Collects jobs and gives them to `take`, never again before all that it gave are settled."""

    def __init__(self, take: Callable[[list[Job]], None], loop: asyncio.AbstractEventLoop) -> None:
        self._take = take
        self._loop = loop
        self._jobs: list[Job] = []
        self._handed = 0
        self._crowd = 0
        self._looking = False
        self._waiting: asyncio.TimerHandle | None = None

    def add(self, job: Job) -> None:
        """One more."""
        self._jobs.append(job)
        self._crowd = max(self._crowd, self._handed + len(self._jobs))
        if not self._looking:
            self._looking = True
            self._loop.call_soon(self._look)

    def hand_over(self) -> None:
        """Give away what there is, now."""
        if self._waiting is not None:
            self._waiting.cancel()
            self._waiting = None
        jobs, self._jobs = self._jobs, []
        self._handed += len(jobs)
        for job in jobs:
            job.done = self._settled
        if jobs:
            self._take(jobs)

    def _look(self) -> None:
        self._looking = False
        if self._jobs and not self._handed:
            self._weigh()

    def _weigh(self) -> None:
        if len(self._jobs) >= min(self._crowd, ENOUGH):
            self.hand_over()
        elif self._waiting is None:
            self._waiting = self._loop.call_later(WAIT_S, self._waited)

    def _waited(self) -> None:
        """In vain: fewer are about than were."""
        self._waiting = None
        self._crowd = len(self._jobs)
        self.hand_over()

    def _settled(self) -> None:
        self._handed -= 1
        if not self._handed and self._jobs:
            self._weigh()
