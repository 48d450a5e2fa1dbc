"""Fitting the network: features, teachers by fold, a small student that learns from them, calibration.

Everything random comes from one seed. Does not know metrics, bundles or where the portfolio came from.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from credit_contract.applicant import Encoded
from credit_training.calibration import fit_calibration
from credit_training.descent import Descent, Progress
from credit_training.errors import TrainingError
from credit_training.feature_graph import fit_features
from credit_training.feature_steps import StepSpec
from credit_training.features import plan_features
from credit_training.network_recipe import NetworkRecipe, Shape
from credit_training.portfolio import Portfolio
from credit_training.scorer import Scorer, new_network, save_scorer
from credit_training.split import folds
from credit_training.student import fit_students
from credit_training.teacher import Growth, fit_teachers
from credit_training.unseen import UnseenOutcomes

THREADS = 1
"""The products are small: a second thread saves little alone, and costs much where another process wants the core."""


@dataclass(frozen=True, slots=True)
class FittedNetwork:
    """A fitted module with what rebuilds it."""

    module: Scorer
    recipe: NetworkRecipe
    steps: tuple[StepSpec, ...]

    @property
    def parameters(self) -> dict[str, Any]:
        """What it was fitted with: its recipe."""
        return self.recipe.model_dump(mode="json")

    def predict(self, encoded: Encoded) -> npt.NDArray[np.float64]:
        """PD float64 [n]."""
        return self.module.predict(encoded)

    def state_dict(self) -> dict[str, Tensor]:
        """The tensors of the module."""
        return self.module.state_dict()

    def save(self, path: Path) -> Path:
        """Write `model.pt`, which `load_scorer` reads."""
        shape = Shape(hidden=self.recipe.hidden, embedding=self.recipe.embedding)
        return save_scorer(self.module, self.steps, shape, path)


def fit_network(
    portfolio: Portfolio,
    recipe: NetworkRecipe,
    steps: Sequence[StepSpec],
    seed: int,
    progress: Progress | None = None,
) -> FittedNetwork:
    """Fit on all rows given: pass the development part only.

    Raises:
        SchemaError: a step that cannot be computed, or cannot keep a direction.
        TrainingError: one class only, or fewer bad or good applicants than folds.
    """
    torch.set_num_threads(THREADS)
    torch.manual_seed(seed)
    _check(portfolio, recipe.folds)
    schema = portfolio.schema
    plan = plan_features(schema, steps)
    features = fit_features(plan, [f.name for f in schema.number_fields], portfolio.encoded.numbers, recipe.bins)
    outcomes = UnseenOutcomes(portfolio, folds(portfolio, recipe.folds, seed))
    pupils = Shape(hidden=recipe.teacher_hidden, embedding=recipe.embedding)
    networks = new_network(schema, features, pupils, recipe.dropout, recipe.folds)
    growth = Growth(recipe.teacher_trees, recipe.teacher_leaves)
    teachers = fit_teachers(features, portfolio, outcomes, growth, networks, _teacher_knobs(recipe), seed)
    networks = new_network(schema, features, recipe, 0.0, recipe.folds + 1)
    students = fit_students(teachers, portfolio, networks, outcomes, _knobs(recipe), recipe.imagined, seed, progress)
    honest = outcomes.of(students.logits(teachers, portfolio.encoded))
    calibration = fit_calibration(honest, portfolio.target, portfolio.weight)
    served = students.served(new_network(schema, features, recipe, 0.0, None))
    return FittedNetwork(Scorer(features, served, calibration).eval(), recipe, tuple(steps))


def _knobs(recipe: NetworkRecipe) -> Descent:
    return Descent(recipe.epochs, recipe.patience, recipe.batch, recipe.learning_rate, recipe.weight_decay)


def _teacher_knobs(recipe: NetworkRecipe) -> Descent:
    return Descent(
        recipe.teacher_epochs, recipe.patience, recipe.teacher_batch, recipe.learning_rate, recipe.teacher_weight_decay
    )


def _check(portfolio: Portfolio, parts: int) -> None:
    rarest = int(np.bincount(portfolio.target, minlength=2).min())
    if rarest < parts:
        raise TrainingError(
            f"fit: {rarest} applicants of one class for {parts} folds; give more rows or fewer folds (model.folds)"
        )
