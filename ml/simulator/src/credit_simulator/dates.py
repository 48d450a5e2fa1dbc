"""Days and months of datetime64 arrays: when people apply, and the same day some months later."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from credit_simulator.arrays import Dates


def days_of_month(rng: np.random.Generator, month: np.datetime64, n: int) -> Dates:
    """Days of a month in order, datetime64[D] [n]."""
    first, following = month.astype("M8[D]"), (month + 1).astype("M8[D]")
    length = (following - first).astype(int)
    days: Dates = first + np.sort(rng.integers(0, length, n)).astype("m8[D]")
    return days


def add_months(days: Dates, months: npt.NDArray[np.integer[Any]]) -> Dates:
    """The same day of the month later; the last day of a shorter month instead of the 31st."""
    month = days.astype("M8[M]")
    day = days - month.astype("M8[D]")
    target = month + months.astype("m8[M]")
    last: Dates = (target + 1).astype("M8[D]") - np.timedelta64(1, "D")
    later: Dates = np.minimum(target.astype("M8[D]") + day, last)
    return later
