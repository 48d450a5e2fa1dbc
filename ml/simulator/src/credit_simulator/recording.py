"""What the lender's systems record of an applicant: gaps, slips and broken upstream fields.

Changes what is seen, never the risk. Does not know outcomes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from credit_simulator.arrays import Columns, Flags, Objects
from credit_simulator.fields import SCHEMA
from credit_simulator.scenario import SCALED_BY, Event

UNKNOWN_TENURE = 999.0  # the sentinel of an old form
UNKNOWN_SAVINGS = -1.0
INCOME_IN_CENTS = 100.0
DUPLICATE_EVERY = 400

_INCOME_GAP = {"self_employed": 0.16, "not_employed": 0.10}  # share that states no income, 0.035 for all others
_OLD_SPELLING = {"self_employed": "selfemployed", "retired": "pensioner"}


def leave_gaps(rng: np.random.Generator, columns: Columns) -> Columns:
    """About 5 % state no income, most often the self-employed: the gap itself carries information."""
    share = np.array([_INCOME_GAP.get(kind, 0.035) for kind in columns["employment_type"]])
    return columns | {"net_income": np.where(rng.random(len(share)) < share, np.nan, columns["net_income"])}


def make_slips(rng: np.random.Generator, columns: Columns) -> Columns:
    """What recipe v2 cleans: incomes in cents, two sentinels and retired spellings, each in well under 1 % of rows."""
    n = len(columns["net_income"])
    employment = columns["employment_type"]
    spelled = np.array([_OLD_SPELLING.get(kind, kind) for kind in employment], dtype=object)
    return columns | {
        "net_income": np.where(rng.random(n) < 0.004, columns["net_income"] * INCOME_IN_CENTS, columns["net_income"]),
        "employment_years": np.where(rng.random(n) < 0.006, UNKNOWN_TENURE, columns["employment_years"]),
        "savings_balance": np.where(rng.random(n) < 0.003, UNKNOWN_SAVINGS, columns["savings_balance"]),
        "employment_type": np.where(rng.random(n) < 0.03, spelled, employment),
    }


def duplicated_rows(rng: np.random.Generator, n: int) -> npt.NDArray[np.int64]:
    """For each of n rows the row that it shows: itself, or for one in 400 the row before it, sent twice."""
    source = np.arange(n)
    again = 1 + 2 * rng.choice(n // 2, size=n // DUPLICATE_EVERY, replace=False)
    source[again] = again - 1
    return source


def break_fields(rng: np.random.Generator, columns: Columns, events: Sequence[Event]) -> Columns:
    """Values of the named fields as the broken upstream system sends them."""
    for event in events:
        assert event.field is not None
        values = columns[event.field]
        hit = rng.random(len(values)) < event.strength
        columns = columns | {event.field: _broken(event, values, hit)}
    return columns


def _broken(event: Event, values: Objects, hit: Flags) -> Objects:
    field = SCHEMA[str(event.field)]
    category = field.kind == "category"
    if event.fault == "scaled":
        return np.where(hit, values * SCALED_BY, values)
    sent: Any = None if category else np.nan
    if event.fault == "constant":
        sent = field.categories[0] if category else field.minimum
    return np.where(hit, sent, values)
