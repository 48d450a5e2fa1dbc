"""Databases: opened to be read and never made, as SQLite makes a file that is not there; and what a failure says.

Knows addresses. Does not know what is asked.
"""

from __future__ import annotations

from urllib.parse import quote

from sqlalchemy import URL, Engine, create_engine
from sqlalchemy.exc import SQLAlchemyError


def reading_engine(url: URL) -> Engine:
    """An engine that has not connected yet; a missing SQLite file is an error when it does.

    Raises:
        ArgumentError: no address of a database that SQLAlchemy knows.
        ImportError: its driver is not installed.
    """
    if url.get_backend_name() == "sqlite" and url.database and not url.database.startswith((":", "file:")):
        url = url.set(database=f"file:{quote(url.database)}", query={**url.query, "mode": "ro", "uri": "true"})
    return create_engine(url, hide_parameters=True)


def complaint(error: BaseException) -> str:
    """What the system or a database said, in one line, without the words of the libraries that handed it on."""
    chain = [error]
    while below := chain[-1].__cause__ or chain[-1].__context__:
        chain.append(below)
    said = next((one for one in reversed(chain) if isinstance(one, OSError | SQLAlchemyError)), error)
    return " ".join(str(getattr(said, "orig", said)).split())
