"""Deletes applicants' values that are older than the law allows to keep. The chain, which holds only hashes, stays."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Engine, delete, select, text

from scoring_api.errors import InvalidRequestError
from scoring_api.journal.tables import (
    applicants,
    decisions,
    erasures,
    kept_answers,
    monitoring_attributes,
    written,
)


def erase(engine: Engine, decided_before: datetime, now: datetime) -> int:
    """Delete values, references and protected attributes of older decisions, and older kept answers; how many
    applicants. What is deleted is then written over (SQLite) or given back by a vacuum (PostgreSQL); backups and
    archived logs need a retention of their own.

    Raises:
        InvalidRequestError: the time lies in the future, which would delete what is being decided now.
    """
    if decided_before > now:
        raise InvalidRequestError(f"retention before {decided_before:%Y-%m-%d}: must lie in the past")
    before = written(decided_before)
    old = select(decisions.c.id).where(decisions.c.decided_at < before)
    with engine.begin() as connection:
        erased = connection.execute(delete(applicants).where(applicants.c.decision_id.in_(old))).rowcount
        connection.execute(delete(monitoring_attributes).where(monitoring_attributes.c.decision_id.in_(old)))
        connection.execute(delete(kept_answers).where(kept_answers.c.kept_at < before))
        run = {"erased_at": written(now), "decided_before": before, "applicants": erased}
        connection.execute(erasures.insert(), run)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        if engine.dialect.name == "postgresql":
            connection.execute(text("vacuum applicants, monitoring_attributes, kept_answers"))
        else:
            connection.execute(text("pragma wal_checkpoint(truncate)"))
    return erased
