"""The same window as the scoring API's journal, in SQLite or PostgreSQL: its own tables, filled in bulk.

Hashes and chain are left empty, which the monitor does not read.
"""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import duckdb
from adbc_driver_manager.dbapi import Connection
from adbc_driver_postgresql import dbapi as postgresql
from adbc_driver_sqlite import dbapi as sqlite

from credit_simulator import SCHEMA
from scoring_api.journal.engine import open_engine
from scoring_api.journal.schema import upgrade

CHUNK = 50_000
SCORED = [field.name for field in SCHEMA.scored_fields]
MONITORED = [field.name for field in SCHEMA.unscored_fields if field.role == "protected"]
EMPTY = (
    *("request_id", "model_tag", "policy_version", "policy_digest", "image_digest", "code_commit"),
    *("applicant_hash", "previous_hash", "hash"),
)
DECISIONS = (
    "SELECT id, 'w' AS writer, row_number() OVER () AS sequence, {decided_at} AS decided_at, 'bench' AS caller,"
    " model_digest, pd, 600::INTEGER AS score, decision, 'A' AS band, '[]' AS reasons, '[]' AS fields_not_scored,"
    " 1::BIGINT AS latency_us, " + ", ".join(f"'' AS {name}" for name in EMPTY)
)
TEXT, TIME = "strftime(decided_at, '%Y-%m-%dT%H:%M:%S.%fZ')", "decided_at::TIMESTAMPTZ"


def write_journal(window: Path, address: str) -> None:
    """Copy a Parquet window into a new journal at an address such as JOURNAL_URL's."""
    engine = open_engine(address)
    upgrade(engine)
    engine.dispose()
    in_file = address.startswith("sqlite")
    journal = _file(address) if in_file else postgresql.connect(address, autocommit=True)
    tables = {
        "decisions": DECISIONS.format(decided_at=TEXT if in_file else TIME),
        "applicants": f"SELECT id AS decision_id, '' AS salt, {_json(SCORED)} AS applicant",
        "monitoring_attributes": f"SELECT id AS decision_id, '' AS salt, {_json(MONITORED)} AS attributes",
    }
    with closing(journal), duckdb.connect() as connection, journal.cursor() as cursor:
        connection.execute("SET TimeZone = 'UTC'")
        for table, select in tables.items():
            rows = connection.sql(f"{select} FROM '{window}'").to_arrow_reader(CHUNK)
            cursor.adbc_ingest(table, rows, mode="append")
        cursor.execute("ANALYZE")


def _file(address: str) -> Connection:
    """A SQLite file that is written once: without a log, which would be as large again."""
    journal = sqlite.connect(address.removeprefix("sqlite:///"), autocommit=True)
    with journal.cursor() as cursor:
        cursor.execute("PRAGMA journal_mode = OFF")
        cursor.execute("PRAGMA synchronous = OFF")
    return journal


def _json(names: list[str]) -> str:
    pairs = ", ".join(f"'{name}': {name}" for name in names)
    return f"to_json({{{pairs}}})::VARCHAR"
