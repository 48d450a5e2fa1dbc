"""The lender's judgement before there was a model: why old portfolios have no outcomes for some.

Rules of thumb and a person's inconsistency: declines are frequent where risk is high and certain nowhere.
"""

from __future__ import annotations

import numpy as np

from credit_simulator.arrays import Columns, Flags

LIMIT = 2.9  # declines about one applicant in twelve


def underwrite(rng: np.random.Generator, columns: Columns) -> Flags:
    """True for approved, bool [n]."""
    instalments = columns["monthly_obligations"] + columns["requested_amount"] / columns["term_months"]
    doubt = (
        3.0 * np.minimum(instalments / columns["net_income"], 1.0)
        + 0.7 * np.minimum(columns["delinquencies_12m"], 3)
        + 0.2 * np.minimum(columns["inquiries_6m"], 6)
        + 0.6 * (columns["employment_type"] == "not_employed")
        + rng.normal(scale=1.2, size=len(instalments))
    )
    return np.asarray(doubt < LIMIT)
