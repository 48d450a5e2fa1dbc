"""The scoring API's journal as a table to learn from: applicants as they were decided, and what became of them.

Nothing that was not known at the cut-off enters it. Knows the tables that `credit_contract.decision` describes, in
PostgreSQL or SQLite, and only reads them. Does not know datasets.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Engine, make_url, text
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, SQLAlchemyError

from credit_contract.decision import GOLDEN_CHECK
from credit_training.database import reading_engine
from credit_training.errors import SourceError
from credit_training.source_spec import JournalSource

# No outcome is complete before its performance window is.
MATURED = text("""
    SELECT d.decided_at, d.pd, a.applicant, m.attributes, o.outcome
    FROM decisions d
    JOIN applicants a ON a.decision_id = d.id
    LEFT JOIN monitoring_attributes m ON m.decision_id = d.id
    JOIN outcomes o ON o.decision_id = d.id
    WHERE d.caller <> :golden_check AND d.decided_at < :matured_before AND o.recorded_at < :cut_off
    ORDER BY d.decided_at, d.id
""")


def decided(source: JournalSource, fields: Iterable[str]) -> list[dict[str, Any]]:
    """Rows in order of time: every field, then decided_on (a date, UTC), pd and outcome (paid or defaulted).

    Raises:
        SourceError: no address of a journal, it cannot be read, or nothing in it had matured.
    """
    engine = _engine(source.url)
    given = {
        "matured_before": _written(source.cut_off - timedelta(days=source.performance_days)),
        "cut_off": _written(source.cut_off),
        "golden_check": GOLDEN_CHECK,
    }
    try:
        with engine.connect() as connection:
            found = connection.execute(MATURED, given).all()
    except SQLAlchemyError as error:
        cause = str(getattr(error, "orig", None) or error).strip().partition("\n")[0]
        raise SourceError(f"the journal cannot be read: {cause}; check JOURNAL_URL") from None
    finally:
        engine.dispose()
    if not found:
        raise SourceError(f"no decision in the journal had matured at {source.cut_off}; choose a later cut-off")
    names, rows = list(fields), []
    for decided_at, pd, applicant, attributes, outcome in found:
        values = json.loads(applicant) | json.loads(attributes or "{}")
        row = {name: values.get(name) for name in names}
        rows.append(row | {"decided_on": _day(decided_at), "pd": pd, "outcome": outcome})
    return rows


def _engine(address: str) -> Engine:
    try:
        url = make_url(address)
        if url.drivername in ("postgresql", "postgres"):
            url = url.set(drivername="postgresql+psycopg")
        return reading_engine(url)
    except (ArgumentError, ImportError, NoSuchModuleError):
        # An address may hold a password and is not repeated.
        raise SourceError("JOURNAL_URL must be postgresql://user:password@host/database or sqlite:///file") from None


def _written(moment: datetime) -> str:
    """A time as the journal's columns compare: SQLite has this text, PostgreSQL understands it."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def _day(moment: datetime | str) -> str:
    return moment[:10] if isinstance(moment, str) else moment.astimezone(UTC).date().isoformat()
