"""The later truth about decisions: paid or defaulted. Recorded once; repeated it is the same, contradicted refused."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any

from sqlalchemy import Connection, select

from scoring_api.errors import ConflictError, InvalidRequestError
from scoring_api.journal import Outcome
from scoring_api.journal.tables import decisions, outcomes, written

CHUNK = 500
COLUMNS = ("decision_id", "outcome", "date")


def record_outcomes(connection: Connection, told: Sequence[Outcome]) -> list[str]:
    """Record outcomes in the connection's transaction; the ids that are no decisions come back and are not recorded.

    Raises:
        ConflictError: another outcome is known for a decision, or told beside it; the transaction is to be rolled back.
    """
    unknown: list[str] = []
    for start in range(0, len(told), CHUNK):
        unknown += _record(connection, told[start : start + CHUNK])
    return unknown


def parse_outcomes(rows: Iterable[Mapping[str, Any]], today: date) -> list[Outcome]:
    """Rows with `decision_id`, `outcome` (paid or defaulted) and `date` (ISO 8601, not in the future), as from a file.

    Raises:
        InvalidRequestError: with the first row (from 1) and column that is wrong.
    """
    return [_parsed(number, row, today) for number, row in enumerate(rows, 1)]


def _parsed(number: int, row: Mapping[str, Any], today: date) -> Outcome:
    if set(row) != set(COLUMNS):
        raise InvalidRequestError(f"row {number}: columns must be {', '.join(COLUMNS)}")
    decision_id, outcome, day = (row[column] for column in COLUMNS)
    if not isinstance(decision_id, str) or not decision_id or "\0" in decision_id:
        raise InvalidRequestError(f"row {number}, column decision_id: must be the id of a decision")
    if outcome not in ("paid", "defaulted"):
        raise InvalidRequestError(f"row {number}, column outcome: must be paid or defaulted")
    try:
        happened_on = date.fromisoformat(day)
    except (TypeError, ValueError):
        raise InvalidRequestError(f"row {number}, column date: must be a date such as 2026-01-31") from None
    if happened_on > today:
        raise InvalidRequestError(f"row {number}, column date: must not be in the future")
    return Outcome(decision_id, outcome == "defaulted", happened_on.isoformat())


def _record(connection: Connection, told: Sequence[Outcome]) -> list[str]:
    ids = {outcome.decision_id for outcome in told}
    exist = set(connection.scalars(select(decisions.c.id).where(decisions.c.id.in_(ids))))
    known = {
        row.decision_id: row for row in connection.execute(select(outcomes).where(outcomes.c.decision_id.in_(ids)))
    }
    said = {name: (row.outcome, row.happened_on) for name, row in known.items()}
    unknown, fresh = [], []
    for outcome in told:
        fate = ("defaulted" if outcome.defaulted else "paid", date.fromisoformat(outcome.date))
        if outcome.decision_id not in exist:
            unknown.append(outcome.decision_id)
        elif outcome.decision_id not in said:
            said[outcome.decision_id] = fate
            fresh.append((outcome.decision_id, fate))
        elif said[outcome.decision_id] != fate:
            raise ConflictError(f"decision {outcome.decision_id} has another outcome already; nothing was recorded")
    if fresh:
        now = written(datetime.now(UTC))
        rows = [
            {"decision_id": name, "outcome": fate, "happened_on": day, "recorded_at": now}
            for name, (fate, day) in fresh
        ]
        connection.execute(outcomes.insert(), rows)
    return unknown
