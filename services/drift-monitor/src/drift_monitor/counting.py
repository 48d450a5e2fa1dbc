"""What one window holds, counted by the baseline's bins: the only thing that drift, quality and estimates see.

All counting is pushed down to the history. Does not know what is normal.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import numpy as np
import numpy.typing as npt

from credit_contract.baseline import Baseline, NumberHistogram
from credit_contract.policy import DECISIONS
from credit_contract.schema import FeatureSchema, Field
from drift_monitor.history import History, literal, quoted
from drift_monitor.windows import Window, last_decided

Counts = npt.NDArray[np.float64]
STRANGERS_SHOWN = 3


@dataclass(frozen=True, slots=True)
class FieldCounts:
    """One field in one window.

    histogram: float64 [k + 1], by the baseline's bins or the schema's categories, missing last.
    outside: finite or not, beyond the plausible range, or of no known category. unreadable: not of the field's kind.
    constant: all values that are there are one. strangers: the commonest unknown categories.
    """

    histogram: Counts
    outside: int
    unreadable: int
    constant: bool
    vanished: bool = False
    strangers: tuple[str, ...] = ()

    @property
    def missing(self) -> float:
        """How many have no value."""
        return float(self.histogram[-1])


@dataclass(frozen=True, slots=True)
class WindowCounts:
    """One window. score: float64 [k + 1] like a field; decided: float64 [3] in the order of DECISIONS.

    last: the last decision before the window's end, by whichever model.
    approvals: by monitored attribute and group, (decided, approved). repeated: decisions that came more than once.
    with_values: decisions whose applicants' values retention has not erased; fields are counted on these only.
    """

    decisions: int
    with_values: int
    last: datetime
    repeated: int
    fields: dict[str, FieldCounts]
    score: Counts
    decided: Counts
    approvals: dict[str, dict[str, tuple[int, int]]]


def count_window(history: History, window: Window, schema: FeatureSchema, baseline: Baseline) -> WindowCounts:
    """Count everything about a window: one scan of one column for each field."""
    source = f"(SELECT * FROM decisions WHERE {window.condition})"
    kept = f"(SELECT * FROM decisions WHERE {window.condition} AND NOT erased)"
    total, with_values, different = history.row(
        "SELECT count(*), count(*) FILTER (NOT erased), count(DISTINCT hash(id))"
        f" FROM decisions WHERE {window.condition}"
    )
    fields = {f.name: _number(history, kept, f, baseline.numbers[f.name], with_values) for f in schema.number_fields}
    fields |= {f.name: _category(history, kept, f, with_values) for f in schema.category_fields}
    decided = dict(history.rows(f"SELECT decision, count(*) FROM {source} GROUP BY 1"))
    attributes = [field.name for field in schema.unscored_fields if field.role == "protected"]
    return WindowCounts(
        decisions=total,
        with_values=with_values,
        last=last_decided(history, window.end) or window.start,
        repeated=total - different,
        fields=fields,
        score=_score(history, source, baseline.pd),
        decided=np.array([decided.get(decision, 0) for decision in DECISIONS], dtype=np.float64),
        approvals={name: _approvals(history, source, schema[name]) for name in attributes if name in history.columns},
    )


def _bin_of(value: str, edges: tuple[float, ...]) -> str:
    """SQL for the position of a value, as `NumberHistogram.count` has it: on an edge means above; missing is last."""
    steps = " + ".join(f"({value} >= {edge:.17e})::INTEGER" for edge in edges) or "0"
    return f"CASE WHEN {value} IS NULL THEN {len(edges) + 1} ELSE {steps} END"


def _histogram(rows: list[tuple[int, int]], size: int) -> Counts:
    counts = np.zeros(size)
    for position, count in rows:
        counts[position] = count
    return counts


def _number(history: History, source: str, field: Field, bins: NumberHistogram, total: int) -> FieldCounts:
    size = len(bins.counts) + 1
    if field.name not in history.columns:
        return FieldCounts(_histogram([(size - 1, total)], size), 0, 0, False, vanished=True)
    raw, (low, high) = quoted(field.name), field.bounds
    # The baseline was cut in float32, so a value must become one before it meets an edge.
    inner = (
        f"SELECT {raw} AS raw, TRY_CAST({raw} AS DOUBLE) AS given,"
        f" CASE WHEN isfinite(given) THEN given::FLOAT END AS value FROM {source}"
    )
    rows = history.rows(
        f"SELECT {_bin_of('value', bins.edges)} AS bin, count(*), min(value), max(value),"
        f" count(*) FILTER (isinf(given) OR value < {low:.17e} OR value > {high:.17e}),"
        f" count(*) FILTER (raw IS NOT NULL AND given IS NULL) FROM ({inner}) GROUP BY bin"
    )
    there = [row for row in rows if row[0] != size - 1]
    constant = bool(there) and min(row[2] for row in there) == max(row[3] for row in there)
    histogram = _histogram([(row[0], row[1]) for row in rows], size)
    return FieldCounts(histogram, sum(row[4] for row in rows), sum(row[5] for row in rows), constant)


def _category(history: History, source: str, field: Field, total: int) -> FieldCounts:
    size = len(field.categories) + 1
    if field.name not in history.columns:
        return FieldCounts(_histogram([(size - 1, total)], size), 0, 0, False, vanished=True)
    cases = " ".join(f"WHEN {literal(text)} THEN {code - 1}" for text, code in field.codes_by_text.items())
    inner = f"SELECT {_text_of(field)} AS value FROM {source}"
    rows = history.rows(
        f"SELECT CASE WHEN value IS NULL THEN {size - 1} ELSE CASE value {cases} ELSE -1 END END AS bin, count(*)"
        f" FROM ({inner}) GROUP BY bin"
    )
    known = [(position, count) for position, count in rows if position >= 0]
    outside = sum(count for position, count in rows if position < 0)
    there = [position for position, count in rows if position != size - 1 and count]
    strangers = _strangers(history, inner, field) if outside else ()
    return FieldCounts(_histogram(known, size), outside, 0, len(there) == 1 and there[0] >= 0, strangers=strangers)


def _strangers(history: History, values: str, field: Field) -> tuple[str, ...]:
    """The commonest values that are no category."""
    names = ", ".join(map(literal, field.codes_by_text))
    rows = history.rows(
        f"SELECT value FROM ({values}) WHERE value NOT IN ({names}) GROUP BY 1 ORDER BY count(*) DESC, 1"
        f" LIMIT {STRANGERS_SHOWN}"
    )
    return tuple(str(row[0]) for row in rows)


def _text_of(field: Field) -> str:
    """SQL for a category as text; integers may have become floats where some are missing."""
    name = quoted(field.name)
    if isinstance(field.categories[0], int):
        return f"coalesce(TRY_CAST(TRY_CAST({name} AS DOUBLE) AS BIGINT)::VARCHAR, {name}::VARCHAR)"
    return f"{name}::VARCHAR"


def _score(history: History, source: str, bins: NumberHistogram) -> Counts:
    inner = f"SELECT CASE WHEN pd BETWEEN 0 AND 1 THEN pd::FLOAT END AS value FROM {source}"
    rows = history.rows(f"SELECT {_bin_of('value', bins.edges)} AS bin, count(*) FROM ({inner}) GROUP BY bin")
    return _histogram([(row[0], row[1]) for row in rows], len(bins.counts) + 1)


def _approvals(history: History, source: str, field: Field) -> dict[str, tuple[int, int]]:
    """Decided and approved by group; a number is grouped by decades, no value is the group `missing`."""
    name = quoted(field.name)
    decade = f"(floor(TRY_CAST({name} AS DOUBLE) / 10) * 10)::INTEGER::VARCHAR"
    group = f"{name}::VARCHAR" if field.kind == "category" else decade
    rows = history.rows(
        f"SELECT coalesce({group}, 'missing'), count(*), count(*) FILTER (decision = 'approve') FROM {source}"
        " GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT 50"
    )
    return {str(name): (decided, approved) for name, decided, approved in rows}
