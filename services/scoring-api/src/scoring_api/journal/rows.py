"""Rows on their way into the tables: made from entries by sealing them into a chain, and as lines of the spool.

Knows neither database nor file.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

import orjson

from credit_contract.decision import ChainHead, Sealed, StoredApplicant, StoredDecision, StoredMonitoring, seal
from scoring_api.journal import Entry, Kept
from scoring_api.journal.tables import written


class KeptRow(NamedTuple):
    """A row of `kept_answers`."""

    caller: str
    key: str
    request_hash: str
    answer: str
    kept_at: str


class Rows(NamedTuple):
    """What one transaction writes, by table."""

    decisions: list[StoredDecision]
    applicants: list[StoredApplicant]
    monitoring_attributes: list[StoredMonitoring]
    kept_answers: list[KeptRow]
    chain_heads: list[ChainHead]

    @classmethod
    def empty(cls) -> Rows:
        """Rows to be added to."""
        return cls([], [], [], [], [])

    def by_table(self) -> list[tuple[str, list[Any]]]:
        """Each table's name and rows, in the order of the fields."""
        return list(zip(self._fields, self, strict=True))

    def json(self) -> bytes:
        """All of it as one line of JSON."""
        return orjson.dumps({name: named(rows) for name, rows in self.by_table()})

    @classmethod
    def from_json(cls, line: bytes) -> Rows:
        """The rows of such a line."""
        tables = orjson.loads(line)
        return cls(
            [StoredDecision(**row) for row in tables["decisions"]],
            [StoredApplicant(**row) for row in tables["applicants"]],
            [StoredMonitoring(**row) for row in tables["monitoring_attributes"]],
            [KeptRow(**row) for row in tables["kept_answers"]],
            [ChainHead(**row) for row in tables["chain_heads"]],
        )

    def extend(self, others: Rows) -> None:
        """Add the rows of another transaction, which came later; of each chain only the last head counts."""
        for (_, mine), (_, theirs) in zip(self.by_table(), others.by_table(), strict=True):
            mine += theirs
        self.chain_heads[:] = {head.writer: head for head in self.chain_heads}.values()

    def seal(self, head: ChainHead, entries: Sequence[Entry], kept: Kept | None) -> ChainHead:
        """Add one request's rows, all or none, as the next of a chain; the head after them.

        Raises:
            TypeError, ValueError: an entry cannot be recorded.
        """
        salts = os.urandom(32 * len(entries)).hex()
        new: list[Sealed] = []
        for number, entry in enumerate(entries):
            salt, other = salts[64 * number : 64 * number + 32], salts[64 * number + 32 : 64 * number + 64]
            monitoring = (other, _text(entry.monitoring)) if entry.monitoring else None
            head, one = seal(head, entry.record, _text(entry.values), salt, monitoring)
            new.append(one)
        for one in new:
            self.decisions.append(one.decision)
            self.applicants.append(one.applicant)
            if one.monitoring is not None:
                self.monitoring_attributes.append(one.monitoring)
        if kept is not None:
            told, at = kept.answer.decode(), written(datetime.now(UTC))
            self.kept_answers.append(KeptRow(kept.caller, kept.key, kept.request_hash, told, at))
        return head


def named(rows: Sequence[Any]) -> list[dict[str, Any]]:
    """Rows as objects by column."""
    return [row._asdict() for row in rows]


def _text(values: Mapping[str, Any]) -> str:
    return orjson.dumps(values).decode()
