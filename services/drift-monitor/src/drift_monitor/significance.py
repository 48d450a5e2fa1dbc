"""Whether a difference can be chance: p-values and intervals that depend on how many were counted.

Works on counts. Does not know fields, windows or when a difference matters (`settings.Limits`).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from scipy.special import bdtrc, chdtrc, ndtr

from credit_contract.metrics import Interval
from credit_contract.stability import psi, shares

Counts = npt.NDArray[np.float64]
Z95 = 1.959964
SMALLEST_EXPECTED = 5.0  # Cochran (1954): below it the chi-square approximation fails


def homogeneity(reference: Counts, current: Counts) -> float:
    """p-value of Pearson's chi-square test that two samples, counted by the same bins [k], share one distribution.

    Bins too sparse for the approximation are pooled first. 1 when nothing can be compared.
    """
    table = _pooled(np.stack([reference, current]))
    if table.shape[1] < 2 or np.any(table.sum(axis=1) == 0):
        return 1.0
    expected = _expected(table)
    return float(chdtrc(table.shape[1] - 1, np.sum((table - expected) ** 2 / expected)))


def psi_interval(reference: Counts, current: Counts) -> Interval:
    """PSI of counts [k] with a 95 % interval.

    The point is `stability.psi`. The interval is centred on it less its mean under no shift, (k - 1)(1/n_r + 1/n_c)
    (Yurdakul 2018), and its width is the delta method's with multinomial counts.
    """
    r, c = shares(reference), shares(current)
    n_r, n_c = float(reference.sum()), float(current.sum())
    bins = int(np.count_nonzero(reference + current))
    by_current = np.log(c / r) + 1 - r / c
    by_reference = np.log(r / c) + 1 - c / r
    variance = _multinomial(by_current, c) / n_c + _multinomial(by_reference, r) / n_r
    value = psi(reference, current)
    noise = (bins - 1) * (1 / n_r + 1 / n_c)
    # Under no shift the gradient vanishes and PSI is a scaled chi-square: its own variance is the floor.
    half = Z95 * math.sqrt(variance + 2 * (bins - 1) * (1 / n_r + 1 / n_c) ** 2)
    return Interval(value, max(0.0, value - noise - half), max(0.0, value - noise + half))


def share_rise(reference: tuple[float, float], current: tuple[float, float]) -> float:
    """One-sided p-value that a share rose; each pair is (count, of how many).

    The chi-square approximation with Yates' correction, so that rare events do not raise alarms.
    """
    (r, n_r), (c, n_c) = reference, current
    if not n_r or not n_c:
        return 1.0
    pooled = (r + c) / (n_r + n_c)
    spread = math.sqrt(pooled * (1 - pooled) * (1 / n_r + 1 / n_c))
    gap = c / n_c - r / n_r - (1 / n_r + 1 / n_c) / 2
    return 1.0 if spread == 0 or gap <= 0 else float(ndtr(-gap / spread))


def share_above(limit: float, count: float, n: int) -> float:
    """Exact p-value that a true share of at most `limit` shows `count` or more of n."""
    return 1.0 if count <= 0 else float(bdtrc(count - 1, n, limit))


def one_sided(rise: float, standard_error: float) -> float:
    """p-value of a rise that is normal with mean 0 and this standard error under no change."""
    return 1.0 if standard_error == 0 else float(ndtr(-rise / standard_error))


def two_sided(difference: float, standard_error: float) -> float:
    """p-value of a difference that is normal with mean 0 and this standard error under no change."""
    return 1.0 if standard_error == 0 else float(2 * ndtr(-abs(difference) / standard_error))


def holm(p_values: Sequence[float]) -> list[float]:
    """Adjusted p-values (Holm 1979): calling those <= alpha keeps the chance of any false call <= alpha."""
    order = np.argsort(p_values, kind="stable")
    raised = np.asarray(p_values, dtype=np.float64)[order] * (len(p_values) - np.arange(len(p_values)))
    adjusted = np.empty(len(p_values))
    adjusted[order] = np.minimum(1.0, np.maximum.accumulate(raised))
    return [float(p) for p in adjusted]


def _multinomial(gradient: Counts, share: Counts) -> float:
    """N times the variance of a smooth function of multinomial shares."""
    return float(max(0.0, np.sum(share * gradient**2) - np.sum(share * gradient) ** 2))


def _expected(table: Counts) -> Counts:
    return np.asarray(np.outer(table.sum(axis=1), table.sum(axis=0)) / table.sum())


def _pooled(table: Counts) -> Counts:
    """The table [2, k] with sparse bins in one, which takes further small ones until it is no longer sparse."""
    filled = table[:, table.sum(axis=0) > 0]
    if filled.shape[1] < 2 or np.any(filled.sum(axis=1) == 0):
        return filled
    rising = filled[:, np.argsort(filled.sum(axis=0), kind="stable")]
    lowest = _expected(rising).min(axis=0)
    sparse = int(np.searchsorted(lowest, SMALLEST_EXPECTED))
    if sparse == 0:
        return rising
    together = int(np.searchsorted(np.cumsum(lowest), SMALLEST_EXPECTED)) + 1
    border = max(sparse, together)
    return np.column_stack([rising[:, :border].sum(axis=1), rising[:, border:]])
