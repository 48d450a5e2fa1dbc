"""Requests that wait for their decisions to be durable, and how they are told. Knows no database."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Collection, Sequence

from scoring_api.errors import ConflictError
from scoring_api.journal import Entry, Kept

Slot = tuple[str, str]


class Job:
    """One request's decisions, the future that waits for them, and who else is told, once, when it is done."""

    __slots__ = ("done", "entries", "future", "kept")

    def __init__(self, entries: Sequence[Entry], kept: Kept | None, future: asyncio.Future[None]) -> None:
        self.entries = entries
        self.kept = kept
        self.future = future
        self.done: Callable[[], None] | None = None

    @property
    def slot(self) -> Slot | None:
        """Whose key the answer is kept under, and which."""
        return (self.kept.caller, self.kept.key) if self.kept is not None else None


def settle(jobs: Sequence[Job], error: Exception | None = None) -> None:
    """Wake the requests, from any thread."""
    if jobs:
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits
            jobs[0].future.get_loop().call_soon_threadsafe(_set, jobs, error)


def refuse(jobs: Sequence[Job], slots: Collection[Slot], error: Exception) -> list[Job]:
    """Fail the jobs of these slots; the others are left."""
    settle([job for job in jobs if job.slot in slots], error)
    return [job for job in jobs if job.slot not in slots]


def conflict() -> ConflictError:
    """What a request is told whose key another one has just used."""
    return ConflictError("an answer is kept under this Idempotency-Key; ask again to get it")


def _set(jobs: Sequence[Job], error: Exception | None) -> None:
    for job in jobs:
        if not job.future.done():
            if error is None:
                job.future.set_result(None)
            else:
                job.future.set_exception(error)
        if job.done is not None:
            done, job.done = job.done, None
            done()
