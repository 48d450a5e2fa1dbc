"""Decisions and their outcomes as two relations in DuckDB, wherever they are kept; rows never come to Python.

Knows files; `journal` fills the same relations from the scoring API's tables. Does not know windows or baselines.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb

from drift_monitor.errors import JournalError

DECISION_COLUMNS = {
    "id": "VARCHAR",
    "decided_at": "TIMESTAMP",
    "model_digest": "VARCHAR",
    "pd": "DOUBLE",
    "decision": "VARCHAR",
}
OUTCOME_COLUMNS = {"decision_id": "VARCHAR", "outcome": "VARCHAR", "recorded_at": "TIMESTAMP"}
DEFAULTED = "CASE outcome WHEN 'defaulted' THEN true WHEN 'paid' THEN false END AS defaulted"
NO_OUTCOMES = (
    "CREATE VIEW outcomes AS SELECT NULL::VARCHAR AS decision_id, NULL::TIMESTAMP AS recorded_at,"
    " NULL::BOOLEAN AS defaulted WHERE false"
)
MEMORY_LIMIT = "800MB"
BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)


class History:
    """An open DuckDB with both relations; `columns` are those of `decisions`.

    decisions  id, decided_at (UTC), model_digest, pd, decision, erased (retention took the applicant's values),
               and one column per field and monitored attribute
    outcomes   decision_id, defaulted, recorded_at (UTC: when it became known)
    """

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._connection = connection
        self.columns = {str(row[0]) for row in self.rows("DESCRIBE decisions")}

    def rows(self, sql: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Every row that a query gives: for aggregates and samples.

        Raises:
            JournalError: the source went away or changed its shape.
        """
        try:
            return self._connection.execute(sql, list(values)).fetchall()
        except duckdb.Error as error:
            raise JournalError(f"reading decisions: {_first_line(error)}") from None

    def row(self, sql: str, values: Sequence[Any] = ()) -> tuple[Any, ...]:
        """The one row that an aggregate without groups gives."""
        return self.rows(sql, values)[0]


@contextmanager
def database(path: str = ":memory:") -> Iterator[duckdb.DuckDBPyConnection]:
    """A DuckDB that never takes more than MEMORY_LIMIT and fetches no extension."""
    config: dict[str, Any] = {"memory_limit": MEMORY_LIMIT, "autoinstall_known_extensions": False}
    connection = duckdb.connect(path, config=config)
    try:
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute("SET preserve_insertion_order = false")
        yield connection
    finally:
        connection.close()


@contextmanager
def open_files(decisions: Path, outcomes: Path | None) -> Iterator[History]:
    """Histories kept as Parquet or CSV, each a file, or a folder of files of one kind, with the journal's columns.

    Decisions have DECISION_COLUMNS and the fields, outcomes have OUTCOME_COLUMNS (`outcome` is paid or defaulted).

    Raises:
        JournalError: nothing there, not readable, or a column is missing.
    """
    with database() as connection:
        source, columns = _typed(connection, decisions, DECISION_COLUMNS)
        connection.execute(f"CREATE VIEW decisions AS SELECT {columns}, false AS erased FROM {source}")
        if outcomes is None:
            connection.execute(NO_OUTCOMES)
        else:
            source, columns = _typed(connection, outcomes, OUTCOME_COLUMNS)
            connection.execute(f"CREATE VIEW outcomes AS SELECT *, {DEFAULTED} FROM (SELECT {columns} FROM {source})")
        yield History(connection)


def quoted(name: str) -> str:
    """A name as an SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """A text as an SQL literal."""
    return "'" + text.replace("'", "''") + "'"


def _typed(connection: duckdb.DuckDBPyConnection, path: Path, wanted: Mapping[str, str]) -> tuple[str, str]:
    """A file's scan, and its columns in SQL: the wanted ones of their kind, all others as they are."""
    source = _scan(path)
    try:
        found = {row[0]: row[1] for row in connection.execute(f"DESCRIBE SELECT * FROM {source}").fetchall()}
    except duckdb.Error as error:
        raise JournalError(f"{path}: {_first_line(error)}") from None
    if absent := [column for column in wanted if column not in found]:
        raise JournalError(f"{path}: no column {absent[0]}; needed are {', '.join(wanted)}")
    typed = [f"{_cast(column, kind, found[column])} AS {column}" for column, kind in wanted.items()]
    return source, ", ".join([*typed, *(quoted(column) for column in found if column not in wanted)])


def _scan(path: Path) -> str:
    """The scan of a file or folder; CSV stays text, so that a bad cell is counted and not fatal."""
    files = [file for file in path.iterdir() if not file.name.startswith(".")] if path.is_dir() else [path]
    kinds = {file.suffix for file in files}
    if kinds not in ({".parquet"}, {".csv"}):
        raise JournalError(
            f"{path}: holds {', '.join(sorted(kinds)) or 'nothing'}; needed is .parquet or .csv, not both"
        )
    pattern = literal(str(path / f"*{kinds.pop()}") if path.is_dir() else str(path))
    if pattern.endswith(".parquet'"):
        return f"read_parquet({pattern}, union_by_name = true)"
    return f"read_csv({pattern}, header = true, all_varchar = true, union_by_name = true)"


def _cast(column: str, kind: str, found: str) -> str:
    if found == kind:
        return quoted(column)
    if kind == "TIMESTAMP":
        # Through TIMESTAMPTZ, because a plain cast drops the offset of `2025-01-01T02:00+02:00`.
        return f"make_timestamp(epoch_us(TRY_CAST({quoted(column)} AS TIMESTAMPTZ)))"
    return f"TRY_CAST({quoted(column)} AS {kind})"


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0]
