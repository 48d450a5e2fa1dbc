"""Drift: how far fields, score and decisions moved from the bundle's baseline.

Works on counts. Does not know windows, outcomes, or what follows from drift.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from credit_contract.baseline import Baseline
from credit_contract.policy import DECISIONS
from credit_contract.schema import FeatureSchema, Frozen
from credit_contract.stability import jensen_shannon
from drift_monitor.counting import Counts, WindowCounts
from drift_monitor.finding import Check
from drift_monitor.limits import Limits
from drift_monitor.significance import homogeneity, psi_interval, share_rise

SCORE = "score"


class Shift(Frozen):
    """How far one distribution moved: PSI (CSI, for a field) with a 95 % interval, Jensen-Shannon distance, shares.

    `p_value` is that of this one test, before it is adjusted for the number of fields.
    """

    name: str
    psi: float
    psi_low: float
    psi_high: float
    jensen_shannon: float
    p_value: float
    missing: float
    missing_reference: float
    outside: float
    new_categories: dict[str, float]


def shifts(schema: FeatureSchema, baseline: Baseline, counts: WindowCounts) -> tuple[Shift, ...]:
    """One row for each scored field in the schema's order, the score last."""
    rows = []
    for field in schema.scored_fields:
        histograms = baseline.categories if field.kind == "category" else baseline.numbers
        reference, current = histograms[field.name].reference(), counts.fields[field.name]
        new = np.flatnonzero((reference[:-1] == 0) & (current.histogram[:-1] > 0)) if field.kind == "category" else ()
        rows.append(
            _shift(
                field.name,
                _by_rows(reference, baseline.rows),
                current.histogram,
                current.outside,
                {str(field.categories[code]): float(current.histogram[code]) / counts.with_values for code in new},
            )
        )
    return (*rows, _shift(SCORE, _by_rows(baseline.pd.reference(), baseline.rows), counts.score, 0, {}))


def checks(shifted: tuple[Shift, ...], baseline: Baseline, counts: WindowCounts, limits: Limits) -> Iterator[Check]:
    """Drift checks of a window that is large enough to be judged."""
    for shift in shifted:
        n = counts.decisions if shift.name == SCORE else counts.with_values
        text = f"PSI of {shift.name} is {shift.psi:.2f} (95 % {shift.psi_low:.2f} to {shift.psi_high:.2f}, limit"
        yield Check(
            "drift",
            "psi",
            shift.name,
            shift.psi,
            limits.psi,
            shift.psi >= limits.psi,
            shift.p_value,
            f"{text} {limits.psi:g}, n = {n:,})",
        )
        rise = shift.missing - shift.missing_reference
        yield Check(
            "drift",
            "missing",
            shift.name,
            rise,
            limits.missing,
            rise >= limits.missing,
            share_rise((shift.missing_reference * baseline.rows, baseline.rows), (shift.missing * n, n)),
            f"{shift.missing:.1%} of {shift.name} are missing, {shift.missing_reference:.1%} in the reference",
        )
        for category, share in shift.new_categories.items():
            yield Check(
                "drift",
                "new_category",
                shift.name,
                share,
                limits.new_category,
                share >= limits.new_category,
                share_rise((0, baseline.rows), (share * n, n)),
                f"{share:.1%} of {shift.name} are {category}, which the reference never had",
            )
    yield _decision_rate(baseline, counts, limits)


def _decision_rate(baseline: Baseline, counts: WindowCounts, limits: Limits) -> Check:
    reference = _by_rows(np.array(baseline.decisions), baseline.rows)
    approve = DECISIONS.index("approve")
    before, now = reference[approve] / reference.sum(), counts.decided[approve] / max(counts.decided.sum(), 1.0)
    return Check(
        "drift",
        "decision_rate",
        "approve",
        float(now - before),
        limits.decision_rate,
        bool(abs(now - before) >= limits.decision_rate),
        homogeneity(reference, counts.decided),
        f"{now:.1%} were approved, {before:.1%} in the reference",
    )


def _shift(name: str, reference: Counts, current: Counts, outside: int, new: dict[str, float]) -> Shift:
    known, n = bool(current.sum()), max(float(current.sum()), 1.0)
    interval = psi_interval(reference, current) if known else None
    return Shift(
        name=name,
        psi=interval.value if interval else 0.0,
        psi_low=interval.low if interval else 0.0,
        psi_high=interval.high if interval else 0.0,
        jensen_shannon=jensen_shannon(reference, current) if known else 0.0,
        p_value=homogeneity(reference, current),
        missing=float(current[-1]) / n,
        missing_reference=float(reference[-1] / reference.sum()),
        outside=outside / n,
        new_categories=new,
    )


def _by_rows(reference: Counts, rows: int) -> Counts:
    """Reference counts scaled so that they sum to the number of applicants: weights say nothing of certainty."""
    return np.asarray(reference * (rows / reference.sum()))
