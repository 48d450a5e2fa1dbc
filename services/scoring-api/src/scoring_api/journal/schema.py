"""The journal's schema in a database: is it there, and bring it up to date. Knows Alembic, loaded only when needed."""

from __future__ import annotations

from sqlalchemy import Connection, Engine, inspect, text

HEAD = "0002"
_LOCK = 0x63726564  # one migration at a time, whichever process begins


def upgrade(engine: Engine, to: str = HEAD) -> bool:
    """Bring the tables to a revision, this code's own by default; true when something was done.

    Safe to run from many processes. Tables of a later revision are left as they are, for
    migrations only add: an image that was rolled back answers on.

    Raises:
        SQLAlchemyError: the database is away, or refuses.
    """
    with engine.connect() as connection:
        if (_current(connection) or "") >= to:
            return False
    with engine.begin() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(text("select pg_advisory_xact_lock(:key)"), {"key": _LOCK})
        else:
            connection.exec_driver_sql("begin immediate")
        if (_current(connection) or "") >= to:
            return False
        _migrate(connection, to)
    return True


def _current(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    return connection.execute(text("select version_num from alembic_version")).scalar()


def _migrate(connection: Connection, to: str) -> None:
    from alembic import command  # takes a third of a second, and is needed once in a database's life
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", "scoring_api:journal/migrations")
    config.attributes["connection"] = connection
    command.upgrade(config, to)
