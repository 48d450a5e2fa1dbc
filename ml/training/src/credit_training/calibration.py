"""Calibration that cannot reorder applicants: logit → slope · logit + intercept with a positive slope (Platt 1999).

Fitted on logits of rows that the model did not learn from. Does not know the model.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from credit_contract import metrics

SMALLEST_SLOPE = 1e-3


class Calibration(nn.Module):
    """Logits [n, 1] → PD [n]."""

    slope: Tensor
    intercept: Tensor

    def __init__(self, slope: float = 1.0, intercept: float = 0.0) -> None:
        super().__init__()
        self.register_buffer("slope", torch.tensor([[slope]], dtype=torch.float32))
        self.register_buffer("intercept", torch.tensor([[intercept]], dtype=torch.float32))

    def forward(self, logits: Tensor) -> Tensor:
        """PD; never falls when the logit grows."""
        return torch.sigmoid(logits @ self.slope + self.intercept).squeeze(1)


def fit_calibration(
    logits: npt.NDArray[np.float64], outcome: npt.NDArray[np.int8], weight: npt.NDArray[np.float64]
) -> Calibration:
    """The slope and intercept with the least weighted log-loss of outcomes [n] given logits [n]."""
    slope, intercept = metrics.calibration_line(outcome, 1.0 / (1.0 + np.exp(-logits)), weight)
    return Calibration(max(slope, SMALLEST_SLOPE), intercept)
