"""The writer's way into the database: one transaction for the rows of many requests. Used by one thread only.

PostgreSQL gets a prepared statement in one round trip, the rows as JSON: that costs the client a fifth of what binding
them does. SQLite gets bound rows. Knows no chain, no spool and no waiting.
"""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Sequence
from typing import Any

import orjson
from sqlalchemy import Connection, Engine, Table, select, tuple_
from sqlalchemy.exc import DBAPIError, IntegrityError

from scoring_api.journal import schema, tables
from scoring_api.journal.rows import KeptRow, Rows, named

_TABLES = [tables.metadata.tables[name] for name in Rows._fields]
_ADVANCE = (
    ' on conflict ("writer") do update set "sequence" = excluded."sequence", "hash" = excluded."hash"'
    ' where excluded."sequence" > "chain_heads"."sequence"'
)


_NAMES = {False: b"write", True: b"write_again"}


class KeyTaken(Exception):  # noqa: N818 an answer of the database, not a fault
    """Answers are kept already under some of the keys."""

    def __init__(self, slots: set[tuple[str, str]]) -> None:
        super().__init__()
        self.slots = slots


class Store:
    """One connection, opened when first needed, dropped on any error."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._postgresql = engine.dialect.name == "postgresql"
        self._dbapi: Any = engine.dialect.loaded_dbapi
        self._driver_error: type[Exception] = self._dbapi.Error
        self._connection: Connection | None = None
        self._statements = {again: _statements(self._postgresql, again=again) for again in (False, True)}

    def connect(self) -> None:
        """Connect and see to the schema; nothing to do when connected.

        Raises:
            SQLAlchemyError: the database is away.
        """
        if self._connection is None:
            schema.upgrade(self._engine)
            level = "AUTOCOMMIT" if self._postgresql else "SERIALIZABLE"
            self._connection = self._engine.connect().execution_options(isolation_level=level)
            if self._postgresql:
                self._prepare()

    def write(self, rows: Rows, *, again: bool = False) -> None:
        """Make rows durable, all or none. `again` says that they may be there already, from a try that seemed to fail.

        Raises:
            KeyTaken: some keys are; nothing was written.
            SQLAlchemyError: they may or may not be durable; the connection is dropped.
        """
        self.connect()
        try:
            if self._postgresql:
                self._write_at_once(rows, again)
            else:
                self._write_by_table(rows, again)
        except self._driver_error as error:
            self.disconnect()
            told = self._translated(error)
            if isinstance(told, IntegrityError) and (taken := self._taken(rows.kept_answers)):
                raise KeyTaken(taken) from None
            raise told from None
        except BaseException:
            self.disconnect()
            raise

    def disconnect(self) -> None:
        """Drop the connection, whatever state it is in."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with contextlib.suppress(Exception):
                connection.invalidate()
                connection.close()

    def interrupt(self) -> None:
        """From another thread: end a wait for a database that does not answer. SQLite waits are bounded anyway."""
        connection = self._connection
        if connection is None or not self._postgresql:
            return
        with contextlib.suppress(Exception):
            descriptor = os.dup(connection.connection.driver_connection.fileno())  # type: ignore[union-attr]
            with socket.socket(fileno=descriptor) as end:
                end.shutdown(socket.SHUT_RDWR)

    def _prepare(self) -> None:
        try:
            for again, (statement,) in self._statements.items():
                self._done(self._driver().pgconn.prepare(_NAMES[again], statement.encode()))
        except self._driver_error as error:
            self.disconnect()
            raise self._translated(error) from None

    def _write_at_once(self, rows: Rows, again: bool) -> None:
        """By libpq itself: psycopg's cursor costs the client as much again as the round trip."""
        told = [orjson.dumps(named(table)) for _, table in rows.by_table()]
        self._done(self._driver().pgconn.exec_prepared(_NAMES[again], told))

    def _done(self, result: Any) -> None:
        """Raise what PostgreSQL answered, unless all is well."""
        if result.status != self._dbapi.pq.ExecStatus.COMMAND_OK:
            raise self._dbapi.errors.error_from_result(result)

    def _write_by_table(self, rows: Rows, again: bool) -> None:
        driver = self._driver()
        for statement, (_, table) in zip(self._statements[again], rows.by_table(), strict=True):
            if table:
                driver.executemany(statement, map(tuple, table))  # sqlite3 binds nothing else as fast
        driver.commit()

    def _driver(self) -> Any:
        """The connection of psycopg or sqlite3: going through SQLAlchemy costs as much again as the statement."""
        assert self._connection is not None
        return self._connection.connection.driver_connection

    def _translated(self, error: Exception) -> BaseException:
        return DBAPIError.instance(
            None, None, error, self._driver_error, hide_parameters=True, dialect=self._engine.dialect
        )

    def _taken(self, kept: Sequence[KeptRow]) -> set[tuple[str, str]]:
        slots = [(row.caller, row.key) for row in kept]
        slot = tuple_(tables.kept_answers.c.caller, tables.kept_answers.c.key)
        with self._engine.connect() as connection:
            found = connection.execute(select(tables.kept_answers).where(slot.in_(slots))).all() if slots else []
        return {(row.caller, row.key) for row in found}


def _statements(postgresql: bool, *, again: bool) -> list[str]:
    inserts = []
    for number, table in enumerate(_TABLES, start=1):
        names = ", ".join(f'"{column.name}"' for column in table.columns)
        if postgresql:
            source = f'select {names} from json_populate_recordset(null::"{table.name}", ${number}::json)'  # noqa: S608 our own names
        else:
            source = f"values ({', '.join('?' * len(table.columns))})"
        inserts.append(f'insert into "{table.name}" ({names}) {source}{_conflict(table, again)}')
    if not postgresql:
        return inserts
    *first, last = inserts
    steps = ", ".join(f"step{number} as ({insert})" for number, insert in enumerate(first))
    return [f"with {steps} {last}"]


def _conflict(table: Table, again: bool) -> str:
    if table is tables.chain_heads:
        return _ADVANCE
    keys = ", ".join(f'"{column.name}"' for column in table.primary_key)
    return f" on conflict ({keys}) do nothing" if again else ""
