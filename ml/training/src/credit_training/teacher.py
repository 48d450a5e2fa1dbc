"""The teachers whose PDs the served network learns: monotone boosted trees mixed with a small network, per fold.

Teacher j never saw the outcomes of fold j, so what it says of those rows is honest. Does not know the student.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from sklearn.ensemble import HistGradientBoostingClassifier
from threadpoolctl import threadpool_limits
from torch import Tensor

from credit_contract.applicant import Encoded
from credit_training.descent import Descent, Lesson, descend, member_logits
from credit_training.feature_graph import FeatureGraph
from credit_training.network import Network
from credit_training.portfolio import Portfolio
from credit_training.unseen import Floats, UnseenOutcomes

TRUST = (0.0, 0.25, 0.5, 0.75, 1.0)
"""Weights of the trees that are tried; the one with the lowest log-loss on unseen folds is kept."""


@dataclass(frozen=True, slots=True)
class Growth:
    """How many trees a teacher has, and how many leaves each of them."""

    trees: int
    leaves: int


@dataclass(frozen=True, slots=True)
class Teachers:
    """One teacher per fold; `trust` is the weight of its trees, the rest is its network's."""

    features: FeatureGraph
    trees: tuple[HistGradientBoostingClassifier, ...]
    networks: Network
    trust: float = 0.5

    def logits(self, encoded: Encoded) -> Floats:
        """What each teacher says: logits [folds, n]."""
        by_trees, by_networks = self.opinions(encoded)
        return self.trust * by_trees + (1.0 - self.trust) * by_networks

    def opinions(self, encoded: Encoded) -> tuple[Floats, Floats]:
        """Logits [folds, n] of the trees alone and of the networks alone."""
        table = _table(self.features, encoded)
        with threadpool_limits(1, user_api="openmp"):
            by_trees = np.stack([trees.decision_function(table) for trees in self.trees])
        by_networks = member_logits(self.networks, *inputs(self.features, encoded))
        return by_trees, by_networks.numpy().astype(np.float64)


def inputs(features: FeatureGraph, encoded: Encoded) -> tuple[Tensor, Tensor]:
    """Applicants as networks take them: components [n, f] and codes [n, q]."""
    return features(torch.from_numpy(encoded.numbers)), torch.from_numpy(encoded.categories)


def fit_teachers(
    features: FeatureGraph,
    portfolio: Portfolio,
    outcomes: UnseenOutcomes,
    growth: Growth,
    networks: Network,
    knobs: Descent,
    seed: int,
) -> Teachers:
    """Teachers by fold; `networks`, one untrained member per fold, stop early by log-loss on their folds."""
    fold = outcomes.fold
    count = int(fold.max()) + 1
    trees = [_fit_trees(features, portfolio, fold != number, growth, seed + number) for number in range(count)]
    components, codes = inputs(features, portfolio.encoded)
    weight = portfolio.weight / portfolio.weight.mean()
    learns = np.stack([fold != number for number in range(len(trees))])
    lesson = Lesson(components, codes, _float32(portfolio.target[None]), _float32(learns * weight))

    def judge(candidate: Network) -> float:
        return outcomes.log_loss(member_logits(candidate, components, codes).numpy().astype(np.float64))

    descend(networks, lesson, knobs, torch.Generator().manual_seed(seed), judge)
    by_trees, by_networks = Teachers(features, tuple(trees), networks).opinions(portfolio.encoded)
    trust = min(TRUST, key=lambda share: outcomes.log_loss(share * by_trees + (1.0 - share) * by_networks))
    return Teachers(features, tuple(trees), networks, trust)


def _fit_trees(
    features: FeatureGraph, portfolio: Portfolio, learns: npt.NDArray[np.bool_], growth: Growth, seed: int
) -> HistGradientBoostingClassifier:
    rows = int(learns.sum())
    categories = portfolio.encoded.categories.shape[1]
    trees = HistGradientBoostingClassifier(
        learning_rate=0.03,
        max_iter=growth.trees,
        max_leaf_nodes=growth.leaves,
        min_samples_leaf=int(np.clip(rows // 100, 10, 100)),
        l2_regularization=5.0,
        max_features=0.3,
        early_stopping=False,
        monotonic_cst=[feature.direction for feature in features.features] + [0] * categories,
        categorical_features=[False] * len(features.features) + [True] * categories,
        random_state=seed,
    )
    # sklearn bins weighted rows twenty times slower, so equal weights are better not given
    weight = None if np.ptp(portfolio.weight) == 0 else portfolio.weight[learns]
    with threadpool_limits(1, user_api="openmp"):
        trees.fit(_table(features, portfolio.encoded)[learns], portfolio.target[learns], sample_weight=weight)
    return trees


def _table(features: FeatureGraph, encoded: Encoded) -> npt.NDArray[np.float32]:
    values = features.values(torch.from_numpy(encoded.numbers)).numpy()
    return np.hstack([values, encoded.categories.astype(np.float32)])


def _float32(values: npt.NDArray[np.generic]) -> Tensor:
    return torch.from_numpy(values.astype(np.float32))
