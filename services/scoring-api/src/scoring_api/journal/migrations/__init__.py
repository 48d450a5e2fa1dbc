"""Alembic's folder: one revision for each change of the tables, each of which old and new code can both work with."""
