"""The teacher whose honest PDs the served network learns: boosted trees, monotone, on the engineered features.

Every row is taught by trees that did not see its outcome. Does not know the student.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
from sklearn.ensemble import HistGradientBoostingClassifier
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from credit_training.feature_graph import FeatureGraph
from credit_training.portfolio import Portfolio


def teach(
    features: FeatureGraph, portfolio: Portfolio, fold: npt.NDArray[np.int64], seed: int
) -> npt.NDArray[np.float64]:
    """PD [n] of every row by trees fitted on the other folds, with each feature's direction as a constraint."""
    values = features.values(torch.from_numpy(portfolio.encoded.numbers)).numpy()
    table = np.hstack([values, portfolio.encoded.categories.astype(np.float32)])
    directions = [feature.direction for feature in features.features] + [0] * portfolio.encoded.categories.shape[1]
    # sklearn bins weighted rows twenty times slower, so equal weights are better not given
    weight = None if np.ptp(portfolio.weight) == 0 else portfolio.weight
    taught = np.empty(len(portfolio))
    for number in range(int(fold.max()) + 1):
        learns = fold != number
        trees = HistGradientBoostingClassifier(
            learning_rate=0.03,
            max_iter=250,
            max_leaf_nodes=10,
            min_samples_leaf=100,
            l2_regularization=5.0,
            max_features=0.3,
            early_stopping=False,
            monotonic_cst=directions,
            random_state=seed + number,
        )
        with threadpool_limits(1, user_api="openmp"):
            trees.fit(table[learns], portfolio.target[learns], sample_weight=None if weight is None else weight[learns])
        taught[~learns] = trees.predict_proba(table[~learns])[:, 1]
    return taught
