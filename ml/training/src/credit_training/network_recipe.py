"""How a network is built and trained: the configuration's `model` section.

Knows keys and their ranges only. What they do, `fit` and `scorer` do; nothing here loads torch.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field as Constraint

from credit_contract.schema import Frozen

Share = Annotated[float, Constraint(ge=0, lt=1)]
Count = Annotated[int, Constraint(ge=1)]
Positive = Annotated[float, Constraint(gt=0)]
Widths = Annotated[tuple[Annotated[int, Constraint(ge=2)], ...], Constraint(min_length=1)]


class Shape(Frozen):
    """What fixes the shape of a network, apart from its inputs."""

    hidden: Widths = (64, 32)
    embedding: Count = 4


class NetworkRecipe(Shape):
    """The shape of the served network, and how it and its teachers are trained.

    bins: quantile bins of a feature, where its steps say nothing else.
    folds: one teacher is fitted without each. imagined: applicants that the student learns of beside the real ones.
    teacher_trees, teacher_leaves: how many trees each teacher has, and how many leaves each of them.
    other teacher_*, dropout: their networks.
    patience: teachers' networks and students alike stop after so many epochs without a better log-loss.
    """

    bins: Annotated[int, Constraint(ge=1, le=64)] = 8
    folds: Annotated[int, Constraint(ge=2, le=20)] = 3
    dropout: Share = 0.1
    imagined: Annotated[int, Constraint(ge=0)] = 24_000
    epochs: Count = 20
    batch: Count = 512
    learning_rate: Positive = 3e-3
    weight_decay: Annotated[float, Constraint(ge=0)] = 1e-3
    teacher_trees: Count = 250
    teacher_leaves: Annotated[int, Constraint(ge=2)] = 10
    teacher_hidden: Widths = (32, 16)
    teacher_epochs: Count = 20
    teacher_batch: Count = 512
    teacher_weight_decay: Annotated[float, Constraint(ge=0)] = 1e-2
    patience: Count = 5
