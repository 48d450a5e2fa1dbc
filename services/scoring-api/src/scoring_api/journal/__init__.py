"""Where decisions are kept: what the service asks of any journal. Handlers and scoring know only this.

A decision is durable before it is answered: `record` returns when it is, or raises. Does not know HTTP.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple, Protocol

from credit_contract.decision import DecisionRecord


class Entry(NamedTuple):
    """One decision to be kept, the applicant's scored values, and protected attributes, which are kept apart."""

    record: DecisionRecord
    values: Mapping[str, Any]
    monitoring: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Kept:
    """An answer under its caller's Idempotency-Key; `request_hash` tells a retry from a reused key."""

    caller: str
    key: str
    request_hash: str
    answer: bytes


@dataclass(frozen=True, slots=True)
class Outcome:
    """The later truth about a decision: paid or defaulted, and on which day (ISO 8601)."""

    decision_id: str
    defaulted: bool
    date: str


class ShadowScore(NamedTuple):
    """What a challenger would have decided on the applicant of a decision; a row of `shadow_scores`."""

    decision_id: str
    model_digest: str
    pd: float
    decision: str
    scored_at: datetime


class Journal(Protocol):
    """A place for decisions and outcomes. `keeps` is false where entries would be dropped: then none are built."""

    keeps: bool

    async def open(self) -> None:
        """Make ready to record; called once, in the event loop that will record."""

    async def close(self) -> None:
        """Make everything durable and let go."""

    def record(self, entries: Sequence[Entry], kept: Kept | None) -> asyncio.Future[None]:
        """Make decisions durable, with the answer that holds them, all or nothing; done when they are.

        Raises, at once or from the future:
            JournalUnavailableError: they are not.
            ConflictError: another process keeps an answer under this key since `kept` was asked; the answer to give is
                that one.
        """

    async def kept(self, caller: str, key: str) -> Kept | None:
        """The answer given before under this key.

        Raises:
            JournalUnavailableError: that cannot be known now.
        """

    async def find(self, decision_id: str) -> Mapping[str, Any] | None:
        """A decision as it was recorded, with its outcome once known; values only where not yet deleted.

        Raises:
            JournalUnavailableError: the database is away.
        """

    async def add_outcomes(self, outcomes: Sequence[Outcome], *, listed: bool = True) -> Sequence[str]:
        """Record outcomes once; the same outcome again changes nothing. Gives the ids that are no decisions.

        Raises:
            InvalidOutcomeError: one is dated before its decision; then none is recorded.
            ConflictError: a different outcome is recorded already, or asked for twice; then none is recorded.
            JournalUnavailableError: they are not durable.
        """

    async def add_shadow(self, scores: Sequence[ShadowScore]) -> None:
        """Record what a challenger would have decided.

        Raises:
            JournalUnavailableError: the database is away; shadow scores do not wait for it.
        """

    def fault(self) -> str | None:
        """Why decisions could not be recorded now, or None."""

    def lag_s(self) -> float:
        """For how long decisions have waited for the database; 0 when none does."""

    def spool_bytes(self) -> int:
        """Size of the decisions that wait for the database."""
