"""How far a distribution moved from its reference: PSI (CSI for a field), Jensen-Shannon.

Works on counts by bin. Does not know how bins were cut (`baseline`) or when a shift matters (the monitor).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from credit_contract.errors import MetricError

FLOOR = 1e-4


def shares(counts: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Counts [k] as shares [k], none below 1e-4, so that an empty bin stays finite.

    Raises:
        MetricError: a negative count, or none above 0.
    """
    values = np.asarray(counts, dtype=np.float64)
    if values.size == 0 or np.any(values < 0) or values.sum() == 0:
        raise MetricError("counts must be there, not negative, and not all zero")
    floored = np.maximum(values / values.sum(), FLOOR)
    return np.asarray(floored / floored.sum())


def psi(reference: npt.ArrayLike, current: npt.ArrayLike) -> float:
    """Population stability index over counts by the same bins: sum of (c - r) ln(c / r).

    Under no shift its mean is about (k - 1) (1/n_reference + 1/n_current) for k bins (Yurdakul 2018).
    """
    r, c = _pair(reference, current)
    return float(np.sum((c - r) * np.log(c / r)))


def jensen_shannon(reference: npt.ArrayLike, current: npt.ArrayLike) -> float:
    """Jensen-Shannon distance, base 2, from 0 to 1 (Endres and Schindelin 2003)."""
    r, c = _pair(reference, current)
    middle = (r + c) / 2
    divergence = np.sum(r * np.log2(r / middle) + c * np.log2(c / middle)) / 2
    return float(np.sqrt(max(0.0, float(divergence))))


def _pair(reference: npt.ArrayLike, current: npt.ArrayLike) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    r, c = shares(reference), shares(current)
    if r.shape != c.shape:
        raise MetricError(f"bins differ: reference {r.size}, current {c.size}")
    return r, c
