"""A profile in words: what somebody who is about to train a model should know, each finding with its numbers.

Thresholds are the field's customary ones (Siddiqi 2006) and named here. Does not know pages.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import combinations

import numpy as np
from scipy.stats import skew

from credit_training.profile import SMALLEST_PERIOD, FieldProfile, Profile

WEAK, STRONG, SUSPICIOUS = 0.02, 0.3, 0.5  # information value
MOVED, SHIFTED = 0.1, 0.25  # PSI
ALIKE = 0.8  # rank correlation
LONG_TAIL = 5  # skewness
CONSTANT = 0.95  # share of the commonest value
SMALLEST_GROUP = 0.01  # share of the applicants


def findings(profile: Profile) -> list[str]:
    """Sentences in the order in which one would ask."""
    return [
        *_sample(profile),
        *_missing(profile),
        *_strength(profile),
        *_leaks(profile),
        *_directions(profile),
        *_shape(profile),
        *_alike(profile),
        *_drift(profile),
        *_groups(profile),
    ]


def _used(profile: Profile) -> list[FieldProfile]:
    return [field for field in profile.fields if field.column.role == "used"]


def _listed(names: Iterable[str], most: int = 6) -> str:
    names = list(names)
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")


def _sample(profile: Profile) -> Iterator[str]:
    weighted = " (weighted)" if profile.prepared.spec.weight else ""
    yield (
        f"{profile.rows:,} applicants, {profile.bad_rate:.1%} bad in the development sample{weighted}; "
        f"{profile.held_out:,} are held out, {profile.held_out_bad_rate:.1%} of them bad."
    )
    if profile.repeated_rows:
        across = f" By the split's date {profile.repeated_across:,} held-out rows repeat one of the development sample."
        yield (
            f"Rows that repeat another in all but leaks: {profile.repeated_rows:,}; each shares a fold with it."
            f"{across if profile.repeated_across else ''}"
        )


def _missing(profile: Profile) -> Iterator[str]:
    gaps = sorted((f for f in _used(profile) if f.missing > 0), key=lambda f: -f.missing)
    if not gaps:
        yield "No scored field has a missing value."
        return
    yield "Missing: " + _listed(f"{f.column.name} {f.missing:.1%}" for f in gaps) + "."
    told = max(gaps, key=lambda f: abs(f.bins[-1].bad_rate - profile.bad_rate) * (f.missing >= SMALLEST_GROUP))
    if told.missing >= SMALLEST_GROUP:
        yield (
            f"The gap itself can inform: where {told.column.name} is missing, {told.bins[-1].bad_rate:.1%} are bad, "
            f"against {profile.bad_rate:.1%} overall."
        )


def _strength(profile: Profile) -> Iterator[str]:
    used = _used(profile)
    best = ", ".join(f"{f.column.name} {f.information_value:.2f}" for f in used[:3])
    yield f"Strongest by information value: {best}."
    if weak := [f.column.name for f in used if f.information_value < WEAK]:
        yield f"Next to nothing on their own (below {WEAK}): {_listed(weak)}; feature selection will tell."
    if strong := [f.column.name for f in used if f.information_value > SUSPICIOUS]:
        yield f"Above {SUSPICIOUS}, where one asks whether it is known at the decision: {_listed(strong)}."


def _leaks(profile: Profile) -> Iterator[str]:
    leaks = [f for f in profile.fields if f.column.role == "leak"]
    if leaks:
        values = _listed(f"{f.column.name} {f.information_value:.2f}" for f in leaks)
        yield f"Known only afterwards and in no model: {values} (information value)."


def _directions(profile: Profile) -> Iterator[str]:
    directed = [f for f in _used(profile) if f.column.monotone]
    against = [f for f in directed if f.reversal]
    if directed and not against:
        yield f"Fields with a direction: {len(directed)}; in none does the bad rate move clearly against it."
    for field in against:
        assert field.reversal is not None
        left, right = field.reversal
        yield (
            f"{field.column.name} is to be {field.column.monotone}, but from the bin {left} to {right} "
            "the bad rate moves the other way by more than three standard errors."
        )


def _shape(profile: Profile) -> Iterator[str]:
    if flat := [f"{f.column.name} {f.commonest:.0%}" for f in _used(profile) if f.commonest > CONSTANT]:
        yield f"Nearly constant, share of the commonest value: {_listed(flat)}."
    frame = profile.prepared.frame
    numbers = [f.column.name for f in _used(profile) if f.column.kind != "category"]
    if tails := [name for name in numbers if skew(frame[name].dropna()) > LONG_TAIL]:
        yield f"Long tails (skewness above {LONG_TAIL}): {_listed(tails)}; bins, ratios or logarithms suit them."


def _alike(profile: Profile) -> Iterator[str]:
    used = {f.column.name for f in _used(profile)}
    table = profile.correlations.drop(index="outcome", columns="outcome")
    strength = np.abs(table.to_numpy(dtype=np.float64))
    scored = [position for position, name in enumerate(table) if name in used]
    pairs = [(strength[i, j], table.columns[i], table.columns[j]) for i, j in combinations(scored, 2)]
    close = sorted((pair for pair in pairs if pair[0] >= ALIKE), reverse=True)
    if close:
        highest, a, b = close[0]
        yield (
            f"Pairs of fields that are nearly one (rank correlation from {ALIKE}): {len(close)}, "
            f"first {a} and {b} with {highest:.2f}."
        )


def _drift(profile: Profile) -> Iterator[str]:
    if profile.drift is None:
        yield "There are no dates: drift over time cannot be seen in this dataset."
        return
    moved = sorted((f for f in _used(profile) if f.psi > MOVED), key=lambda f: -f.psi)
    if moved:
        listed = _listed(f"{f.column.name} {f.psi:.2f}" for f in moved)
        yield f"From the development sample to the hold-out these fields moved (PSI above {MOVED}): {listed}."
    else:
        yield f"No scored field moves by a PSI above {MOVED} from the development sample to the hold-out."
    periods = zip(profile.drift.bad_rate, profile.drift.periods, profile.drift.rows, strict=True)
    rates = sorted((rate, period) for rate, period, rows in periods if rows >= SMALLEST_PERIOD)
    if rates:
        (lowest, then), (highest, later) = rates[0], rates[-1]
        yield f"The bad rate runs from {lowest:.1%} in {then} to {highest:.1%} in {later}."


def _groups(profile: Profile) -> Iterator[str]:
    for attribute in dict.fromkeys(group.attribute for group in profile.groups):
        rates = [g for g in profile.groups if g.attribute == attribute and g.share >= SMALLEST_GROUP]
        if len(rates) < 2:
            continue
        low, high = min(rates, key=lambda g: g.bad_rate), max(rates, key=lambda g: g.bad_rate)
        apart = high.bad_rate - high.half_width > low.bad_rate + low.half_width
        yield (
            f"Protected, {attribute}: {low.bad_rate:.1%} bad among “{low.group}”, {high.bad_rate:.1%} among "
            f"“{high.group}”" + ("." if apart else "; the intervals overlap.")
        )
