"""Stratified k-fold cross-validation with duplicates in one fold, for any algorithm, repeated if asked.

Nothing is chosen here: a model that stops early or calibrates does so inside its own training folds.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from credit_contract import metrics
from credit_training.errors import FitError
from credit_training.evaluation import Array, Figures, rounded
from credit_training.portfolio import Portfolio
from credit_training.split import folds as draw_folds

if TYPE_CHECKING:
    from credit_training.algorithms import Fit

CALLED = ("precision", "recall", "f1")


def cross_validate(
    portfolio: Portfolio,
    fit: Fit,
    folds: int,
    repeats: int,
    seed: int,
    say: Callable[[str], None] = lambda _: None,
) -> Figures:
    """Fit on all folds but one, score that one, for every fold; `repeats` times with other folds.

    Returns:
        folds, repeats; `mean` and `deviation` of the folds' `metrics.summary`, and of precision, recall and F1 at the
        cut-off that had the best F1 on the other folds; `pooled`, the summary over all rows at once (mean over
        repeats). A fold's ECE is too high by chance when it is small: read the pooled one.

    Raises:
        FitError: fewer bad or good rows than folds.
    """
    smallest = min(np.bincount(portfolio.target, minlength=2))
    if smallest < folds:
        raise FitError(f"cross-validation: {smallest} rows of one class for {folds} folds; ask for fewer folds")
    single: list[dict[str, float]] = []
    pooled: list[dict[str, float]] = []
    for repeat in range(repeats):
        fold = draw_folds(portfolio, folds, seed + repeat)
        pd: Array = np.empty(len(portfolio))
        for left_out in range(folds):
            seen, out = portfolio.take(fold != left_out), portfolio.take(fold == left_out)
            model = fit(seen)
            pd[fold == left_out] = found = model.predict(out.encoded)
            cut_off = metrics.best_f1_cut_off(seen.target, model.predict(seen.encoded), seen.weight)
            called = metrics.confusion(out.target, found, cut_off, out.weight)
            single.append(metrics.summary(out.target, found, out.weight) | {name: called[name] for name in CALLED})
            say(f"fold {len(single)} of {folds * repeats}: AUC {single[-1]['auc']:.4f}")
        pooled.append(metrics.summary(portfolio.target, pd, portfolio.weight))
    figures = {
        "folds": folds,
        "repeats": repeats,
        "mean": {name: np.mean([one[name] for one in single]) for name in single[0]},
        "deviation": {name: np.std([one[name] for one in single], ddof=1) for name in single[0]},
        "pooled": {name: np.mean([one[name] for one in pooled]) for name in pooled[0]},
    }
    return {name: rounded(figure) for name, figure in figures.items()}
