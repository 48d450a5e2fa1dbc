"""Windows: which decisions are judged together. Cut by calendar or by count, and never across model digests.

Knows the history's times and digests only. Does not know what is measured in a window.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Literal

from drift_monitor.history import History, literal

Calendar = Literal["hour", "day", "week", "month", "quarter", "year"]
HEX = re.compile("[0-9a-f]+")
LONGEST_DAYS: dict[Calendar, int] = {"hour": 1, "day": 1, "week": 7, "month": 31, "quarter": 92, "year": 366}


@dataclass(frozen=True, slots=True)
class Window:
    """Decisions of one model; `digest` is empty where nothing was decided. Times are UTC.

    Cut by calendar: from `start` to before `end`. Cut by count: from the decision `ids[0]` at `start` to `ids[1]`
    at `end`, both included, because many decisions may bear one time.
    since: from when on its vintage matured, which `vintages` tells; None where it stands alone.
    """

    start: datetime
    end: datetime
    digest: str
    decisions: int
    ids: tuple[str, str] | None = None
    since: datetime | None = None

    @property
    def name(self) -> str:
        """Sorts by time, tells windows apart, and is safe as a folder and in a URL."""
        cut = [hashlib.sha256(self.ids[0].encode()).hexdigest()[:6]] if self.ids else []
        return "-".join([f"{self.start:%Y%m%dT%H%M%SZ}", *cut, self._model])

    @property
    def _model(self) -> str:
        """The digest's beginning; what foreign files call a model may be no digest, nor safe."""
        if not self.digest:
            return "empty"
        return (self.digest if HEX.fullmatch(self.digest) else hashlib.sha256(self.digest.encode()).hexdigest())[:12]

    @property
    def condition(self) -> str:
        """The window as an SQL condition on `decisions`."""
        model = f"model_digest = {literal(self.digest)} AND decided_at >= {stamp(self.start)}"
        if self.ids is None:
            return f"{model} AND decided_at < {stamp(self.end)}"
        first, last = map(literal, self.ids)
        after = f"(decided_at > {stamp(self.start)} OR id >= {first})"
        before = f"(decided_at < {stamp(self.end)} OR id <= {last})"
        return f"{model} AND decided_at <= {stamp(self.end)} AND {after} AND {before}"

    def vintage(self, days: int, pooled: int) -> tuple[datetime, datetime]:
        """Decisions whose performance window became complete since the model's window before ended, as [start, end).

        Of a window that stands alone: during `pooled` spans of its length, of which it is the last.
        """
        back = timedelta(days=days)
        since = self.since or self.start - (pooled - 1) * (self.end - self.start)
        return since - back, self.end - back


def stamp(moment: datetime) -> str:
    """A UTC moment as an SQL literal."""
    return f"TIMESTAMP '{moment:%Y-%m-%d %H:%M:%S.%f}'"


def cut_by_calendar(
    history: History, every: Calendar, start: datetime, end: datetime, at_least: int = 1
) -> list[Window]:
    """Whole calendar periods inside [start, end), in order of time; one in which nothing was decided is a window too.

    Neighbouring periods are pooled until they hold `at_least` decisions of a model; the rest waits for the next run.
    """
    counts: dict[datetime, dict[str, int]] = {}
    for period, digest, count in history.rows(
        f"SELECT date_trunc('{every}', decided_at), model_digest, count(*) FROM decisions"
        f" WHERE decided_at >= {stamp(start)} AND decided_at < {stamp(end)} AND model_digest IS NOT NULL GROUP BY 1, 2"
    ):
        counts.setdefault(period.replace(tzinfo=UTC), {})[digest] = count
    windows: list[Window] = []
    waiting: dict[str, Window] = {}
    for first, following in _periods(history, every, start, end):
        if first not in counts:
            windows.append(Window(first, following, "", 0))
        for digest, count in counts.get(first, {}).items():
            begun = waiting.pop(digest, Window(first, following, digest, 0))
            grown = Window(begun.start, following, digest, begun.decisions + count)
            if grown.decisions >= at_least:
                windows.append(grown)
            else:
                waiting[digest] = grown
    return sorted(windows, key=lambda window: (window.start, window.digest))


def cut_by_count(history: History, size: int, start: datetime, end: datetime) -> list[Window]:
    """Every `size` decisions of a model inside [start, end) in order of time; the rest waits for the next run."""
    within = f"decided_at >= {stamp(start)} AND decided_at < {stamp(end)} AND model_digest IS NOT NULL"
    placed = (
        "SELECT model_digest, decided_at, id, row_number() OVER (PARTITION BY model_digest ORDER BY decided_at, id) - 1"
        f" AS place FROM decisions WHERE {within}"
    )
    return [
        Window(first.replace(tzinfo=UTC), last.replace(tzinfo=UTC), digest, size, (first_id, last_id))
        for digest, first, last, first_id, last_id in history.rows(
            "SELECT model_digest, min(decided_at), max(decided_at), arg_min(id, (decided_at, id)),"
            f" arg_max(id, (decided_at, id)) FROM ({placed}) GROUP BY model_digest, place // {size}"
            f" HAVING count(*) = {size} ORDER BY 2, 4"
        )
    ]


def silence(history: History, end: datetime, hours: float) -> list[Window]:
    """A window in which nobody decided, from the last decision to `end`, where that is longer than `hours`.

    For windows by count, which end with a decision: while nobody decides, none would say so. Its name stays the same.
    """
    last = last_decided(history, end) or end
    return [Window(last, end, "", 0)] if end - last > timedelta(hours=hours) else []


def last_decided(history: History, moment: datetime) -> datetime | None:
    """When somebody last decided, by whichever model, up to a moment; None when nobody ever did."""
    (last,) = history.row(f"SELECT max(decided_at) FROM decisions WHERE decided_at <= {stamp(moment)}")
    return None if last is None else last.replace(tzinfo=UTC)


def last_border(every: Calendar, moment: datetime) -> datetime:
    """Where the calendar period begins in which a moment lies: until then periods are whole."""
    day = moment.replace(hour=0, minute=0, second=0, microsecond=0)
    starts = {
        "hour": moment.replace(minute=0, second=0, microsecond=0),
        "day": day,
        "week": day - timedelta(days=day.weekday()),
        "month": day.replace(day=1),
        "quarter": day.replace(month=(day.month - 1) // 3 * 3 + 1, day=1),
        "year": day.replace(month=1, day=1),
    }
    return starts[every]


def first_period(history: History, every: Calendar, end: datetime, days: int) -> datetime | None:
    """The start of the calendar period of the first decision before `end`; None without any.

    Decisions more than `days` older than the last one do not count, such as of a clock that had not been set.
    """
    before = f"FROM decisions WHERE decided_at < {stamp(end)}"
    (first,) = history.row(
        f"SELECT date_trunc('{every}', min(decided_at))::TIMESTAMP {before}"
        f" AND decided_at >= (SELECT max(decided_at) {before}) - INTERVAL {days} DAY"
    )
    return None if first is None else first.replace(tzinfo=UTC)


def _periods(history: History, every: Calendar, start: datetime, end: datetime) -> list[tuple[datetime, datetime]]:
    """The whole periods inside [start, end): first moment, and first moment of the following."""
    series = f"generate_series(date_trunc('{every}', {stamp(start)})::TIMESTAMP, {stamp(end)}, INTERVAL 1 {every})"
    firsts = [row[0].replace(tzinfo=UTC) for row in history.rows(f"SELECT unnest({series})")]
    return [(first, following) for first, following in pairwise(firsts) if first >= start]
