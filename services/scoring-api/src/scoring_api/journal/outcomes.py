"""The later truth about decisions: paid or defaulted. Recorded once; repeated it is the same, contradicted refused."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from itertools import islice
from typing import Any, NamedTuple

from sqlalchemy import Connection, select

from credit_contract.applicant import MAX_PROBLEMS
from credit_contract.errors import Problem
from scoring_api.errors import ConflictError, InvalidOutcomeError
from scoring_api.journal import Outcome
from scoring_api.journal.tables import decisions, outcomes, written

CHUNK = 500
MAX_NAME = 100
EXPECTED = {
    "decision_id": "the id of a decision",
    "outcome": "paid or defaulted",
    "date": "a date such as 2026-01-31, not in the future",
}
NOT_EARLY = "a date from the day of the decision on"
# A decision's time is in UTC, an outcome's day where it happened.
WEST = timedelta(days=1)


def record_outcomes(connection: Connection, told: Sequence[Outcome], *, listed: bool = True) -> list[str]:
    """Record outcomes in the connection's transaction; the ids that are no decisions come back and are not recorded.

    Raises, and then the transaction is to be rolled back:
        InvalidOutcomeError: with each outcome (from 0) that is dated before its decision.
        ConflictError: another outcome is known for a decision, or told beside it.
    """
    unknown: list[str] = []
    early: list[int] = []
    for start in range(0, len(told), CHUNK):
        found = _record(connection, told[start : start + CHUNK])
        unknown += found.unknown
        early += [start + place for place in found.early]
    if early:
        problems = [Problem(number, "date", "range", NOT_EARLY) for number in early[:MAX_PROBLEMS]]
        raise InvalidOutcomeError(problems, listed=listed)
    return unknown


def parse_outcomes(rows: Iterable[Mapping[Any, Any]], today: date, *, listed: bool = True) -> list[Outcome]:
    """Rows with `decision_id`, `outcome` (paid or defaulted) and `date` (ISO 8601, not in the future), as from a file.

    Raises:
        InvalidOutcomeError: with each row (from 0) and column that is wrong, the first hundred; no row beyond is read.
    """
    told: list[Outcome] = []
    found: list[Problem] = []
    for number, row in enumerate(rows):
        found += islice(_problems(number, row, today), MAX_PROBLEMS - len(found))
        if len(found) == MAX_PROBLEMS:
            break
        if not found:
            told.append(Outcome(row["decision_id"], row["outcome"] == "defaulted", _day(row["date"]).isoformat()))
    if found:
        raise InvalidOutcomeError(found, listed=listed)
    return told


def _problems(number: int, row: Mapping[Any, Any], today: date) -> Iterator[Problem]:
    for name in sorted(row.keys() - EXPECTED.keys(), key=str):
        # Cells beyond a file's header have no name.
        yield Problem(number, str(name or "")[:MAX_NAME], "unknown_field", f"only {', '.join(EXPECTED)}")
    for name, expected in EXPECTED.items():
        if name not in row:
            yield Problem(number, name, "missing", expected)
        elif (value := row[name]) is None:
            yield Problem(number, name, "null", expected)
        elif not isinstance(value, str):
            yield Problem(number, name, "type", expected)
        elif not _fits(name, value, today):
            yield Problem(number, name, "range" if name == "date" else "category", expected)


def _fits(name: str, value: str, today: date) -> bool:
    if name == "decision_id":
        return value != "" and "\0" not in value
    if name == "outcome":
        return value in ("paid", "defaulted")
    try:
        return _day(value) <= today
    except ValueError:
        return False


def _day(text: str) -> date:
    return date.fromisoformat(text)


class _Recorded(NamedTuple):
    unknown: list[str]
    early: list[int]


def _record(connection: Connection, told: Sequence[Outcome]) -> _Recorded:
    ids = {outcome.decision_id for outcome in told}
    asked = select(decisions.c.id, decisions.c.decided_at).where(decisions.c.id.in_(ids))
    decided = {row.id: date.fromisoformat(row.decided_at[:10]) for row in connection.execute(asked)}
    known = {
        row.decision_id: row for row in connection.execute(select(outcomes).where(outcomes.c.decision_id.in_(ids)))
    }
    said = {name: (row.outcome, row.happened_on) for name, row in known.items()}
    found, fresh = _Recorded([], []), []
    for place, outcome in enumerate(told):
        name, fate = outcome.decision_id, ("defaulted" if outcome.defaulted else "paid", _day(outcome.date))
        if name not in decided:
            found.unknown.append(name)
        elif name in said:
            if said[name] != fate:
                raise ConflictError(f"decision {name} has another outcome already; nothing was recorded")
        elif fate[1] < decided[name] - WEST:
            found.early.append(place)
        else:
            said[name] = fate
            fresh.append((name, fate))
    if fresh:
        now = written(datetime.now(UTC))
        rows = [
            {"decision_id": name, "outcome": fate, "happened_on": day, "recorded_at": now}
            for name, (fate, day) in fresh
        ]
        connection.execute(outcomes.insert(), rows)
    return found
