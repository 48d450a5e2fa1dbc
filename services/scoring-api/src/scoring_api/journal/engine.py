"""The engine for JOURNAL_URL: PostgreSQL by psycopg, or SQLite with every commit on disk. Knows no tables."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, NoSuchModuleError

from scoring_api.errors import SettingsError

VARIABLE = "JOURNAL_URL"
CONNECT_TIMEOUT_S = 2
BUSY_TIMEOUT_MS = 2_000


def journal_url(environment: Mapping[str, str], file: Path) -> str:
    """JOURNAL_URL, else the SQLite file."""
    return environment.get(VARIABLE) or f"sqlite:///{file}"


def open_engine(address: str, *, to_write: bool = False) -> Engine:
    """An engine that has not connected yet; the folder of a SQLite file is made.

    One `to_write` takes a PostgreSQL that only reads, such as a standby, for one that is away.

    Raises:
        SettingsError: no address of PostgreSQL or SQLite. It may hold a password and is not repeated.
    """
    try:
        url = make_url(address)
        if url.drivername in ("postgresql", "postgres"):
            url = url.set(drivername="postgresql+psycopg")
        if url.get_backend_name() == "postgresql":
            return _postgresql(url, to_write)
        if url.get_backend_name() == "sqlite" and url.database:
            return _sqlite(url)
    except (ArgumentError, NoSuchModuleError):
        pass
    raise SettingsError(f"{VARIABLE} must be postgresql://user:password@host/database or sqlite:///file")


def _postgresql(url: URL, to_write: bool) -> Engine:
    asked = {
        "connect_timeout": CONNECT_TIMEOUT_S,
        "tcp_user_timeout": 5_000,
        "application_name": "scoring-api",
        "target_session_attrs": "read-write" if to_write else "any",
    }
    return create_engine(
        url, hide_parameters=True, connect_args=asked, pool_size=2, max_overflow=2, pool_timeout=CONNECT_TIMEOUT_S
    )


def _sqlite(url: URL) -> Engine:
    Path(str(url.database)).parent.mkdir(parents=True, exist_ok=True)
    engine = create_engine(url, hide_parameters=True)

    @event.listens_for(engine, "connect")
    def _prepare(connection: Any, _: Any) -> None:
        cursor = connection.cursor()
        cursor.execute(f"pragma busy_timeout = {BUSY_TIMEOUT_MS}")
        for pragma in ("journal_mode = wal", "synchronous = full", "foreign_keys = on", "secure_delete = on"):
            cursor.execute(f"pragma {pragma}")
        cursor.close()

    return engine
