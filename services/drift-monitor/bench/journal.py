"""The same window as the scoring API's journal in SQLite: its own tables, filled in bulk.

Hashes and chain are left empty, which the monitor does not read.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb

from credit_simulator import SCHEMA
from scoring_api.journal.engine import open_engine
from scoring_api.journal.schema import upgrade

CHUNK = 50_000
SCORED = [field.name for field in SCHEMA.scored_fields]
MONITORED = [field.name for field in SCHEMA.unscored_fields if field.role == "protected"]
COLUMNS = (
    "id, writer, sequence, decided_at, request_id, caller, model_tag, model_digest, policy_version, policy_digest,"
    " image_digest, code_commit, pd, score, decision, band, reasons, fields_not_scored, latency_us, applicant_hash,"
    " previous_hash, hash"
)
DECIDED = (
    "SELECT id, 'w', row_number() OVER (), strftime(decided_at, '%Y-%m-%dT%H:%M:%S.%fZ'), '', 'bench', '',"
    " model_digest, '', '', '', '', pd, 600, decision, 'A', '[]', '[]', 1, '', '', ''"
)


def write_journal(window: Path, path: Path) -> None:
    """Copy a Parquet window into a new SQLite journal."""
    path.unlink(missing_ok=True)
    engine = open_engine(f"sqlite:///{path}")
    upgrade(engine)
    engine.dispose()
    with sqlite3.connect(path) as journal:
        journal.execute("pragma synchronous = off")
        places = ", ".join("?" * (COLUMNS.count(",") + 1))
        journal.executemany(f"INSERT INTO decisions ({COLUMNS}) VALUES ({places})", _rows(window, DECIDED))
        journal.executemany(
            "INSERT INTO applicants (decision_id, salt, applicant) VALUES (?, '', ?)",
            _rows(window, f"SELECT id, {_json(SCORED)}"),
        )
        journal.executemany(
            "INSERT INTO monitoring_attributes (decision_id, salt, attributes) VALUES (?, '', ?)",
            _rows(window, f"SELECT id, {_json(MONITORED)}"),
        )


def _json(names: list[str]) -> str:
    pairs = ", ".join(f"'{name}': {name}" for name in names)
    return f"to_json({{{pairs}}})"


def _rows(window: Path, select: str) -> Iterator[tuple[Any, ...]]:
    with duckdb.connect() as connection:
        result = connection.execute(f"{select} FROM '{window}'")
        while rows := result.fetchmany(CHUNK):
            yield from rows
