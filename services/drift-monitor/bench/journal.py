"""The same decisions as the scoring API's journal, in SQLite or PostgreSQL: its own tables, filled in bulk.

Hashes and chain are left empty, which the monitor does not read.
"""

from __future__ import annotations

from collections.abc import Mapping
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
    "SELECT id, strftime(decided_at, '%Y') AS writer, row_number() OVER () AS sequence, {decided_at} AS decided_at,"
    " 'bench' AS caller, model_digest, pd, 600::INTEGER AS score, decision,"
    " 'A' AS band, '[]' AS reasons, '[]' AS fields_not_scored,"
    " 1::BIGINT AS latency_us, " + ", ".join(f"'' AS {name}" for name in EMPTY)
)
OUTCOMES = "SELECT decision_id, outcome, {day} AS happened_on, {recorded_at} AS recorded_at"
TEXT, TIME = "strftime({}, '%Y-%m-%dT%H:%M:%S.%fZ')", "{}::TIMESTAMPTZ"


def write_journal(window: Path, address: str) -> None:
    """Copy a Parquet window into a new journal at an address such as JOURNAL_URL's."""
    engine = open_engine(address)
    upgrade(engine)
    engine.dispose()
    decided_at = _moment(address, "decided_at")
    tables = {
        "decisions": DECISIONS.format(decided_at=decided_at),
        "applicants": f"SELECT id AS decision_id, '' AS salt, {_json(SCORED)} AS applicant",
        "monitoring_attributes": f"SELECT id AS decision_id, '' AS salt, {_json(MONITORED)} AS attributes",
    }
    _fill(address, {table: f"{select} FROM '{window}'" for table, select in tables.items()})


def add_vintage(decisions: Path, outcomes: Path, address: str) -> None:
    """Copy earlier decisions and their outcomes into a journal that has a window."""
    day = "strftime(recorded_at, '%Y-%m-%d')" if address.startswith("sqlite") else "recorded_at::DATE"
    known = OUTCOMES.format(day=day, recorded_at=_moment(address, "recorded_at"))
    decided = DECISIONS.format(decided_at=_moment(address, "decided_at"))
    _fill(address, {"decisions": f"{decided} FROM '{decisions}'", "outcomes": f"{known} FROM '{outcomes}'"})


def _moment(address: str, column: str) -> str:
    return (TEXT if address.startswith("sqlite") else TIME).format(column)


def _fill(address: str, selects: Mapping[str, str]) -> None:
    """Append what DuckDB selects to the journal's tables, in bulk."""
    in_file = address.startswith("sqlite")
    journal = _file(address) if in_file else postgresql.connect(address, autocommit=True)
    with closing(journal), duckdb.connect() as connection, journal.cursor() as cursor:
        connection.execute("SET TimeZone = 'UTC'")
        if not in_file:
            cursor.execute("SET session_replication_role = replica")  # no foreign key is looked up row by row
        for table, select in selects.items():
            cursor.adbc_ingest(table, connection.sql(select).to_arrow_reader(CHUNK), mode="append")
        cursor.execute("ANALYZE")


def _file(address: str) -> Connection:
    """A SQLite file that nobody else reads yet: without a log, which would be as large again."""
    journal = sqlite.connect(address.removeprefix("sqlite:///"), autocommit=True)
    with journal.cursor() as cursor:
        cursor.execute("PRAGMA journal_mode = OFF")
        cursor.execute("PRAGMA synchronous = OFF")
    return journal


def _json(names: list[str]) -> str:
    pairs = ", ".join(f"'{name}': {name}" for name in names)
    return f"to_json({{{pairs}}})::VARCHAR"
