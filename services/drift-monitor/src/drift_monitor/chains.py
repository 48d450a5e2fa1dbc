"""The journal's hash chains, read row by row and never written, for the archive. Knows no applicants."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from adbc_driver_manager.dbapi import Connection

from credit_contract.decision import ChainHead, StoredDecision
from drift_monitor.history import literal
from drift_monitor.journal import written

# SQLite's driver tells a column's kind by its first rows, which may all lack this value: then by an empty text.
COLUMNS = ", ".join(f"coalesce({name}, '')" if name == "monitoring_hash" else name for name in StoredDecision._fields)

# A chain whose head somebody took away is none the less a chain.
HEADS = """
    SELECT writer, sequence, hash FROM chain_heads
    UNION ALL
    SELECT DISTINCT writer, 0, '' FROM decisions WHERE writer NOT IN (SELECT writer FROM chain_heads)
"""


class Chains:
    """Reads by a connection that `journal.reading` gives."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def heads(self) -> dict[str, ChainHead]:
        """How far each writer's chain reaches, by writer, as the database has it; 0 where it has decisions alone."""
        return {row[0]: ChainHead(*row) for row in self._rows(HEADS)}

    def rows(self, writer: str, since: int = 1) -> Iterator[StoredDecision]:
        """One writer's decisions from a sequence on, in order; streamed."""
        chosen = f"writer = {literal(writer)} AND sequence >= {since}"
        for row in self._rows(f"SELECT {COLUMNS} FROM decisions WHERE {chosen} ORDER BY sequence"):
            stored = StoredDecision(*row)
            at: datetime | str = stored.decided_at  # PostgreSQL gives times, SQLite text
            yield stored._replace(
                decided_at=at if isinstance(at, str) else written(at), monitoring_hash=stored.monitoring_hash or None
            )

    def _rows(self, select: str) -> Iterator[tuple[Any, ...]]:
        with self._connection.cursor() as cursor:
            cursor.execute(select)
            with cursor.fetch_record_batch() as batches:
                for batch in batches:
                    yield from zip(*(column.to_pylist() for column in batch.columns), strict=True)
