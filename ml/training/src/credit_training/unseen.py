"""Outcomes judged by whoever had not learned them: folds, and the log-loss of what is said of unseen rows.

Does not know who says it: teachers, students and their calibration are all judged so.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from credit_training.portfolio import Portfolio

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class UnseenOutcomes:
    """Outcomes of n rows, and the fold [n] of each: member j of an ensemble did not learn those of fold j."""

    portfolio: Portfolio
    fold: npt.NDArray[np.int64]

    def of(self, logits: Floats) -> Floats:
        """Of logits [folds or more, n] those [n] of the member that did not learn the row's outcome."""
        return logits[self.fold, np.arange(len(self.fold))]

    def log_loss(self, logits: Floats) -> float:
        """Weighted log-loss of logits [folds or more, n], each row judged by the member that had not seen it."""
        honest = self.of(logits)
        loss = np.logaddexp(0.0, honest) - self.portfolio.target * honest
        return float(np.average(loss, weights=self.portfolio.weight))
