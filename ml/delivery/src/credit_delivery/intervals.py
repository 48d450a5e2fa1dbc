"""Figures of one or two models on the same applicants, with intervals from the same resamples of them.

The basic bootstrap (Davison and Hinkley 1997, section 5.2.1), which takes off the upward bias that resampling gives to
KS and ECE. Seeded: the same PDs give the same intervals. Does not know what is good enough.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from credit_contract import metrics
from credit_delivery.record import Estimate

Array = npt.NDArray[np.float64]

FIGURES = ("auc", "gini", "ks", "brier", "log_loss", "ece", "mean_pd")
HIGHER_IS_BETTER = {"auc", "gini", "ks"}
LOWER_IS_BETTER = {"brier", "log_loss", "ece"}
SEED = 20261121
RESAMPLES = 200


def estimates(target: Array, pds: Mapping[str, Array], weight: Array) -> dict[str, dict[str, Estimate]]:
    """By name of the PDs, then by figure, value and 95 % interval; with two PDs, `difference` is second minus first.

    target [n] with both classes, each PD [n], weight [n], all float64.
    """
    values = {name: _measured(target, pd, weight) for name, pd in pds.items()}
    rng = np.random.default_rng(SEED)
    drawn: dict[str, list[Array]] = {name: [] for name in pds}
    while len(next(iter(drawn.values()))) < RESAMPLES:
        rows = rng.integers(0, len(target), len(target))
        if 0 < target[rows].sum() < len(rows):
            for name, pd in pds.items():
                drawn[name].append(_measured(target[rows], pd[rows], weight[rows]))
    samples = {name: np.array(drawn[name]) for name in pds}
    if len(pds) == 2:
        first, second = pds
        values["difference"] = values[second] - values[first]
        samples["difference"] = samples[second] - samples[first]
    # What is never negative has no interval below 0; a difference has.
    floors = {name: -np.inf if name == "difference" else np.minimum(values[name], 0) for name in values}
    return {name: _intervals(values[name], samples[name], floors[name]) for name in values}


def _measured(target: Array, pd: Array, weight: Array) -> Array:
    """In the order of FIGURES."""
    area = metrics.auc(target, pd, weight)
    return np.array(
        [
            area,
            2 * area - 1,
            metrics.ks(target, pd, weight),
            metrics.brier(target, pd, weight),
            metrics.log_loss(target, pd, weight),
            metrics.ece(target, pd, weight),
            np.average(pd, weights=weight),
        ]
    )


def _intervals(values: Array, samples: Array, floor: Array | float) -> dict[str, Estimate]:
    below, above = np.quantile(samples, [0.025, 0.975], axis=0)
    low, high = np.maximum(2 * values - above, floor), 2 * values - below
    rows = zip(FIGURES, values.tolist(), low.tolist(), high.tolist(), strict=True)
    return {name: Estimate(value=value, low=start, high=end) for name, value, start, end in rows}
