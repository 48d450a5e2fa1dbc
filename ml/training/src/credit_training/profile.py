"""What the numbers say about each field: distribution, missing, bad rate by bin, information value, stability.

Everything about the outcome is measured on the development sample; the hold-out is only compared with it.
All counts are weighted. Does not know words (`findings`), plots or pages.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from credit_contract.baseline import CategoryHistogram, NumberHistogram, category_histogram, number_histogram
from credit_contract.schema import MISSING_CODE
from credit_contract.stability import psi
from credit_training.dataset import Column
from credit_training.prepare import Prepared
from credit_training.typed import GROUP, HOLDOUT, TARGET, TIME, WEIGHT

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]
MISSING = "missing"
REVERSAL_Z = 3.0
SMALLEST_PERIOD = 100


@dataclass(frozen=True, slots=True)
class Bin:
    """One bin of a field: its share of the applicants and the bad rate among them, NaN if there are none."""

    label: str
    share: float
    bad_rate: float


@dataclass(frozen=True, slots=True)
class FieldProfile:
    """One field on the development sample.

    information_value: sum over bins of (good share - bad share) ln(good share / bad share) (Siddiqi 2006).
    psi: development sample to hold-out. reversal: two neighbouring bins whose bad rates move against the field's
    direction by more than three standard errors, the worst of them.
    """

    column: Column
    missing: float
    typical: str
    commonest: float
    bins: tuple[Bin, ...]
    information_value: float
    psi: float
    reversal: tuple[str, str] | None


@dataclass(frozen=True, slots=True)
class Drift:
    """Periods in order: label, rows, weighted bad rate, whether held out, and PSI of each field [fields, periods].

    PSI compares with the development sample; NaN where a period has fewer than a hundred rows.
    """

    periods: tuple[str, ...]
    rows: tuple[int, ...]
    bad_rate: tuple[float, ...]
    first_held_out: int | None
    fields: tuple[str, ...]
    psi: Floats


@dataclass(frozen=True, slots=True)
class GroupRate:
    """A protected group: its share and its bad rate with the half width of a 95 % interval."""

    attribute: str
    group: str
    share: float
    bad_rate: float
    half_width: float


@dataclass(frozen=True, slots=True)
class Profile:
    """A dataset version in numbers. correlations: Spearman among numbers and the outcome, development sample."""

    prepared: Prepared
    rows: int
    held_out: int
    bad_rate: float
    held_out_bad_rate: float
    repeated_rows: int
    repeated_across: int
    fields: tuple[FieldProfile, ...]
    correlations: pd.DataFrame
    groups: tuple[GroupRate, ...]
    drift: Drift | None


def profile(prepared: Prepared) -> Profile:
    """All of a dataset version, fields by falling information value."""
    frame = prepared.frame
    columns = prepared.spec.columns(prepared.version)
    held = frame[HOLDOUT].to_numpy(dtype=np.bool_)
    bad, weight = frame[TARGET].to_numpy(dtype=np.float64), frame[WEIGHT].to_numpy(dtype=np.float64)
    fields = [profile_field(column, frame[column.name], bad, weight, held) for column in columns]
    return Profile(
        prepared=prepared,
        rows=len(frame),
        held_out=int(held.sum()),
        bad_rate=float(np.average(bad[~held], weights=weight[~held])),
        held_out_bad_rate=float(np.average(bad[held], weights=weight[held])),
        repeated_rows=int(frame[GROUP].duplicated().sum()),
        repeated_across=int(frame[GROUP][held].isin(frame[GROUP][~held]).sum()),
        fields=tuple(sorted(fields, key=lambda field: -field.information_value)),
        correlations=_correlations(frame[~held], columns),
        groups=_groups(prepared, bad, weight, held),
        drift=_drift(frame, columns, bad, weight) if TIME in frame else None,
    )


def profile_field(column: Column, values: pd.Series[Any], bad: Floats, weight: Floats, held: Mask) -> FieldProfile:
    """One field; values, bad, weight and held are [n]."""
    known = ~held
    counted = _Binned(column, values, weight, known)
    by_bin = {outcome: counted.count(known & (bad == outcome)) for outcome in (0, 1)}
    total, bads = by_bin[0] + by_bin[1], by_bin[1]
    with np.errstate(invalid="ignore"):
        rates = np.where(total > 0, bads / total, np.nan)
    shares = total / total.sum()
    commonest = values[known].value_counts(normalize=True, dropna=False)
    return FieldProfile(
        column=column,
        missing=float(shares[-1]),
        typical=_typical(column, values[known]),
        commonest=float(commonest.iloc[0]),
        bins=tuple(map(Bin, counted.labels, shares.tolist(), rates.tolist())),
        information_value=psi(by_bin[0], by_bin[1]),
        psi=psi(total, counted.count(held)),
        reversal=_reversal(column, counted, bads, total, int(known.sum())),
    )


class _Binned:
    """A field in the bins of its development sample: [k] codes for all rows, the missing in the last bin."""

    histogram: NumberHistogram | CategoryHistogram

    def __init__(self, column: Column, values: pd.Series[Any], weight: Floats, known: Mask) -> None:
        self.weight = weight
        self.lows: Floats = np.empty(0)
        if column.kind == "category":
            codes = values.map(column.codes_by_text).fillna(MISSING_CODE).to_numpy(dtype=np.int64)
            self.histogram = category_histogram(codes[known], len(column.categories), weight[known])
            self.codes = np.where(codes == MISSING_CODE, len(column.categories), codes - 1)
            names = [column.labels.get(str(category), str(category)) for category in column.categories]
        else:
            numbers = values.to_numpy(dtype=np.float64)
            self.histogram = number_histogram(numbers[known], weight[known])
            edges = np.asarray(self.histogram.edges, dtype=np.float32)
            self.codes = np.searchsorted(edges, numbers.astype(np.float32), side="right")
            self.codes[np.isnan(numbers)] = len(edges) + 1
            self.lows = np.append(-np.inf, edges.astype(np.float64))
            names = number_labels(self.histogram.edges)
        self.labels = [*names, MISSING]

    def count(self, rows: Mask) -> Floats:
        """Weights by bin among some rows."""
        return np.bincount(self.codes[rows], self.weight[rows], len(self.labels)).astype(np.float64)


def number_labels(edges: Sequence[float]) -> list[str]:
    """Bins by their borders, short enough for an axis."""
    if not edges:
        return ["all"]
    between = [f"{short(low)} – {short(high)}" for low, high in pairwise(edges)]
    return [f"< {short(edges[0])}", *between, f"≥ {short(edges[-1])}"]


def short(number: float) -> str:
    """Three digits, thousands as k and millions as M."""
    for size, unit in ((1e6, "M"), (1e3, "k")):
        if abs(number) >= size:
            return f"{number / size:.3g}{unit}"
    return f"{number:.3g}"


def _typical(column: Column, values: pd.Series[Any]) -> str:
    there = values.dropna()
    if not len(there):
        return "all missing"
    if column.kind != "category":
        low, middle, high = (short(float(value)) for value in there.quantile([0.01, 0.5, 0.99]))
        return f"median {middle}, 1 % to 99 %: {low} to {high}"
    shares = there.value_counts(normalize=True)
    name = str(shares.index[0])
    return f"{column.labels.get(name, name)} ({shares.iloc[0]:.0%})"


def _reversal(column: Column, binned: _Binned, bads: Floats, total: Floats, rows: int) -> tuple[str, str] | None:
    """Neighbouring bins against the field's direction: z test of two shares, counts scaled to unweighted rows."""
    if column.monotone is None:
        return None
    start = -np.inf if column.monotone_from is None else column.monotone_from
    sign = 1.0 if column.monotone == "increasing" else -1.0
    counts, rates = total * rows / total.sum(), bads / np.maximum(total, 1e-12)
    worst, found = REVERSAL_Z, None
    for left, right in pairwise(range(len(total) - 1)):
        if binned.lows[left] < start or min(counts[left], counts[right]) < SMALLEST_PERIOD:
            continue
        spread = sum(rates[i] * (1 - rates[i]) / counts[i] for i in (left, right))
        z = sign * (rates[left] - rates[right]) / np.sqrt(max(spread, 1e-12))
        if z > worst:
            worst, found = z, (binned.labels[left], binned.labels[right])
    return found


def _correlations(frame: pd.DataFrame, columns: Sequence[Column]) -> pd.DataFrame:
    numbers = [column.name for column in columns if column.kind != "category" and column.role != "leak"]
    return frame[numbers].assign(outcome=frame[TARGET]).corr(method="spearman")


def _groups(prepared: Prepared, bad: Floats, weight: Floats, held: Mask) -> tuple[GroupRate, ...]:
    found = []
    for attribute, groups in prepared.portfolio().protected.items():
        for group in np.unique(groups):
            rows = (groups == group) & ~held
            if not rows.any():
                continue
            rate = float(np.average(bad[rows], weights=weight[rows]))
            half = 1.96 * float(np.sqrt(rate * (1 - rate) / rows.sum()))
            share = float(weight[rows].sum() / weight[~held].sum())
            found.append(GroupRate(attribute, str(group), share, rate, half))
    return tuple(found)


def _drift(frame: pd.DataFrame, columns: Sequence[Column], bad: Floats, weight: Floats) -> Drift:
    time, known = frame[TIME], ~frame[HOLDOUT].to_numpy(dtype=np.bool_)
    years = (time.max() - time.min()).days / 365.25
    period = time.dt.to_period("Y" if years > 6 else "Q" if years > 1.5 else "M")
    names = sorted(period.unique())
    masks = [(period == name).to_numpy() for name in names]
    used = [column for column in columns if column.role == "used"]
    table = np.full((len(used), len(names)), np.nan)
    for row, column in enumerate(used):
        binned = _Binned(column, frame[column.name], weight, known)
        reference = binned.count(known)
        for position, mask in enumerate(masks):
            if mask.sum() >= SMALLEST_PERIOD:
                table[row, position] = psi(reference, binned.count(mask))
    held_out = [position for position, mask in enumerate(masks) if not known[mask].any()]
    return Drift(
        periods=tuple(map(str, names)),
        rows=tuple(int(mask.sum()) for mask in masks),
        bad_rate=tuple(float(np.average(bad[mask], weights=weight[mask])) for mask in masks),
        first_held_out=held_out[0] if held_out else None,
        fields=tuple(column.name for column in used),
        psi=table,
    )
