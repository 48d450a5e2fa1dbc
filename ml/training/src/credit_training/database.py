"""Databases that are read and never written, nor made: SQLite would make a file that is not there.

Knows addresses. Does not know what is asked.
"""

from __future__ import annotations

from urllib.parse import quote

from sqlalchemy import URL, Engine, create_engine


def reading_engine(url: URL) -> Engine:
    """An engine that has not connected yet; a missing SQLite file is an error when it does.

    Raises:
        ArgumentError: no address of a database that SQLAlchemy knows.
        ImportError: its driver is not installed.
    """
    if url.get_backend_name() == "sqlite" and url.database and not url.database.startswith((":", "file:")):
        url = url.set(database=f"file:{quote(url.database)}", query={**url.query, "mode": "ro", "uri": "true"})
    return create_engine(url, hide_parameters=True)
