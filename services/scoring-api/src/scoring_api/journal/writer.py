"""The thread that makes decisions durable: many requests, one transaction, one fsync.

Seals records into this writer's chain, commits them, and falls back on the spool while the database is away. A chain
goes on only from what is known to be durable; after a commit of unknown end and no spool, a new chain begins.
Knows no HTTP and no SQL.
"""

from __future__ import annotations

import asyncio
import queue
import secrets
import socket
import threading
import time
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy.exc import DataError, IntegrityError, SQLAlchemyError

from credit_contract.decision import ChainHead
from scoring_api.errors import InternalError, JournalUnavailableError
from scoring_api.journal.gathering import Gathering
from scoring_api.journal.heads import Checkpoints
from scoring_api.journal.jobs import Job, Slot, conflict, refuse, settle
from scoring_api.journal.rows import Rows
from scoring_api.journal.spool import Spool
from scoring_api.journal.store import KeyTaken, Store
from scoring_api.logs import log

DRAINED_AT_ONCE = 2_048
RETRY_S = 1.0
AWAY = "the journal's database is away"


class Writer:
    """Made, started and stopped in the event loop it answers to; `fault`, `busy_since` and sizes may be read there."""

    def __init__(
        self, store: Store, volume: Path | None, spool_limit_bytes: int, loop: asyncio.AbstractEventLoop
    ) -> None:
        self._store = store
        self._process = f"{datetime.now(UTC):%Y%m%dT%H%M%S}-{socket.gethostname()}-{secrets.token_hex(4)}"
        self._chains = 0
        self._head = self._new_chain()
        self._checkpoints = Checkpoints(volume)
        self._retry_at = 0.0
        self._jobs: queue.SimpleQueue[list[Job] | None] = queue.SimpleQueue()
        self._gathering = Gathering(self._jobs.put, loop)
        self._thread: threading.Thread | None = None
        self.spool = Spool(volume, self._process, spool_limit_bytes) if volume is not None else None
        self.fault: str | None = AWAY
        self.busy_since: float | None = None

    def start(self) -> asyncio.Future[None]:
        """Begin; the future is done after the first try to reach the database."""
        opened = Job((), None, asyncio.get_running_loop().create_future())
        self._thread = threading.Thread(target=self._run, args=(opened,), name="journal", daemon=True)
        self._thread.start()
        return opened.future

    def submit(self, job: Job) -> None:
        """Make a job's decisions durable, then set its future."""
        self._gathering.add(job)

    def hand_over(self) -> None:
        """Let no job wait for others."""
        self._gathering.hand_over()

    def stop(self) -> None:
        """Finish what was handed over, drain what can be drained, end. Blocks."""
        if self._thread is not None:
            self._jobs.put(None)
            self._thread.join()

    def _run(self, opened: Job) -> None:
        self._catch_up()
        settle([opened])
        going = True
        while going:
            jobs, going = self._take()
            if jobs:
                self._keep(jobs)
            self._catch_up()
            self._checkpoints.keep(self._head, now=not going)
        while self._pending and time.monotonic() >= self._retry_at:
            self._catch_up()
        if self.spool is not None:
            if self.spool.pending:
                log.error("decisions stay in the spool", extra={"fields": {"bytes": self.spool.size}})
            self.spool.close()
        self._store.disconnect()

    def _take(self) -> tuple[list[Job], bool]:
        """Wait for jobs; false at the end."""
        try:
            jobs = self._jobs.get(timeout=self._patience())
        except queue.Empty:
            return [], True
        return jobs or [], jobs is not None

    def _patience(self) -> float | None:
        """Seconds until there is something to do without a job."""
        now = time.monotonic()
        if self._pending or self.fault is not None:
            return max(0.0, self._retry_at - now)
        return self._checkpoints.due_s(self._head)

    @property
    def _pending(self) -> bool:
        return self.spool is not None and self.spool.pending

    def _keep(self, jobs: list[Job]) -> None:
        try:
            if self._pending or time.monotonic() < self._retry_at:
                self._spool_jobs(jobs)
            else:
                self._commit(jobs)
        except JournalUnavailableError as error:
            self._told(str(error))
            settle(jobs, error)
        except Exception as error:
            # The database's words may quote an applicant, so they go no further.
            log.exception("journal fault", extra={"fields": {"error": type(error).__name__}})
            self._turn()
            settle(jobs, InternalError("the journal refused a decision"))

    def _commit(self, jobs: list[Job]) -> None:
        while True:
            jobs, head, rows = self._sealed(jobs)
            try:
                self._write(rows)
            except KeyTaken as taken:
                jobs = refuse(jobs, taken.slots, conflict())
                continue
            except SQLAlchemyError as error:
                if isinstance(error, (IntegrityError, DataError)):
                    raise
                self._away(error)
                self._append(rows)
            else:
                self._back()
            self._head = head
            return settle(jobs)

    def _write(self, rows: Rows) -> None:
        """Write, and once more on a new connection: the database may have restarted since the last time."""
        self.busy_since = time.monotonic()
        try:
            self._store.write(rows)
        except (KeyTaken, IntegrityError, DataError):
            raise
        except SQLAlchemyError:
            self.busy_since = time.monotonic()
            self._store.write(rows, again=True)
        finally:
            self.busy_since = None

    def _spool_jobs(self, jobs: list[Job]) -> None:
        """While the database is away nobody knows which keys are taken; who has a key can retry safely, and must."""
        keyed = {job.slot for job in jobs if job.slot is not None}
        jobs = refuse(jobs, keyed, JournalUnavailableError(AWAY)) if keyed else jobs
        jobs, head, rows = self._sealed(jobs)
        if rows.decisions:
            self._append(rows)
        self._head = head
        settle(jobs)

    def _append(self, rows: Rows) -> None:
        try:
            if self.spool is None:
                raise JournalUnavailableError(f"{AWAY} and there is no volume to spool to")
            self.spool.append(rows)
        except JournalUnavailableError:
            self._turn()
            raise
        self._told(None)

    def _sealed(self, jobs: list[Job]) -> tuple[list[Job], ChainHead, Rows]:
        """Rows of all jobs as the next of the chain; a job that cannot be sealed fails alone."""
        head, rows, slots = self._head, Rows.empty(), set[Slot]()
        good = []
        for job in jobs:
            if job.slot in slots:
                settle([job], conflict())
                continue
            try:
                head = rows.seal(head, job.entries, job.kept)
            except (TypeError, ValueError) as error:
                log.error("decision cannot be recorded", extra={"fields": {"error": type(error).__name__}})
                settle([job], InternalError("a decision cannot be recorded"))
                continue
            good.append(job)
            if job.slot is not None:
                slots.add(job.slot)
        rows.kept_answers.sort()
        if head != self._head:
            rows.chain_heads.append(head)
        return good, head, rows

    def _catch_up(self) -> None:
        """Drain some of the spool, or see whether the database is back."""
        if time.monotonic() < self._retry_at or not (self._pending or self.fault is not None):
            return
        self.busy_since = time.monotonic()
        try:
            self._store.connect()
            if self.spool is not None and self.spool.pending:
                self.spool.drain(lambda rows: self._store.write(rows, again=True), DRAINED_AT_ONCE)
            self._back()
        except JournalUnavailableError as error:
            self._away(error)
            self._told(str(error))
        except Exception as error:  # whatever it is, the thread must live
            self._away(error)
            self._told(None if self.spool is not None and not self.spool.full else AWAY)
        finally:
            self.busy_since = None

    def _away(self, error: Exception) -> None:
        if not self._retry_at:
            state = getattr(getattr(error, "orig", None), "sqlstate", None)
            log.warning("journal database away", extra={"fields": {"error": type(error).__name__, "sqlstate": state}})
        self._retry_at = time.monotonic() + RETRY_S

    def _back(self) -> None:
        if self._retry_at:
            log.info("journal database back", extra={"fields": {}})
        self._retry_at = 0.0
        self._told(None)

    def _told(self, fault: str | None) -> None:
        if fault != self.fault:
            log.info("journal state", extra={"fields": {"fault": fault}})
        self.fault = fault

    def _turn(self) -> None:
        """Leave a chain whose end is unknown, at its last known head."""
        self._checkpoints.keep(self._head, now=True)
        self._head = self._new_chain()

    def _new_chain(self) -> ChainHead:
        self._chains += 1
        return ChainHead(f"{self._process}.{self._chains}")
