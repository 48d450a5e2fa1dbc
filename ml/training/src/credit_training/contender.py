"""One algorithm fitted on one dataset version, with what it was fitted on and how it did.

Data only: `run` makes them, registry and report read them.
"""

from __future__ import annotations

from dataclasses import dataclass

from credit_contract.bundle import DatasetVersion
from credit_training.algorithms import Model
from credit_training.config import Algorithm
from credit_training.evaluation import Figures
from credit_training.portfolio import Portfolio
from credit_training.prepare import Prepared


@dataclass(frozen=True, slots=True)
class Contender:
    """One algorithm on one dataset version."""

    algorithm: Algorithm
    data: Prepared
    portfolio: Portfolio
    model: Model
    figures: Figures

    @property
    def dataset(self) -> DatasetVersion:
        """The dataset version that it was fitted on."""
        return self.data.dataset
