"""The baseline: what fields and scores looked like when the model was made. Aggregates only, never a row.

Reference for drift, and for reasons (the reference applicant). Does not know windows or verdicts.
"""

from __future__ import annotations

from typing import Any, Self

import numpy as np
import numpy.typing as npt
from pydantic import model_validator

from credit_contract.applicant import Encoded
from credit_contract.schema import MISSING_CODE, Category, FeatureSchema, Frozen

BINS = 10


class NumberHistogram(Frozen):
    """Counts of a number by bin: k inner edges make k + 1 bins, a value equal to an edge is in the bin above."""

    edges: tuple[float, ...]
    counts: tuple[float, ...]
    missing: float

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if len(self.counts) != len(self.edges) + 1 or list(self.edges) != sorted(set(self.edges)):
            raise ValueError("k rising edges need k + 1 counts")
        return self

    def count(self, values: npt.NDArray[np.floating]) -> npt.NDArray[np.float64]:
        """Counts of other values by the same bins, missing last: float64 [k + 2]."""
        there = values[~np.isnan(values)]
        bins = np.searchsorted(np.asarray(self.edges, dtype=np.float32), there, side="right")
        counted = np.bincount(bins, minlength=len(self.counts)).astype(np.float64)
        return np.append(counted, len(values) - len(there))

    def reference(self) -> npt.NDArray[np.float64]:
        """The baseline's own counts in the order of `count`."""
        return np.array([*self.counts, self.missing], dtype=np.float64)


class CategoryHistogram(Frozen):
    """Counts by category in the schema's order, and of the missing."""

    counts: tuple[float, ...]
    missing: float

    def count(self, codes: npt.NDArray[np.integer[Any]]) -> npt.NDArray[np.float64]:
        """Counts of other codes (0 = missing) in the same order, missing last: float64 [k + 1]."""
        counted = np.bincount(codes, minlength=len(self.counts) + 1).astype(np.float64)
        return np.append(counted[1:], counted[MISSING_CODE])

    def reference(self) -> npt.NDArray[np.float64]:
        """The baseline's own counts in the order of `count`."""
        return np.array([*self.counts, self.missing], dtype=np.float64)


class Baseline(Frozen):
    """Histograms by field and of the PD, counts by weight, and the applicant whom reasons compare with."""

    rows: int
    bad_rate: float
    numbers: dict[str, NumberHistogram]
    categories: dict[str, CategoryHistogram]
    pd: NumberHistogram
    decisions: tuple[float, float, float]
    reference_applicant: dict[str, float | int | str | None]


def number_histogram(
    values: npt.NDArray[np.floating], weight: npt.NDArray[np.float64], bins: int = BINS
) -> NumberHistogram:
    """Bins of about equal weight; many equal values make fewer bins."""
    there = ~np.isnan(values)
    known, known_weight = values[there].astype(np.float32), weight[there]
    order = np.argsort(known, kind="stable")
    cumulative = np.cumsum(known_weight[order])
    edges: npt.NDArray[np.float32] = np.empty(0, dtype=np.float32)
    if len(known):
        at = np.searchsorted(cumulative, cumulative[-1] * np.arange(1, bins) / bins)
        edges = np.unique(known[order][np.minimum(at, len(known) - 1)])
        edges = edges[edges > known.min()]
    counts = np.bincount(np.searchsorted(edges, known, side="right"), known_weight, len(edges) + 1)
    return NumberHistogram(
        edges=tuple(map(float, edges)), counts=_rounded(counts), missing=round(float(weight[~there].sum()), 6)
    )


def category_histogram(
    codes: npt.NDArray[np.integer[Any]], categories: int, weight: npt.NDArray[np.float64]
) -> CategoryHistogram:
    """Counts by weight of the codes 1 to `categories`, and of 0."""
    counts = np.bincount(codes, weight, categories + 1)
    return CategoryHistogram(counts=_rounded(counts[1:]), missing=round(float(counts[MISSING_CODE]), 6))


def build(
    schema: FeatureSchema,
    encoded: Encoded,
    target: npt.NDArray[np.integer[Any]],
    pd: npt.NDArray[np.floating],
    decisions: npt.NDArray[np.integer[Any]],
    weight: npt.NDArray[np.float64],
) -> Baseline:
    """The baseline of n applicants; `decisions` are positions in `policy.DECISIONS`."""
    approved = decisions == 0
    return Baseline(
        rows=len(encoded),
        bad_rate=round(float(np.average(target, weights=weight)), 9),
        numbers={f.name: number_histogram(encoded.numbers[:, i], weight) for i, f in enumerate(schema.number_fields)},
        categories={
            f.name: category_histogram(encoded.categories[:, i], len(f.categories), weight)
            for i, f in enumerate(schema.category_fields)
        },
        pd=number_histogram(pd, weight, bins=20),
        decisions=_three(np.bincount(decisions, weight, 3)),
        reference_applicant=reference_applicant(schema, encoded[approved] if approved.any() else encoded),
    )


def reference_applicant(schema: FeatureSchema, encoded: Encoded) -> dict[str, float | int | str | None]:
    """The typical approved applicant: the median of each number, the commonest of each category.

    A field that most of them lack is missing here too.
    """
    applicant: dict[str, float | int | str | None] = {}
    for column, field in enumerate(schema.number_fields):
        values = encoded.numbers[:, column]
        there = values[~np.isnan(values)]
        if len(there) * 2 < len(values):
            applicant[field.name] = None
            continue
        middle = float(np.quantile(there, 0.5, method="lower"))
        applicant[field.name] = int(middle) if field.kind == "integer" else middle
    for column, field in enumerate(schema.category_fields):
        commonest: int = int(np.bincount(encoded.categories[:, column], minlength=len(field.categories) + 1).argmax())
        value: Category | None = None if commonest == MISSING_CODE else field.categories[commonest - 1]
        applicant[field.name] = value
    return applicant


def _rounded(counts: npt.NDArray[Any]) -> tuple[float, ...]:
    return tuple(round(float(count), 6) for count in counts)


def _three(counts: npt.NDArray[Any]) -> tuple[float, float, float]:
    approve, refer, decline = _rounded(counts)
    return approve, refer, decline
