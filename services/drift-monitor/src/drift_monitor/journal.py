"""The scoring API's journal as a history: its tables are read, never written, through PostgreSQL or SQLite.

Rows go from the database's driver into a DuckDB file as Arrow batches, and applicants' values become columns there: no
row is ever an object of Python. The golden check's decisions stay behind: its applicants are nobody. Knows the tables
that `credit_contract.decision` describes; does not know windows or baselines.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Collection, Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import parse_qsl, quote, urlencode

import adbc_driver_manager
import duckdb
from adbc_driver_manager.dbapi import Connection
from adbc_driver_postgresql import dbapi as postgresql
from adbc_driver_sqlite import dbapi as sqlite

from credit_contract.decision import GOLDEN_CHECK
from credit_contract.schema import FeatureSchema
from drift_monitor.errors import JournalError
from drift_monitor.history import BEGINNING, DEFAULTED, History, database, literal, quoted
from drift_monitor.settings import journal_address

# SQLite's driver tells a column's kind by its first rows, which may all lack values: then by an empty text.
DECISIONS = """
    SELECT d.id, d.decided_at, d.model_digest, d.pd, d.decision,
           coalesce(a.applicant, '') AS applicant, coalesce(m.attributes, '') AS attributes
    FROM decisions d
    LEFT JOIN applicants a ON a.decision_id = d.id
    LEFT JOIN monitoring_attributes m ON m.decision_id = d.id
    WHERE d.decided_at >= {since} AND d.caller <> {golden_check}
"""
VINTAGES = """
    SELECT d.id, d.decided_at, d.model_digest, d.pd, d.decision
    FROM decisions d
    WHERE d.decided_at >= {first} AND d.decided_at < {last} AND d.decided_at < {since}
    AND d.caller <> {golden_check}
"""
# How long nobody has decided is known from the last decision before `since`, whose vintage may not be needed.
LAST = """
    SELECT d.id, d.decided_at, d.model_digest, d.pd, d.decision
    FROM decisions d
    WHERE d.decided_at < {since} AND (d.decided_at < {first} OR d.decided_at >= {last})
    AND d.caller <> {golden_check}
    ORDER BY d.decided_at DESC LIMIT 1
"""
# Of vintages only: no figure rests on others, and of decisions that nobody knows a journal refuses outcomes.
OUTCOMES = """
    SELECT o.decision_id, o.outcome, o.recorded_at
    FROM decisions d
    JOIN outcomes o ON o.decision_id = d.id
    WHERE d.decided_at >= {oldest} AND d.decided_at < {last} AND d.caller <> {golden_check}
"""
MOMENT = "make_timestamp(epoch_us(TRY_CAST({} AS TIMESTAMPTZ)))"  # PostgreSQL gives times, SQLite text
INTO_VINTAGES = (
    "INSERT INTO decisions BY NAME SELECT id, {} AS decided_at, model_digest, pd, decision, true AS erased FROM rows"
).format(MOMENT.format("decided_at"))
POSTGRESQL = {"connect_timeout": "5", "application_name": "drift-monitor"}


@contextmanager
def open_journal(
    address: str | None, schemas: Sequence[FeatureSchema], since: datetime | None, vintages: tuple[datetime, datetime]
) -> Iterator[History]:
    """The journal's decisions from `since` on, or all; before that, without values, those of `vintages`, [first, last).

    And the last one before `since`, without values too.

    Raises:
        SettingsError: no address, or not of a journal.
        JournalError: the database is away, or its tables are not the journal's.
    """
    begin, (first, last) = since or BEGINNING, vintages
    moments = {"since": begin, "first": first, "last": last, "oldest": min(begin, first)}
    given = {name: literal(written(moment)) for name, moment in moments.items()} | {
        "golden_check": literal(GOLDEN_CHECK)
    }
    try:
        with tempfile.TemporaryDirectory(prefix="drift-monitor-") as folder, database(f"{folder}/history") as copy:
            with reading(address) as source:
                _copy(source, copy, DECISIONS.format(**given), _into_decisions(copy, schemas))
                _copy(source, copy, VINTAGES.format(**given), INTO_VINTAGES)
                _copy(source, copy, LAST.format(**given), INTO_VINTAGES)
                _copy(source, copy, OUTCOMES.format(**given), _into_outcomes(copy))
            yield History(copy)
    except duckdb.Error as error:
        raise JournalError(f"copying the journal: {_first_line(error)}") from None


def any_decided(address: str | None, digests: Collection[str], start: datetime, end: datetime) -> bool:
    """Whether one of these models decided in [start, end): asked of the journal itself, so nothing is copied.

    Raises:
        SettingsError, JournalError: as `reading` does.
    """
    since, before = literal(written(start)), literal(written(end))
    select = (
        f"SELECT 1 FROM decisions WHERE decided_at >= {since} AND decided_at < {before}"
        f" AND caller <> {literal(GOLDEN_CHECK)} AND model_digest IN ({', '.join(map(literal, digests))}) LIMIT 1"
    )
    with reading(address) as source, source.cursor() as cursor:
        cursor.execute(select)
        return cursor.fetchone() is not None


@contextmanager
def reading(address: str | None) -> Iterator[Connection]:
    """A connection to the journal, to read, whose errors are JournalErrors.

    Raises:
        SettingsError: no address, or not of a journal.
        JournalError: the database is away, or its tables are not the journal's.
    """
    try:
        with closing(_connect(address)) as source:
            yield source
    except adbc_driver_manager.Error as error:
        raise JournalError(f"the journal cannot be read: {_first_line(error)}") from None


def _connect(address: str | None) -> Connection:
    url = journal_address(address)
    if url.scheme == "postgresql":
        options = urlencode(POSTGRESQL | dict(parse_qsl(url.query)), quote_via=quote)
        connection: Connection = postgresql.connect(url._replace(query=options).geturl())
        return connection
    file = url.path.removeprefix("/")
    if not Path(file).is_file():
        raise JournalError("the journal's SQLite file is not there")
    return sqlite.connect(f"file:{quote(file)}?mode=ro&cache=private")


def _into_decisions(copy: duckdb.DuckDBPyConnection, schemas: Sequence[FeatureSchema]) -> str:
    """Make the table; gives the insert that fills it from `rows`."""
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
    return (
        f"INSERT INTO decisions SELECT id, {MOMENT.format('decided_at')}, model_digest, pd, decision, applicant = '',"
        f" {names} FROM (SELECT *, from_json(nullif(applicant::VARCHAR, ''), {literal(sent)}) AS sent,"
        f" from_json(nullif(attributes::VARCHAR, ''), {literal(apart)}) AS apart FROM rows)"
    )


def _into_outcomes(copy: duckdb.DuckDBPyConnection) -> str:
    """The same for outcomes."""
    copy.execute("CREATE TABLE outcomes (decision_id VARCHAR, recorded_at TIMESTAMP, defaulted BOOLEAN)")
    return f"INSERT INTO outcomes SELECT decision_id, {MOMENT.format('recorded_at')}, {DEFAULTED} FROM rows"


def _copy(source: Connection, copy: duckdb.DuckDBPyConnection, select: str, insert: str) -> None:
    """Let DuckDB draw batch after batch from the driver into an insert that names them `rows`."""
    with source.cursor() as cursor:
        cursor.execute(select)
        with cursor.fetch_record_batch() as batches:
            copy.register("rows", batches)
            copy.execute(insert)
            copy.unregister("rows")


def written(moment: datetime) -> str:
    """A time as the journal's text has it: SQLite keeps it, PostgreSQL compares its times with it, hashes cover it."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0]
