"""Figures of one or two models on the same applicants, with intervals from the same resamples of them.

The basic bootstrap (Davison and Hinkley 1997, section 5.2.1), which takes off the upward bias that resampling gives to
KS and ECE. Seeded: the same PDs give the same intervals. Does not know what is good enough.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import numpy.typing as npt

from credit_contract import metrics
from credit_delivery.record import Estimate

Array = npt.NDArray[np.float64]
Figure = Callable[[Array, Array, Array], float]

FIGURES: Mapping[str, Figure] = {
    "auc": metrics.auc,
    "gini": metrics.gini,
    "ks": metrics.ks,
    "brier": metrics.brier,
    "log_loss": metrics.log_loss,
    "ece": metrics.ece,
    "mean_pd": lambda _target, pd, weight: float(np.average(pd, weights=weight)),
}
HIGHER_IS_BETTER = {"auc", "gini", "ks"}
LOWER_IS_BETTER = {"brier", "log_loss", "ece"}
SEED = 20261121
RESAMPLES = 300


def estimates(target: Array, pds: Mapping[str, Array], weight: Array) -> dict[str, dict[str, Estimate]]:
    """By name of the PDs, then by figure, value and 95 % interval; with two PDs, `difference` is second minus first.

    target [n] with both classes, each PD [n], weight [n], all float64.
    """
    values = {name: _measured(target, pd, weight) for name, pd in pds.items()}
    rng = np.random.default_rng(SEED)
    drawn: dict[str, list[Array]] = {name: [] for name in pds}
    while any(len(samples) < RESAMPLES for samples in drawn.values()):
        rows = rng.integers(0, len(target), len(target))
        if 0 < target[rows].sum() < len(rows):
            for name, pd in pds.items():
                drawn[name].append(_measured(target[rows], pd[rows], weight[rows]))
    samples = {name: np.array(drawn[name]) for name in pds}
    if len(pds) == 2:
        first, second = pds
        values["difference"] = values[second] - values[first]
        samples["difference"] = samples[second] - samples[first]
    return {name: _intervals(values[name], samples[name]) for name in values}


def _measured(target: Array, pd: Array, weight: Array) -> Array:
    return np.array([figure(target, pd, weight) for figure in FIGURES.values()])


def _intervals(values: Array, samples: Array) -> dict[str, Estimate]:
    low, high = np.quantile(samples, [0.025, 0.975], axis=0)
    return {
        name: Estimate(value=float(value), low=float(2 * value - above), high=float(2 * value - below))
        for name, value, below, above in zip(FIGURES, values, low, high, strict=True)
    }
