"""Fitting the network: features, a teacher's honest PDs, a small student that learns them, calibration.

Everything random comes from one seed. Does not know metrics, bundles or where the portfolio came from.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import numpy.typing as npt
import torch
from pydantic import Field as Constraint
from torch import Tensor

from credit_contract.applicant import Encoded
from credit_training.calibration import fit_calibration
from credit_training.descent import Descent, Lesson, Progress, descend
from credit_training.errors import TrainingError
from credit_training.feature_graph import FeatureGraph, fit_features
from credit_training.feature_steps import StepSpec
from credit_training.features import plan_features
from credit_training.network import Network
from credit_training.portfolio import Portfolio
from credit_training.scorer import Scorer, Shape, new_network, save_scorer
from credit_training.teacher import teach

THREADS = 1


class NetworkRecipe(Shape):
    """How the network is built and trained; the configuration's `model` section.

    distil: share of the teacher in what the student learns, the rest is the outcome. folds: inner cross-fitting.
    """

    bins: Annotated[int, Constraint(ge=1, le=64)] = 8
    dropout: Annotated[float, Constraint(ge=0, lt=1)] = 0.1
    folds: Annotated[int, Constraint(ge=2)] = 4
    distil: Annotated[float, Constraint(ge=0, le=1)] = 0.8
    epochs: Annotated[int, Constraint(ge=1)] = 20
    patience: Annotated[int, Constraint(ge=1)] = 5
    batch: Annotated[int, Constraint(ge=1)] = 512
    learning_rate: Annotated[float, Constraint(gt=0)] = 3e-3
    weight_decay: Annotated[float, Constraint(ge=0)] = 1e-2


@dataclass(frozen=True, slots=True)
class FittedNetwork:
    """A fitted module with what rebuilds it; `log_loss` is of rows unseen by the members that judged them."""

    module: Scorer
    recipe: NetworkRecipe
    steps: tuple[StepSpec, ...]
    log_loss: float

    def predict(self, encoded: Encoded) -> npt.NDArray[np.float64]:
        """PD float64 [n]."""
        return self.module.predict(encoded)

    def state_dict(self) -> dict[str, Tensor]:
        """The tensors of the module."""
        return self.module.state_dict()

    def save(self, path: Path) -> None:
        """Write `model.pt`, which `load_scorer` reads."""
        save_scorer(self.module, self.steps, Shape(hidden=self.recipe.hidden, embedding=self.recipe.embedding), path)


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
    schema = portfolio.schema
    plan = plan_features(schema, steps)
    features = fit_features(plan, [f.name for f in schema.number_fields], portfolio.encoded.numbers, recipe.bins)
    fold = inner_folds(portfolio, recipe.folds, seed)
    taught = teach(features, portfolio, fold, seed) if recipe.distil else portfolio.target.astype(np.float64)
    goal = recipe.distil * taught + (1.0 - recipe.distil) * portfolio.target
    torch.manual_seed(seed)
    students = new_network(schema, features, recipe, recipe.dropout, recipe.folds + 1)
    lesson = _lesson(portfolio, features, goal, fold, recipe.folds)
    knobs = Descent(recipe.epochs, recipe.patience, recipe.batch, recipe.learning_rate, recipe.weight_decay)
    logits, loss = descend(students, lesson, knobs, torch.Generator().manual_seed(seed), progress)
    calibration = fit_calibration(logits, portfolio.target, portfolio.weight)
    student = _member(students, new_network(schema, features, recipe, 0.0, None), recipe.folds)
    return FittedNetwork(Scorer(features, student, calibration).eval(), recipe, tuple(steps), loss)


def _lesson(
    portfolio: Portfolio, features: FeatureGraph, goal: npt.NDArray[np.float64], fold: npt.NDArray[np.int64], folds: int
) -> Lesson:
    """One member per fold that it does not learn from, and a last one that learns from every row."""
    teaches = np.vstack([fold != number for number in range(folds)] + [np.ones(len(fold), dtype=bool)])
    return Lesson(
        components=features(torch.from_numpy(portfolio.encoded.numbers)),
        codes=torch.from_numpy(portfolio.encoded.categories),
        goal=torch.from_numpy(goal.astype(np.float32)),
        outcome=torch.from_numpy(portfolio.target.astype(np.float32)),
        weight=torch.from_numpy(portfolio.weight.astype(np.float32)),
        teaches=torch.from_numpy(teaches.astype(np.float32)),
    )


def _member(students: Network, single: Network, number: int) -> Network:
    """One member of an ensemble as a network of its own."""
    learnt = dict(students.named_parameters())
    with torch.no_grad():
        for name, parameter in single.named_parameters():
            parameter.copy_(learnt[name][number])
    return single


def inner_folds(portfolio: Portfolio, folds: int, seed: int) -> npt.NDArray[np.int64]:
    """A fold number [n] per row: both classes spread evenly, duplicates together."""
    _, first, group = np.unique(portfolio.group, return_index=True, return_inverse=True)
    bad = np.zeros(len(first), dtype=bool)
    np.logical_or.at(bad, group, portfolio.target == 1)
    generator = np.random.default_rng(seed)
    fold = np.empty(len(first), dtype=np.int64)
    for kind, members in (("bad", np.flatnonzero(bad)), ("good", np.flatnonzero(~bad))):
        if len(members) < folds:
            raise TrainingError(
                f"fit: {len(members)} {kind} applicants for {folds} folds; give more rows or fewer folds (model.folds)"
            )
        fold[generator.permutation(members)] = np.arange(len(members)) % folds
    assigned: npt.NDArray[np.int64] = fold[group]
    return assigned
