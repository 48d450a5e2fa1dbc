"""Is the journal what was written? Every chain against its heads in the table, on the volume, in logs. Reads only."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path

from sqlalchemy import Connection, func, select

from credit_contract.decision import (
    Break,
    ChainHead,
    StoredApplicant,
    StoredDecision,
    StoredMonitoring,
    applicant_commitment,
    breaks,
    commitment,
)
from scoring_api.journal import heads, reading, spool
from scoring_api.journal.tables import decisions, erasures


class Verification:
    """Iterate to get every place where the journal does not hold; `decisions` and `writers` count what was read.

    Decisions that wait in the volume's spool count as recorded. Values that are gone are right when a retention run
    says so, and "values missing" otherwise. `told` and `on_volume` are the heads that were found outside the table.
    """

    def __init__(self, connection: Connection, volume: Path | None, told: Iterable[ChainHead] = ()) -> None:
        """`told` are heads from elsewhere, such as a log.

        Raises:
            SettingsError: the volume is none, or damaged.
        """
        self._connection = connection
        self._volume = volume
        self.told = list(told)
        self.on_volume = list(heads.load(volume)) if volume is not None else []
        self.decisions = 0
        self.writers = 0

    def __iter__(self) -> Iterator[Break]:
        checkpoints = self._checkpoints()
        waiting = self._waiting()
        erased_before = self._connection.scalar(select(func.max(erasures.c.decided_before))) or ""
        known = set(self._connection.scalars(select(decisions.c.writer).distinct()))
        for writer in sorted(known | set(checkpoints) | set(waiting)):
            self.writers += 1
            beside: list[Break] = []
            rows = self._rows(writer, waiting[writer], erased_before, beside)
            yield from breaks(writer, rows, checkpoints[writer])
            yield from beside

    def _checkpoints(self) -> defaultdict[str, list[ChainHead]]:
        found = defaultdict(list)
        for head in [*self.told, *self.on_volume, *reading.heads(self._connection)]:
            found[head.writer].append(head)
        return found

    def _waiting(self) -> defaultdict[str, list[StoredDecision]]:
        found = defaultdict(list)
        for rows in spool.waiting(self._volume) if self._volume is not None else ():
            for row in rows.decisions:
                found[row.writer].append(row)
        return found

    def _rows(
        self, writer: str, waiting: list[StoredDecision], erased_before: str, beside: list[Break]
    ) -> Iterator[StoredDecision]:
        reached = 0
        for row, values, attributes in reading.chain(self._connection, writer):
            beside += _beside(row, values, attributes, erased=row.decided_at < erased_before)
            reached = row.sequence
            self.decisions += 1
            yield row
        for row in sorted(waiting, key=lambda row: row.sequence):
            if row.sequence > reached:
                reached = row.sequence
                self.decisions += 1
                yield row


def _beside(
    row: StoredDecision, values: StoredApplicant | None, attributes: StoredMonitoring | None, *, erased: bool
) -> Iterator[Break]:
    """What is wrong with what is kept apart from the chain."""
    place = (row.writer, row.sequence, row.sequence, row.id)
    found = [(row.applicant_hash, applicant_commitment(values) if values else None)]
    if row.monitoring_hash is not None or attributes is not None:
        found.append((row.monitoring_hash or "", commitment(*attributes[1:]) if attributes else None))
    for told, kept in found:
        if kept is None and not erased:
            yield Break(*place, "values missing")
        elif kept is not None and kept != told:
            yield Break(*place, "values changed")
