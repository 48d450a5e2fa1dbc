"""Runs revisions on the connection that `schema.upgrade` opened, in its transaction. Knows no address."""

from __future__ import annotations

from alembic import context

from scoring_api.journal.tables import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
context.run_migrations()
