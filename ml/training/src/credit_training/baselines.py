"""What the network is measured against: a classic scorecard, and histogram gradient boosting.

Both read the same engineered features, keep the same monotone directions, and give calibrated PDs.
They are comparisons only: neither is exported or served.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from threadpoolctl import threadpool_limits

from credit_contract import metrics
from credit_contract.applicant import Encoded
from credit_contract.policy import Policy
from credit_training.errors import FitError
from credit_training.feature_steps import StepSpec
from credit_training.feature_table import FeatureTable, fit_feature_table
from credit_training.portfolio import Portfolio
from credit_training.split import folds
from credit_training.woe import CHI_SQUARE, FINE_BINS, SMALLEST_SHARE, Binning, bin_features

Array = npt.NDArray[np.float64]

USELESS = 0.02  # information value below which a feature is noise (Siddiqi 2006)
FOLDS = 3
LARGEST_LEAF = 100  # applicants that a leaf must have, in a large portfolio
REGRESSION = {"solver": "newton-cholesky", "C": 1.0}
BOOSTING = {
    "learning_rate": 0.06,
    "max_leaf_nodes": 10,
    "l2_regularization": 5.0,
    "max_features": 0.3,
    "max_iter": 600,
    "n_iter_no_change": 30,
}


@dataclass(frozen=True, slots=True)
class Scorecard:
    """Logistic regression on weights of evidence; `weights` [k] are negative: more evidence for good, less PD."""

    table: FeatureTable
    binnings: tuple[Binning, ...]
    weights: Array
    intercept: float

    @property
    def parameters(self) -> dict[str, Any]:
        """What it was fitted with, by name."""
        binning = {"fine_bins": FINE_BINS, "smallest_share": SMALLEST_SHARE, "merged_below_chi_square": CHI_SQUARE}
        return {**REGRESSION, **binning, "useless_below": USELESS, "features_kept": len(self.binnings)}

    def predict(self, encoded: Encoded) -> Array:
        """PD: float64 [n]."""
        features = self.table.compute(encoded)
        return _sigmoid(_evidence(self.binnings, features) @ self.weights + self.intercept)

    def points(self, policy: Policy) -> list[dict[str, Any]]:
        """The card as lenders print it: one row per bin, whose points add up to an applicant's score.

        Keys: feature, bin, share, bad_rate (None for an empty bin), woe, points.
        """
        factor = policy.points_to_double / math.log(2)
        base = policy.base_score - factor * (math.log(policy.base_odds) + self.intercept)
        return [
            {
                "feature": binning.name,
                "bin": label,
                "share": (bad + good) / (binning.bad.sum() + binning.good.sum()),
                "bad_rate": bad / (bad + good) if bad + good else None,
                "woe": woe,
                "points": base / len(self.binnings) - factor * weight * woe,
            }
            for binning, weight in zip(self.binnings, self.weights, strict=True)
            for label, bad, good, woe in zip(binning.labels(), binning.bad, binning.good, binning.woe, strict=True)
        ]


def fit_scorecard(development: Portfolio, steps: Sequence[StepSpec], seed: int) -> Scorecard:
    """Bin, weigh, and drop one by one the features whose weight has the wrong sign: a card must be explainable.

    Raises:
        FitError: no feature says anything about the outcome.
    """
    table = fit_feature_table(development, steps)
    kept = [binning for binning in bin_features(table, development) if binning.information_value >= USELESS]
    evidence = _evidence(kept, table.compute(development.encoded))
    weight = development.weight / development.weight.mean()
    while kept:
        model = LogisticRegression(**REGRESSION, random_state=seed)
        with threadpool_limits(1):
            model.fit(evidence, development.target, weight)
        worst = int(np.argmax(model.coef_[0]))
        if model.coef_[0][worst] < 0:
            return Scorecard(table, tuple(kept), model.coef_[0], float(model.intercept_[0]))
        del kept[worst]
        evidence = np.delete(evidence, worst, axis=1)
    raise FitError("scorecard: no feature says anything about the outcome; check the target's coding")


@dataclass(frozen=True, slots=True)
class Boosting:
    """Trees fitted on all folds but one each, their log-odds averaged, then calibrated by slope and intercept."""

    table: FeatureTable
    trees: tuple[HistGradientBoostingClassifier, ...]
    slope: float
    intercept: float

    @property
    def parameters(self) -> dict[str, Any]:
        """What it was fitted with, by name, and the trees of each fold when it stopped."""
        leaf = self.trees[0].min_samples_leaf
        return {**BOOSTING, "min_samples_leaf": leaf, "folds": FOLDS, "trees": [tree.n_iter_ for tree in self.trees]}

    def predict(self, encoded: Encoded) -> Array:
        """PD: float64 [n]."""
        columns = _columns(self.table.compute(encoded))
        with threadpool_limits(1):
            log_odds = np.mean([tree.decision_function(columns) for tree in self.trees], axis=0)
        return _sigmoid(self.slope * log_odds + self.intercept)


def fit_boosting(development: Portfolio, steps: Sequence[StepSpec], seed: int) -> Boosting:
    """Each ensemble of trees stops on the log-loss of the fold that it does not see; those PDs also calibrate."""
    table = fit_feature_table(development, steps)
    columns = _columns(table.compute(development.encoded))
    fold = folds(development, FOLDS, seed)
    unseen = np.empty(len(development))
    trees = []
    for left_out in range(FOLDS):
        tree = _trees(table, len(development), seed + left_out)
        seen, out = fold != left_out, fold == left_out
        # Threads that wait for one another cost more than they bring on shared cores.
        with threadpool_limits(1):
            tree.fit(columns[seen], development.target[seen], **_judged_by(columns, development, seen, out))
            unseen[out] = tree.decision_function(columns[out])
        trees.append(tree)
    slope, intercept = metrics.calibration_line(development.target, _sigmoid(unseen), development.weight)
    return Boosting(table, tuple(trees), slope, intercept)


def _trees(table: FeatureTable, rows: int, seed: int) -> HistGradientBoostingClassifier:
    numbers, categories = len(table.names), len(table.category_fields)
    return HistGradientBoostingClassifier(
        **BOOSTING,
        min_samples_leaf=max(5, min(LARGEST_LEAF, rows // 20)),
        monotonic_cst=[*table.directions, *[0] * categories],
        categorical_features=[False] * numbers + [True] * categories,
        early_stopping=True,
        random_state=seed,
    )


def _judged_by(
    columns: npt.NDArray[np.float32],
    development: Portfolio,
    seen: npt.NDArray[np.bool_],
    out: npt.NDArray[np.bool_],
) -> dict[str, Any]:
    """The fold that decides when to stop, and weights where they differ: scikit-learn bins weighted rows slowly."""
    judged = {"X_val": columns[out], "y_val": development.target[out]}
    if np.ptp(development.weight) == 0:
        return judged
    weight = development.weight / development.weight.mean()
    return {**judged, "sample_weight": weight[seen], "sample_weight_val": weight[out]}


def _columns(features: Encoded) -> npt.NDArray[np.float32]:
    return np.hstack([features.numbers, features.categories.astype(np.float32)])


def _evidence(binnings: Sequence[Binning], features: Encoded) -> Array:
    """Weight of evidence of each applicant in each binning: float64 [n, k]."""
    columns = [binning.woe[binning.index(features)] for binning in binnings]
    return np.column_stack(columns) if columns else np.empty((len(features), 0))


def _sigmoid(log_odds: Array) -> Array:
    return np.asarray(1 / (1 + np.exp(-log_odds)))
