"""The scoring API's journal as a history: its tables are read, never written, through PostgreSQL or SQLite.

Rows are copied into a DuckDB file of their own, some thousands at a time, and applicants' values become columns there.
The golden check's decisions stay behind: its applicants are nobody. Knows the tables that `credit_contract.decision`
describes; does not know windows or baselines.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
from sqlalchemy import Connection, Engine, create_engine, make_url, text
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, SQLAlchemyError

from credit_contract.decision import GOLDEN_CHECK
from credit_contract.schema import FeatureSchema
from drift_monitor.errors import JournalError, SettingsError
from drift_monitor.history import DEFAULTED, History, database, quoted

CHUNK = 50_000
CONNECT_TIMEOUT_S = 5
DECISIONS = """
    SELECT d.id, CAST(d.decided_at AS TEXT), d.model_digest, d.pd, d.decision, a.applicant, m.attributes
    FROM decisions d
    LEFT JOIN applicants a ON a.decision_id = d.id AND d.decided_at >= :since
    LEFT JOIN monitoring_attributes m ON m.decision_id = d.id AND d.decided_at >= :since
    WHERE d.decided_at >= :vintages_since AND d.caller <> :golden_check
"""
OUTCOMES = "SELECT decision_id, outcome, CAST(recorded_at AS TEXT) FROM outcomes"
DECISION_CHUNK = pa.schema(
    {
        "id": pa.string(),
        "decided_at": pa.string(),
        "model_digest": pa.string(),
        "pd": pa.float64(),
        "decision": pa.string(),
        "applicant": pa.string(),
        "attributes": pa.string(),
    }
)
OUTCOME_CHUNK = pa.schema({"decision_id": pa.string(), "outcome": pa.string(), "recorded_at": pa.string()})
Fetch = Callable[[int], Sequence[Sequence[Any]]]
MOMENT = "make_timestamp(epoch_us(CAST({} AS TIMESTAMPTZ)))"


def open_engine(address: str) -> Engine:
    """An engine that has not connected yet.

    Raises:
        SettingsError: no address of PostgreSQL, or of a SQLite file. It may hold a password and is not repeated.
    """
    try:
        url = make_url(address)
        if url.drivername in ("postgresql", "postgres"):
            url = url.set(drivername="postgresql+psycopg")
        if url.get_backend_name() == "postgresql":
            waits = {"connect_timeout": CONNECT_TIMEOUT_S, "application_name": "drift-monitor"}
            return create_engine(url, hide_parameters=True, connect_args=waits)
        if url.get_backend_name() == "sqlite" and url.database:
            return create_engine(url, hide_parameters=True)
    except (ArgumentError, NoSuchModuleError):
        pass
    raise SettingsError("JOURNAL_URL must be postgresql://user:password@host/database or sqlite:///file")


@contextmanager
def open_journal(
    address: str, schemas: Sequence[FeatureSchema], since: datetime | None, vintage_days: int
) -> Iterator[History]:
    """The journal's decisions from `since` on, with values; and `vintage_days` before that without, for their outcomes.

    Raises:
        SettingsError: no address of a journal.
        JournalError: the database is away, or its tables are not the journal's.
    """
    engine = open_engine(address)
    if engine.url.get_backend_name() == "sqlite" and not Path(str(engine.url.database)).is_file():
        raise JournalError("the journal's SQLite file is not there")
    first = since or datetime(1970, 1, 1, tzinfo=UTC) + timedelta(days=vintage_days)
    try:
        with tempfile.TemporaryDirectory(prefix="drift-monitor-") as folder, database(f"{folder}/history") as copy:
            with engine.connect() as source:
                values = {"since": first, "vintages_since": first - timedelta(days=vintage_days)}
                _copy_decisions(source, copy, schemas, {name: _moment(engine, m) for name, m in values.items()})
                _copy_outcomes(source, copy)
            yield History(copy)
    except (SQLAlchemyError, engine.dialect.loaded_dbapi.Error) as error:
        cause = str(getattr(error, "orig", None) or error).strip().splitlines()[0]
        raise JournalError(f"the journal cannot be read: {cause}") from None
    except duckdb.Error as error:
        raise JournalError(f"copying the journal: {str(error).strip().splitlines()[0]}") from None
    finally:
        engine.dispose()


def _copy_decisions(
    source: Connection, copy: duckdb.DuckDBPyConnection, schemas: Sequence[FeatureSchema], values: Mapping[str, Any]
) -> None:
    fields = {field.name: field for schema in schemas for field in schema.fields}
    monitored = {name for name, field in fields.items() if field.role == "protected"}
    kinds = {name: "VARCHAR" if field.kind == "category" else "DOUBLE" for name, field in fields.items()}
    columns = ", ".join(f"{quoted(name)} {kind}" for name, kind in kinds.items())
    copy.execute(
        "CREATE TABLE decisions (id VARCHAR, decided_at TIMESTAMP, model_digest VARCHAR, pd DOUBLE, decision VARCHAR,"
        f" erased BOOLEAN, {columns})"
    )
    sent = json.dumps({name: kind for name, kind in kinds.items() if name not in monitored})
    apart = json.dumps({name: kind for name, kind in kinds.items() if name in monitored} or {"none": "VARCHAR"})
    names = ", ".join(f"{'apart' if name in monitored else 'sent'}.{quoted(name)}" for name in kinds)
    insert = (
        f"INSERT INTO decisions SELECT id, {MOMENT.format('decided_at')}, model_digest, pd, decision,"
        f" applicant IS NULL, {names} FROM (SELECT *, from_json(applicant, $sent) AS sent,"
        " from_json(attributes, $apart) AS apart FROM chunk)"
    )
    for chunk in _chunks(source, DECISIONS, {**values, "golden_check": GOLDEN_CHECK}, DECISION_CHUNK):
        copy.register("chunk", chunk)
        copy.execute(insert, {"sent": sent, "apart": apart})


def _copy_outcomes(source: Connection, copy: duckdb.DuckDBPyConnection) -> None:
    copy.execute("CREATE TABLE outcomes (decision_id VARCHAR, recorded_at TIMESTAMP, defaulted BOOLEAN)")
    for chunk in _chunks(source, OUTCOMES, {}, OUTCOME_CHUNK):
        copy.register("chunk", chunk)
        copy.execute(f"INSERT INTO outcomes SELECT decision_id, {MOMENT.format('recorded_at')}, {DEFAULTED} FROM chunk")


def _chunks(source: Connection, sql: str, values: Mapping[str, Any], columns: pa.Schema) -> Iterator[pa.Table]:
    """Rows by the thousand, each chunk read while the one before is copied."""
    result = source.execution_options(stream_results=True, max_row_buffer=CHUNK).execute(text(sql), values)
    fetch: Fetch = result.fetchmany
    if source.dialect.name == "sqlite":
        # Its own cursor: SQLAlchemy's rows would take as long again. PostgreSQL's has rows in a buffer already.
        assert result.cursor is not None
        fetch = result.cursor.fetchmany
    with ThreadPoolExecutor(max_workers=1) as reader:
        ahead = reader.submit(_read, fetch, columns)
        while (chunk := ahead.result()) is not None:
            ahead = reader.submit(_read, fetch, columns)
            yield chunk


def _read(fetch: Fetch, columns: pa.Schema) -> pa.Table | None:
    rows = fetch(CHUNK)
    if not rows:
        return None
    arrays = [pa.array(column, kind) for column, kind in zip(zip(*rows, strict=True), columns.types, strict=True)]
    return pa.table(arrays, schema=columns)


def _moment(engine: Engine, moment: datetime) -> datetime | str:
    """A time as the journal's column compares: SQLite has text."""
    if engine.url.get_backend_name() == "postgresql":
        return moment
    return moment.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
