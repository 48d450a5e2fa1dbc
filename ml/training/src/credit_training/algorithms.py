"""The three algorithms behind one interface: what they have in common is that they predict PDs of applicants.

Does not know metrics or files.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from credit_contract.applicant import Encoded
from credit_training.baselines import fit_boosting, fit_scorecard
from credit_training.config import Algorithm, TrainConfig
from credit_training.feature_steps import StepSpec
from credit_training.fit import fit_network
from credit_training.portfolio import Portfolio


class Model(Protocol):
    """Anything that was fitted."""

    @property
    def parameters(self) -> dict[str, Any]:
        """What it was fitted with, by name; values as JSON has them."""
        ...

    def predict(self, encoded: Encoded) -> npt.NDArray[np.float64]:
        """PD float64 [n]."""
        ...


Fit = Callable[[Portfolio], Model]


def fitting(algorithm: Algorithm, config: TrainConfig, steps: Sequence[StepSpec], seed: int) -> Fit:
    """How this algorithm is fitted on development rows, everything random from `seed`."""
    if algorithm == "logistic":
        return lambda development: fit_scorecard(development, steps, seed)
    if algorithm == "boosting":
        return lambda development: fit_boosting(development, steps, seed)
    return lambda development: fit_network(development, config.model, steps, seed)
