"""Weight of evidence: a feature cut into few bins whose bad rates differ, each bin with its evidence for good.

Fine bins are merged until neighbours differ by more than chance (ChiMerge, Kerber 1992) and, where it has a
direction, the bad rate follows it. Does not know what is done with the evidence.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from credit_contract.applicant import Encoded
from credit_contract.schema import Field
from credit_training.feature_table import FeatureTable
from credit_training.portfolio import Portfolio

Array = npt.NDArray[np.float64]

FINE_BINS = 20
SMALLEST_SHARE = 0.01
CHI_SQUARE = 6.635  # 99 % point, one degree of freedom
SMOOTHING = 0.5  # applicants added to each class of a bin, so that a pure bin has finite evidence


@dataclass(frozen=True, slots=True)
class Binning:
    """The bins of one feature; the last of k is the missing.

    A number has k - 2 inner `edges`, a value equal to an edge being in the bin above; a category has `bin_of`, the bin
    of each code. `column` is among the numbers or among the categories.
    bad, good: float64 [k] by weight. woe: float64 [k], ln(share of the good / share of the bad).
    """

    name: str
    column: int
    bad: Array
    good: Array
    edges: Array
    bin_of: npt.NDArray[np.int64] | None = None
    category: Field | None = None

    @property
    def woe(self) -> Array:
        """Evidence for good, in nats."""
        good = (self.good + SMOOTHING) / (self.good.sum() + SMOOTHING)
        bad = (self.bad + SMOOTHING) / (self.bad.sum() + SMOOTHING)
        # A bin without applicants in development is no evidence either way.
        return np.where(self.good + self.bad > 0, np.log(good / bad), 0.0)

    @property
    def information_value(self) -> float:
        """Sum over bins of (share of the good - share of the bad) · woe (Siddiqi 2006: below 0.02 is useless)."""
        return float(np.sum((self.good / self.good.sum() - self.bad / self.bad.sum()) * self.woe))

    def index(self, features: Encoded) -> npt.NDArray[np.int64]:
        """The bin of each applicant: int64 [n]."""
        if self.bin_of is not None:
            return self.bin_of[features.categories[:, self.column]]
        return _number_bin(features.numbers[:, self.column], self.edges)

    def labels(self) -> list[str]:
        """What is in each bin, for people: [k]."""
        if self.category is not None and self.bin_of is not None:
            groups: list[list[str]] = [[] for _ in self.bad]
            for value, place in zip(self.category.categories, self.bin_of[1:], strict=True):
                groups[place].append(self.category.labels.get(str(value), str(value)))
            return [*(", ".join(group) for group in groups[:-1]), "missing"]
        texts = [f"{edge:.6g}" for edge in self.edges]
        if not texts:
            return ["any", "missing"]
        between = [f"{low} to below {high}" for low, high in pairwise(texts)]
        return [f"below {texts[0]}", *between, f"{texts[-1]} and more", "missing"]


def bin_features(table: FeatureTable, development: Portfolio) -> tuple[Binning, ...]:
    """Every feature of the table binned on the outcomes of `development`, numbers first."""
    weight = development.weight / development.weight.mean()
    features = table.compute(development.encoded)
    numbers = [
        _bin_number(name, column, direction, features.numbers[:, column], development.target, weight)
        for column, (name, direction) in enumerate(zip(table.names, table.directions, strict=True))
    ]
    categories = [
        _bin_category(field, column, features.categories[:, column], development.target, weight)
        for column, field in enumerate(table.category_fields)
    ]
    return (*numbers, *categories)


def _number_bin(values: npt.NDArray[np.float32], edges: Array) -> npt.NDArray[np.int64]:
    found = np.searchsorted(edges, values.astype(np.float64), side="right")
    return np.where(np.isnan(values), len(edges) + 1, found)


def _bin_number(
    name: str,
    column: int,
    direction: int,
    values: npt.NDArray[np.float32],
    target: npt.NDArray[np.int8],
    weight: Array,
) -> Binning:
    known = values[~np.isnan(values)].astype(np.float64)
    edges: Array = np.empty(0)
    if len(known):
        edges = np.unique(np.quantile(known, np.arange(1, FINE_BINS) / FINE_BINS, method="lower"))
        edges = edges[edges > known.min()]
    bad, good = _counts(_number_bin(values, edges), target, weight, len(edges) + 2)
    starts = _merge(bad[:-1], good[:-1], direction)
    return Binning(name, column, _joined(bad, starts), _joined(good, starts), edges[starts[1:] - 1])


def _bin_category(
    field: Field, column: int, codes: npt.NDArray[np.int64], target: npt.NDArray[np.int8], weight: Array
) -> Binning:
    bad, good = _counts(codes, target, weight, len(field.categories) + 1)
    # Categories have no order of their own: neighbours are those with the most alike bad rates. One that nobody has
    # counts as average.
    prior = bad.sum() / (bad.sum() + good.sum())
    order = np.argsort((bad[1:] + prior) / (bad[1:] + good[1:] + 1), kind="stable") + 1
    starts = _merge(bad[order], good[order], 0)
    bin_of = np.empty(len(order) + 1, np.int64)
    bin_of[order] = np.searchsorted(starts, np.arange(len(order)), side="right") - 1
    bin_of[0] = len(starts)
    arranged = np.append(order, 0)
    joined = (_joined(bad[arranged], starts), _joined(good[arranged], starts))
    return Binning(field.name, column, *joined, np.empty(0), bin_of, field)


def _counts(
    bins: npt.NDArray[np.int64], target: npt.NDArray[np.int8], weight: Array, length: int
) -> tuple[Array, Array]:
    """Weight of the bad and of the good by bin."""
    bad: Array = np.bincount(bins, weight * target, length).astype(np.float64)
    good: Array = np.bincount(bins, weight * (1 - target), length).astype(np.float64)
    return bad, good


def _joined(counts: Array, starts: npt.NDArray[np.int64]) -> Array:
    """Counts of fine bins, the last being the missing, added up from start to start."""
    return np.append(np.add.reduceat(counts[:-1], starts), counts[-1])


def _merge(bad: Array, good: Array, direction: int) -> npt.NDArray[np.int64]:
    """The fine bins at which merged bins start: int64, first 0. The bad rate follows `direction`, 0 = free."""
    starts = list(range(len(bad)))
    smallest = SMALLEST_SHARE * float(bad.sum() + good.sum())
    while len(starts) > 1:
        b, g = np.add.reduceat(bad, starts), np.add.reduceat(good, starts)
        wrong = _slope(b, g) * direction < 0
        small = np.minimum((b + g)[:-1], (b + g)[1:]) < smallest
        difference = _chi_square(b, g)
        # What breaks a promise goes first, then what is too small to judge, then what differs least.
        worst = int(np.lexsort((difference, ~small, ~wrong))[0])
        if not wrong[worst] and not small[worst] and difference[worst] >= CHI_SQUARE:
            break
        del starts[worst + 1]
    return np.array(starts, dtype=np.int64)


def _slope(bad: Array, good: Array) -> Array:
    """Sign of the change in bad rate from each bin to the next: [k - 1]."""
    return np.sign(bad[1:] * good[:-1] - bad[:-1] * good[1:])


def _chi_square(bad: Array, good: Array) -> Array:
    """Pearson's statistic of each pair of neighbours: [k - 1]; 0 where it is not defined."""
    count = bad + good
    crossed = (bad[1:] * good[:-1] - bad[:-1] * good[1:]) ** 2 * (count[1:] + count[:-1])
    margins = (bad[1:] + bad[:-1]) * (good[1:] + good[:-1]) * count[1:] * count[:-1]
    return np.divide(crossed, margins, out=np.zeros_like(crossed), where=margins > 0)
