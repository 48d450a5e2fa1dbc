"""Rows on their way into the tables: made from entries by sealing them into a chain, and as lines of the spool.

Knows neither database nor file.
"""

from __future__ import annotations

import os
from base64 import b64decode, b64encode
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

import orjson

from credit_contract.decision import ChainHead, Sealed, StoredApplicant, StoredDecision, StoredMonitoring, seal
from scoring_api.journal import Entry, Kept
from scoring_api.journal.tables import written

BINARY = "base64:"
"""Begins an answer that is no text, as no JSON and no file of ours does."""


class KeptRow(NamedTuple):
    """A row of `kept_answers`; what is no text, such as a Parquet file, is kept in base64."""

    caller: str
    key: str
    request_hash: str
    answer: str
    kept_at: str

    @classmethod
    def of(cls, kept: Kept) -> KeptRow:
        """The row of an answer that is kept from now on.

        Raises:
            ValueError: it is text in another encoding than UTF-8.
        """
        # NUL is in every Parquet file, and in no text that PostgreSQL could hold.
        binary = b"\0" in kept.answer
        told = BINARY + b64encode(kept.answer).decode() if binary else kept.answer.decode()
        return cls(kept.caller, kept.key, kept.request_hash, told, written(datetime.now(UTC)))

    def kept(self) -> Kept:
        """The answer, byte for byte."""
        told = self.answer
        content = b64decode(told.removeprefix(BINARY)) if told.startswith(BINARY) else told.encode()
        return Kept(self.caller, self.key, self.request_hash, content)


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
            TypeError, ValueError: an entry or the answer cannot be recorded.
        """
        answers = [KeptRow.of(kept)] if kept is not None else []
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
        self.kept_answers.extend(answers)
        return head


def named(rows: Sequence[Any]) -> list[dict[str, Any]]:
    """Rows as objects by column."""
    return [row._asdict() for row in rows]


def _text(values: Mapping[str, Any]) -> str:
    return orjson.dumps(values).decode()
