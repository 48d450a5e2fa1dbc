"""How good a set of PDs is: discrimination, calibration, decisions at a cut-off. One definition for everybody.

Everywhere: target int [n] with 1 = bad, pd float [n] in [0, 1], weight float [n] or None for ones.
Does not know models, datasets or thresholds for good and bad results.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from credit_contract.errors import MetricError

Array = npt.NDArray[np.float64]
Numbers = npt.ArrayLike
CLIP = 1e-12


@dataclass(frozen=True, slots=True)
class Interval:
    """An estimate with the ends of its confidence interval."""

    value: float
    low: float
    high: float


def checked(target: Numbers, pd: Numbers, weight: Numbers | None) -> tuple[Array, Array, Array]:
    """The three as float64 [n].

    Raises:
        MetricError: lengths differ, nothing is there, a PD is not in [0, 1], a weight is not above 0.
    """
    bad = np.asarray(target, dtype=np.float64).ravel()
    scores = np.asarray(pd, dtype=np.float64).ravel()
    weights = np.ones_like(bad) if weight is None else np.asarray(weight, dtype=np.float64).ravel()
    if not (len(bad) == len(scores) == len(weights)):
        raise MetricError(f"lengths differ: target {len(bad)}, pd {len(scores)}, weight {len(weights)}")
    if len(bad) == 0:
        raise MetricError("no rows to measure")
    if not np.all((scores >= 0) & (scores <= 1)):
        raise MetricError("a PD lies outside 0 to 1, or is not a number")
    if not np.all(weights > 0):
        raise MetricError("a weight is not above 0")
    return bad, scores, weights


def _both_classes(bad: Array) -> None:
    if bad.min() == bad.max():
        raise MetricError(f"only the class {int(bad[0])} occurs: discrimination needs both")


def _placements(pd: Array, other: Array, weight: Array) -> Array:
    """Weighted share of `other` below each `pd`, ties by half: [len(pd)]."""
    order = np.argsort(other, kind="stable")
    cumulative = np.concatenate([[0.0], np.cumsum(weight[order])])
    below = cumulative[np.searchsorted(other[order], pd, side="left")]
    through = cumulative[np.searchsorted(other[order], pd, side="right")]
    return np.asarray((below + through) / 2 / cumulative[-1])


def auc_interval(target: Numbers, pd: Numbers, weight: Numbers | None = None, *, z: float = 1.959964) -> Interval:
    """Area under the ROC curve with DeLong's interval (1988), 95 % unless told; placements are weighted.

    Raises:
        MetricError: one class only.
    """
    bad, scores, weights = checked(target, pd, weight)
    _both_classes(bad)
    is_bad = bad == 1
    pd_bad, pd_good, w_bad, w_good = scores[is_bad], scores[~is_bad], weights[is_bad], weights[~is_bad]
    of_bad = _placements(pd_bad, pd_good, w_good)
    of_good = 1 - _placements(pd_good, pd_bad, w_bad)
    value = float(np.average(of_bad, weights=w_bad))
    variance = sum(
        float(np.sum((w / w.sum()) ** 2 * (placement - value) ** 2))
        for placement, w in ((of_bad, w_bad), (of_good, w_good))
    )
    half = z * float(np.sqrt(variance))
    return Interval(value, max(0.0, value - half), min(1.0, value + half))


def auc(target: Numbers, pd: Numbers, weight: Numbers | None = None) -> float:
    """Area under the ROC curve; ties count by half."""
    return auc_interval(target, pd, weight).value


def gini(target: Numbers, pd: Numbers, weight: Numbers | None = None) -> float:
    """2 AUC - 1."""
    return 2 * auc(target, pd, weight) - 1


@dataclass(frozen=True, slots=True)
class Curve:
    """Cumulative shares of the bad and of the good by falling PD, from (0, 0): float [k]."""

    bad_share: Array
    good_share: Array
    pd: Array


def roc_curve(target: Numbers, pd: Numbers, weight: Numbers | None = None) -> Curve:
    """One point for each distinct PD, `pd[0]` being 1."""
    bad, scores, weights = checked(target, pd, weight)
    _both_classes(bad)
    order = np.argsort(-scores, kind="stable")
    last = np.append(np.flatnonzero(np.diff(scores[order])), len(scores) - 1)
    of_bad = np.cumsum(weights[order] * bad[order])[last]
    of_good = np.cumsum(weights[order] * (1 - bad[order]))[last]
    return Curve(
        np.concatenate([[0.0], of_bad / of_bad[-1]]),
        np.concatenate([[0.0], of_good / of_good[-1]]),
        np.concatenate([[1.0], scores[order][last]]),
    )


def ks(target: Numbers, pd: Numbers, weight: Numbers | None = None) -> float:
    """Kolmogorov-Smirnov: the largest gap between the two cumulative shares."""
    curve = roc_curve(target, pd, weight)
    return float(np.max(np.abs(curve.bad_share - curve.good_share)))


def brier(target: Numbers, pd: Numbers, weight: Numbers | None = None) -> float:
    """Mean squared difference of PD and outcome."""
    bad, scores, weights = checked(target, pd, weight)
    return float(np.average((scores - bad) ** 2, weights=weights))


def log_loss(target: Numbers, pd: Numbers, weight: Numbers | None = None) -> float:
    """Mean negative log-likelihood, PDs clipped to 1e-12."""
    bad, scores, weights = checked(target, pd, weight)
    inside = np.clip(scores, CLIP, 1 - CLIP)
    return float(np.average(-(bad * np.log(inside) + (1 - bad) * np.log1p(-inside)), weights=weights))


def pr_auc(target: Numbers, pd: Numbers, weight: Numbers | None = None) -> float:
    """Average precision, by steps and not by trapezes (which flatter)."""
    curve = roc_curve(target, pd, weight)
    bad, _, weights = checked(target, pd, weight)
    of_bad = curve.bad_share * np.sum(weights * bad)
    of_good = curve.good_share * np.sum(weights * (1 - bad))
    precision = of_bad[1:] / (of_bad[1:] + of_good[1:])
    return float(np.sum(np.diff(curve.bad_share) * precision))


@dataclass(frozen=True, slots=True)
class Reliability:
    """Mean PD, bad rate and weight by equally filled bin of PD: float [k]."""

    pd: Array
    bad_rate: Array
    weight: Array


def reliability(target: Numbers, pd: Numbers, weight: Numbers | None = None, *, bins: int = 10) -> Reliability:
    """Bins hold equal weight; equal PDs stay in one bin, so there may be fewer than asked for."""
    bad, scores, weights = checked(target, pd, weight)
    order = np.argsort(scores, kind="stable")
    cumulative = np.cumsum(weights[order])
    cuts = np.searchsorted(cumulative, cumulative[-1] * np.arange(1, bins) / bins)
    edges = np.unique(scores[order][np.minimum(cuts, len(scores) - 1)])
    index = np.searchsorted(edges, scores, side="left")
    mass = np.bincount(index, weights, len(edges) + 1)
    filled = mass > 0
    return Reliability(
        np.bincount(index, weights * scores, len(edges) + 1)[filled] / mass[filled],
        np.bincount(index, weights * bad, len(edges) + 1)[filled] / mass[filled],
        mass[filled].astype(np.float64),
    )


def ece(target: Numbers, pd: Numbers, weight: Numbers | None = None, *, bins: int = 10) -> float:
    """Expected calibration error over equally filled bins (Naeini et al. 2015, adaptive form)."""
    table = reliability(target, pd, weight, bins=bins)
    return float(np.average(np.abs(table.pd - table.bad_rate), weights=table.weight))


def calibration_line(target: Numbers, pd: Numbers, weight: Numbers | None = None) -> tuple[float, float]:
    """Slope and intercept of a logistic regression of the outcome on the log-odds of PD (Cox 1958).

    Perfect calibration is (1, 0). Newton's method from slope 0, with half the step where a whole one goes too far.

    Raises:
        MetricError: one class only, all PDs equal, or PDs that part the classes without overlap.
    """
    bad, scores, weights = checked(target, pd, weight)
    _both_classes(bad)
    inside = np.clip(scores, CLIP, 1 - CLIP)
    odds = np.log(inside / (1 - inside))
    if np.ptp(odds) == 0:
        raise MetricError("all PDs are equal: a calibration slope needs them to differ")
    of_bad, of_good = odds[bad == 1], odds[bad == 0]
    if of_bad.min() >= of_good.max() or of_bad.max() <= of_good.min():
        raise MetricError("a PD parts good from bad without overlap: the calibration slope has no end")
    design = np.column_stack([odds, np.ones_like(odds)])
    rate = float(np.average(bad, weights=weights))
    line: Array = np.array([0.0, np.log(rate / (1 - rate))])
    loss = _line_loss(design @ line, bad, weights)
    for _ in range(100):
        fitted = 1 / (1 + np.exp(-np.clip(design @ line, -500, 500)))
        curvature = (design * (weights * fitted * (1 - fitted))[:, None]).T @ design
        step = np.linalg.solve(curvature, design.T @ (weights * (bad - fitted)))
        while (moved := _line_loss(design @ (line + step), bad, weights)) > loss and np.max(np.abs(step)) > 1e-10:
            step = step / 2
        line, loss = line + step, min(loss, moved)
        if np.max(np.abs(step)) < 1e-10:
            break
    return float(line[0]), float(line[1])


def _line_loss(log_odds: Array, bad: Array, weights: Array) -> float:
    """Negative log-likelihood of outcomes, stable for any log-odds."""
    return float(np.sum(weights * (np.logaddexp(0, log_odds) - bad * log_odds)))


def confusion(target: Numbers, pd: Numbers, cut_off: float, weight: Numbers | None = None) -> dict[str, float]:
    """Counts (by weight) and rates when PD >= cut_off is called bad.

    Keys: true_positive, false_positive, true_negative, false_negative, accuracy, precision, recall, f1.
    A precision without a call, and an f1 without a hit, are 0.
    """
    bad, scores, weights = checked(target, pd, weight)
    called = scores >= cut_off
    tp, fp = float(weights[called & (bad == 1)].sum()), float(weights[called & (bad == 0)].sum())
    fn, tn = float(weights[~called & (bad == 1)].sum()), float(weights[~called & (bad == 0)].sum())
    precision = tp / (tp + fp) if tp + fp else 0.0
    recall = tp / (tp + fn) if tp + fn else 0.0
    return {
        "true_positive": tp,
        "false_positive": fp,
        "true_negative": tn,
        "false_negative": fn,
        "accuracy": (tp + tn) / (tp + fp + tn + fn),
        "precision": precision,
        "recall": recall,
        "f1": 2 * precision * recall / (precision + recall) if tp else 0.0,
    }


def best_f1_cut_off(target: Numbers, pd: Numbers, weight: Numbers | None = None) -> float:
    """The PD from which calling bad gives the highest F1; choose it on data that is not measured afterwards."""
    curve = roc_curve(target, pd, weight)
    bad, _, weights = checked(target, pd, weight)
    hits = curve.bad_share * np.sum(weights * bad)
    called = hits + curve.good_share * np.sum(weights * (1 - bad))
    return float(curve.pd[np.argmax(2 * hits / (called + np.sum(weights * bad)))])


def gains(target: Numbers, pd: Numbers, edges: Numbers, weight: Numbers | None = None) -> list[dict[str, Any]]:
    """The gains table by band of PD, worst band first.

    `edges` are inner borders, rising; a PD equal to a border is in the band above it. Each row: pd_from, pd_to,
    count, bad (by weight), bad_rate, mean_pd, cumulative shares of all, bad and good, lift. Empty bands have no rates.
    """
    bad, scores, weights = checked(target, pd, weight)
    inner = np.asarray(edges, dtype=np.float64)
    index = np.searchsorted(inner, scores, side="right")
    ends = np.concatenate([[0.0], inner, [1.0]])
    overall = float(np.average(bad, weights=weights))
    rows: list[dict[str, Any]] = []
    seen = seen_bad = 0.0
    for band in range(len(inner), -1, -1):
        rows_in = index == band
        count, count_bad = float(weights[rows_in].sum()), float((weights * bad)[rows_in].sum())
        seen, seen_bad = seen + count, seen_bad + count_bad
        good = float((weights * (1 - bad)).sum())
        rows.append(
            {
                "pd_from": float(ends[band]),
                "pd_to": float(ends[band + 1]),
                "count": count,
                "bad": count_bad,
                "bad_rate": count_bad / count if count else None,
                "mean_pd": float(np.average(scores[rows_in], weights=weights[rows_in])) if count else None,
                "cumulative_share": seen / float(weights.sum()),
                "cumulative_bad_share": seen_bad / float((weights * bad).sum()) if overall else None,
                "cumulative_good_share": (seen - seen_bad) / good if good else None,
                "lift": count_bad / count / overall if count and overall else None,
            }
        )
    return rows


def summary(target: Numbers, pd: Numbers, weight: Numbers | None = None) -> dict[str, float]:
    """The figures that every model is compared by: auc with its interval, gini, ks, brier, log_loss, pr_auc, ece."""
    area = auc_interval(target, pd, weight)
    return {
        "auc": area.value,
        "auc_low": area.low,
        "auc_high": area.high,
        "gini": 2 * area.value - 1,
        "ks": ks(target, pd, weight),
        "brier": brier(target, pd, weight),
        "log_loss": log_loss(target, pd, weight),
        "pr_auc": pr_auc(target, pd, weight),
        "ece": ece(target, pd, weight),
    }
