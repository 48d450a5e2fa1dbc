"""The journal in a database: decisions through the writer's thread, questions and outcomes through the pool."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from scoring_api.errors import InvalidRequestError, JournalUnavailableError
from scoring_api.journal import Entry, Kept, Outcome, ShadowScore, reading, spool
from scoring_api.journal.engine import open_engine
from scoring_api.journal.jobs import Job
from scoring_api.journal.outcomes import record_outcomes
from scoring_api.journal.store import Store
from scoring_api.journal.tables import shadow_scores, written
from scoring_api.journal.writer import AWAY, Writer

T = TypeVar("T")

WATCH_S = 0.5
HANGS_S = 3.0


class DatabaseJournal:
    """Implements `Journal`. `volume` is a folder that outlives process and database: for the spool and chain heads."""

    keeps = True

    def __init__(self, url: str, volume: Path | None, spool_limit_bytes: int) -> None:
        self._engine = open_engine(url, to_write=True)
        self._store = Store(self._engine)
        self._volume = volume
        self._spool_limit_bytes = spool_limit_bytes
        self._writer: Writer | None = None
        self._refusal = "the journal is not open"
        self._watch: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Start the writer. A database that is away, with no volume, or a volume that fails is a `fault`, no error."""
        loop = asyncio.get_running_loop()
        try:
            self._writer = Writer(self._store, self._volume, self._spool_limit_bytes, loop)
        except JournalUnavailableError as error:
            self._refusal = str(error)
            return
        except OSError as error:
            self._refusal = f"the journal's volume {self._volume} cannot be used: {error.strerror}"
            return
        self._watch = asyncio.create_task(self._watched(self._writer))
        await self._writer.start()

    async def close(self) -> None:
        """Finish what was asked, drain the spool if the database is there, let go."""
        writer, self._writer = self._writer, None
        if writer is not None and self._watch is not None:
            writer.hand_over()
            await asyncio.to_thread(writer.stop)
            self._watch.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._watch
        self._engine.dispose()

    def record(self, entries: Sequence[Entry], kept: Kept | None) -> asyncio.Future[None]:
        """Make decisions durable, with the answer that holds them, all or nothing; done when they are."""
        if self._writer is None:
            raise JournalUnavailableError(self._refusal)
        for entry in entries:
            if entry.record.provenance.reference and "\0" in entry.record.provenance.reference:
                raise InvalidRequestError("a reference must not hold a NUL character")
        job = Job(entries, kept, asyncio.get_running_loop().create_future())
        self._writer.submit(job)
        return job.future

    async def kept(self, caller: str, key: str) -> Kept | None:
        """The answer given before under this key."""
        return await self._ask(lambda connection: reading.kept(connection, caller, key))

    async def find(self, decision_id: str) -> Mapping[str, Any] | None:
        """A decision as it was recorded, in the database or, until it is drained, in a spool on the volume."""
        if "\0" in decision_id:  # which PostgreSQL cannot even be asked for
            return None
        try:
            found = await self._ask(lambda connection: reading.find(connection, decision_id))
        except JournalUnavailableError:
            if (waiting := await asyncio.to_thread(self._waiting, decision_id)) is None:
                raise
            return waiting
        return found or await asyncio.to_thread(self._waiting, decision_id)

    async def add_outcomes(self, outcomes: Sequence[Outcome], *, listed: bool = True) -> Sequence[str]:
        """Record outcomes once, all or none."""
        return await self._ask(lambda connection: record_outcomes(connection, outcomes, listed=listed))

    async def add_shadow(self, scores: Sequence[ShadowScore]) -> None:
        """Record what a challenger would have decided, all or none."""
        rows = [score._asdict() | {"scored_at": written(score.scored_at)} for score in scores]
        await self._ask(lambda connection: connection.execute(shadow_scores.insert(), rows))

    def fault(self) -> str | None:
        """Why decisions could not be recorded now, or None."""
        return self._refusal if self._writer is None else self._writer.fault

    def lag_s(self) -> float:
        """For how long decisions have waited for the database."""
        kept = self._writer.spool if self._writer is not None else None
        return kept.lag_s() if kept is not None else 0.0

    def spool_bytes(self) -> int:
        """Size of the decisions that wait for the database."""
        kept = self._writer.spool if self._writer is not None else None
        return kept.size if kept is not None else 0

    def _waiting(self, decision_id: str) -> dict[str, Any] | None:
        for rows in spool.waiting(self._volume) if self._volume is not None else ():
            for stored in rows.decisions:
                if stored.id == decision_id:
                    values = next((one for one in rows.applicants if one.decision_id == decision_id), None)
                    return reading.told(stored, values)
        return None

    async def _ask(self, question: Callable[[Connection], T]) -> T:
        def ask() -> T:
            with self._engine.begin() as connection:
                return question(connection)

        try:
            return await asyncio.to_thread(ask)
        except SQLAlchemyError:
            raise JournalUnavailableError(AWAY) from None

    async def _watched(self, writer: Writer) -> None:
        """A database that holds the connection and does not answer counts as away."""
        while True:
            await asyncio.sleep(WATCH_S)
            if writer.busy_since is not None and time.monotonic() - writer.busy_since > HANGS_S:
                self._store.interrupt()
