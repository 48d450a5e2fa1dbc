"""From outcomes and PDs to the figures document that gates, cards, registry and reports read.

Plain numbers, rounded, so that equal inputs give equal bytes. Does not know how a PD was made, nor what is good enough.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from credit_contract import fairness, metrics, stability
from credit_contract.baseline import category_histogram, number_histogram
from credit_contract.policy import DECISIONS, Policy
from credit_training.portfolio import Portfolio

DECIMALS = 9
HIGHER_IS_BETTER = {
    "auc": True,
    "gini": True,
    "ks": True,
    "pr_auc": True,
    "brier": False,
    "log_loss": False,
    "ece": False,
}
Figures = dict[str, Any]
Array = npt.NDArray[np.float64]


def evaluate(test: Portfolio, pd: Array, policy: Policy, train: Portfolio, train_pd: Array) -> Figures:
    """Every figure of one model on one hold-out; `train` is the reference of stability and of the F1 cut-off.

    Keys: rows, bad_rate, mean_pd, the keys of `metrics.summary`, calibration_slope, calibration_intercept, cut_off
    (bad is called from the policy's decline_from on), f1_cut_off (from the PD with the best F1 on `train` on),
    decisions, gains, stability, fairness.

    Raises:
        MetricError: the hold-out has one class only.
    """
    slope, intercept = metrics.calibration_line(test.target, pd, test.weight)
    document: Figures = {
        "rows": len(test),
        "bad_rate": np.average(test.target, weights=test.weight),
        "mean_pd": np.average(pd, weights=test.weight),
        **metrics.summary(test.target, pd, test.weight),
        "calibration_slope": slope,
        "calibration_intercept": intercept,
        "cut_off": at_cut_off(test, pd, policy.decline_from),
        "f1_cut_off": at_cut_off(test, pd, metrics.best_f1_cut_off(train.target, train_pd, train.weight)),
        "decisions": _decisions(test, pd, policy),
        "gains": _gains(test, pd, policy),
        "stability": _stability(train, train_pd, test, pd),
        "fairness": _fairness(test, pd, policy),
    }
    return {name: rounded(figure) for name, figure in document.items()}


def at_cut_off(portfolio: Portfolio, pd: Array, cut_off: float) -> Figures:
    """`metrics.confusion` with the PD from which bad is called."""
    return {"pd": cut_off, **metrics.confusion(portfolio.target, pd, cut_off, portfolio.weight)}


def rounded(value: Any) -> Any:
    """The same document in plain Python types, numbers to nine decimals."""
    if isinstance(value, Mapping):
        return {str(key): rounded(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [rounded(inner) for inner in value]
    if isinstance(value, (bool, np.bool_)):
        return bool(value)
    if isinstance(value, (float, np.floating)):
        return round(float(value), DECIMALS)
    return int(value) if isinstance(value, np.integer) else value


def gate_figures(
    evaluation: Mapping[str, Any], bundle_bytes: int, champion: Mapping[str, Any] | None = None
) -> Figures:
    """What the gates judge: a run's evaluation, what is known only once the bundle is written, and the champion.

    A champion that was measured on another hold-out is left out: its figures cannot be compared.
    """
    document = {**evaluation, "sizes": {**evaluation.get("sizes", {}), "bundle_bytes": bundle_bytes}}
    if champion is not None and comparable(champion, evaluation):
        document["champion"] = champion["network"]
    return document


def comparable(champion: Mapping[str, Any], challenger: Mapping[str, Any]) -> bool:
    """Whether two evaluations were made on the same rows."""
    hashes = {evaluation["dataset"]["holdout_sha256"] for evaluation in (champion, challenger)}
    return len(hashes) == 1


def champion_challenger(champion: Mapping[str, Any], challenger: Mapping[str, Any]) -> list[dict[str, Any]]:
    """One row per figure: figure, champion, challenger, difference, better (champion, challenger or neither).

    Both are figures of `evaluate`, made on the same hold-out.
    """
    rows = []
    for figure, higher in HIGHER_IS_BETTER.items():
        difference = round(challenger[figure] - champion[figure], DECIMALS)
        better = "neither" if difference == 0 else "challenger" if (difference > 0) == higher else "champion"
        rows.append(
            {
                "figure": figure,
                "champion": champion[figure],
                "challenger": challenger[figure],
                "difference": difference,
                "better": better,
            }
        )
    return rows


def _decisions(test: Portfolio, pd: Array, policy: Policy) -> Figures:
    counts = np.bincount(policy.decisions(pd), test.weight, len(DECISIONS))
    return dict(zip(DECISIONS, counts / counts.sum(), strict=True))


def _gains(test: Portfolio, pd: Array, policy: Policy) -> list[Figures]:
    """`metrics.gains` by risk band; the worst band has no lowest score, the best no highest."""
    borders = [band.pd_below for band in policy.bands[:-1]]
    scores = [None, *(policy.score(border) for border in reversed(borders)), None]
    return [
        {"band": band.name, "score_from": scores[place], "score_to": scores[place + 1], **row}
        for place, (band, row) in enumerate(
            zip(reversed(policy.bands), metrics.gains(test.target, pd, borders, test.weight), strict=True)
        )
    ]


def _stability(train: Portfolio, train_pd: Array, test: Portfolio, pd: Array) -> Figures:
    """PSI from train to test of the score and of each scored field, by number of applicants."""
    every = np.ones(len(train))
    fields: dict[str, float] = {}
    for column, field in enumerate(train.schema.number_fields):
        numbers = number_histogram(train.encoded.numbers[:, column], every)
        fields[field.name] = stability.psi(numbers.reference(), numbers.count(test.encoded.numbers[:, column]))
    for column, field in enumerate(train.schema.category_fields):
        codes = category_histogram(train.encoded.categories[:, column], len(field.categories), every)
        fields[field.name] = stability.psi(codes.reference(), codes.count(test.encoded.categories[:, column]))
    score = number_histogram(train_pd, every)
    return {
        "score_psi": stability.psi(score.reference(), score.count(pd)),
        "largest_field_psi": max(fields.values()),
        "fields": fields,
    }


def _fairness(test: Portfolio, pd: Array, policy: Policy) -> Figures:
    return fairness.over_attributes(
        {
            name: fairness.by_group(groups, test.target, pd, policy.approve_below, test.weight)
            for name, groups in sorted(test.protected.items())
        }
    )
