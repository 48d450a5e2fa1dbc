"""The small network that is served: it learns what the teachers say, of real applicants and of imagined ones.

Distillation (Bucila, Caruana and Niculescu-Mizil 2006): teachers can be asked about anybody, so the student sees
more applicants than there are outcomes, and need not be as large as they are. It learns no outcome; outcomes that
its teacher had not seen only say when to stop.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from credit_contract.applicant import Encoded
from credit_training.descent import Descent, Lesson, Progress, descend, member_logits
from credit_training.network import Network
from credit_training.portfolio import Portfolio
from credit_training.teacher import Teachers, inputs
from credit_training.unseen import Floats, UnseenOutcomes

SWAPPED = 0.1
"""Share of an imagined applicant's fields that come from somebody else."""


@dataclass(frozen=True, slots=True)
class Students:
    """One student per teacher, and a last one that learnt from all of them; that one is served."""

    networks: Network

    def logits(self, teachers: Teachers, encoded: Encoded) -> Floats:
        """What each student says: logits [folds + 1, n]."""
        logits: Floats = member_logits(self.networks, *inputs(teachers.features, encoded)).numpy().astype(np.float64)
        return logits

    def served(self, single: Network) -> Network:
        """The last student's weights in a network without members."""
        learnt = dict(self.networks.named_parameters())
        with torch.no_grad():
            for name, parameter in single.named_parameters():
                parameter.copy_(learnt[name][-1])
        return single.eval()


def fit_students(
    teachers: Teachers,
    portfolio: Portfolio,
    networks: Network,
    outcomes: UnseenOutcomes,
    knobs: Descent,
    imagined: int,
    seed: int,
    progress: Progress | None,
) -> Students:
    """Train untrained `networks`, one member more than teachers, on all applicants and `imagined` more.

    They stop together, where the students of single teachers have the lowest log-loss of unseen outcomes.
    """
    rows = np.concatenate([np.arange(len(portfolio)), np.arange(imagined) % len(portfolio)])
    encoded = imagine(portfolio.encoded, rows, len(portfolio), np.random.default_rng(seed))
    said = teachers.logits(encoded)
    goal = 1.0 / (1.0 + np.exp(-np.vstack([said, said.mean(axis=0)])))
    weight = portfolio.weight[rows] / portfolio.weight.mean()
    components, codes = inputs(teachers.features, encoded)
    lesson = Lesson(components, codes, _float32(goal), _float32(weight[None]))
    real = len(portfolio)

    def judge(candidate: Network) -> float:
        return outcomes.log_loss(member_logits(candidate, components[:real], codes[:real]).numpy().astype(np.float64))

    descend(networks, lesson, knobs, torch.Generator().manual_seed(seed), judge, progress)
    return Students(networks)


def imagine(encoded: Encoded, rows: npt.NDArray[np.int64], real: int, generator: np.random.Generator) -> Encoded:
    """The applicants of `rows` [n]; after the first `real` ones, fields are swapped with random other applicants'."""
    return Encoded(
        _swap(encoded.numbers, rows, real, generator),
        _swap(encoded.categories, rows, real, generator),
    )


def _swap(
    values: npt.NDArray[Any], rows: npt.NDArray[np.int64], real: int, generator: np.random.Generator
) -> npt.NDArray[Any]:
    taken = values[rows]
    for column in range(values.shape[1]):
        swapped = generator.random(len(rows)) < SWAPPED
        swapped[:real] = False
        taken[swapped, column] = values[generator.integers(len(values), size=int(swapped.sum())), column]
    return taken


def _float32(values: Floats) -> Tensor:
    return torch.from_numpy(values.astype(np.float32))
