"""The scorer as it is exported: the same function in fewer operations, since a small graph costs what its nodes cost.

No columns are put side by side only to be multiplied, and calibration is part of the last layer. Rounding differs from
the scorer's by some 1e-7 of PD. Knows torch; not ONNX, and nothing of fitting.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from credit_training.network import MonotoneLinear
from credit_training.scorer import Scorer


class LeanScorer(nn.Module):
    """numbers float32 [n, p], categories int64 [n, q] → PD float32 [n], of a fitted scorer of one member."""

    def __init__(self, scorer: Scorer) -> None:
        super().__init__()
        self.features = scorer.features
        self.network = _LeanNetwork(scorer)

    def forward(self, numbers: Tensor, categories: Tensor) -> Tensor:
        """PD of applicants."""
        return torch.sigmoid(self.network(self.features(numbers), categories)).squeeze(1)


class _LeanNetwork(nn.Module):
    """Components and categories to calibrated logits [n, 1]."""

    starts: Tensor
    table: Tensor
    embedded: Tensor

    def __init__(self, scorer: Scorer) -> None:
        super().__init__()
        network = scorer.network
        weights, biases = zip(*(_parameters(layer) for layer in network.layers), strict=True)
        scale, shift = scorer.calibration.slope.item(), scorer.calibration.intercept.item()
        weights = (*weights[:-1], weights[-1] * scale)
        biases = (*biases[:-1], biases[-1] * scale + shift)
        categorical = len(network.starts) * network.table.shape[-1]
        self.register_buffer("starts", network.starts)
        self.register_buffer("table", network.table.detach())
        self.register_buffer("embedded", weights[0][:categorical])
        self.weights = nn.ParameterList([weights[0][categorical:], *weights[1:]])
        self.biases = nn.ParameterList(biases)

    def forward(self, components: Tensor, codes: Tensor) -> Tensor:
        """Logits after calibration."""
        first: Tensor = self.biases[0]
        if len(self.starts):
            first = functional.embedding(codes + self.starts, self.table).flatten(1) @ self.embedded + first
        hidden: Tensor = components @ self.weights[0] + first
        for weight, bias in zip(self.weights[1:], self.biases[1:], strict=True):
            hidden = torch.clamp(hidden, -1.0, 1.0) @ weight + bias
        return hidden


def _parameters(layer: nn.Module) -> tuple[Tensor, Tensor]:
    assert isinstance(layer, MonotoneLinear), layer
    return layer.weight.detach(), layer.bias.detach().squeeze(0)
