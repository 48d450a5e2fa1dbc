"""The scorer as it is exported: the same function in fewer operations, since a small graph costs what its nodes cost.

What a single category brings to the first layer is looked up, not computed; units are clipped to [0, 1], which
runtimes do together with the product before it; calibration is part of the last layer. Rounding differs from the
scorer's by some 1e-7 of PD. Knows torch; not ONNX, and nothing of fitting.
"""

from __future__ import annotations

from collections.abc import Sequence

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
        weights, biases = _between_0_and_1([_parameters(layer) for layer in network.layers])
        scale, shift = scorer.calibration.slope.item(), scorer.calibration.intercept.item()
        weights[-1], biases[-1] = weights[-1] * scale, biases[-1] * scale + shift
        fields, table = len(network.starts), network.table.detach().double()
        categorical = fields * table.shape[-1]
        embedded, weights[0] = weights[0][:categorical], weights[0][categorical:]
        if fields == 1:
            table = table @ embedded + biases[0]
        self.fields = fields
        self.register_buffer("starts", network.starts)
        self.register_buffer("table", table.float())
        self.register_buffer("embedded", embedded.float())
        self.weights = nn.ParameterList([weight.float() for weight in weights])
        self.biases = nn.ParameterList([bias.float() for bias in biases])

    def forward(self, components: Tensor, codes: Tensor) -> Tensor:
        """Logits after calibration."""
        hidden: Tensor = components @ self.weights[0] + self._first(codes)
        for weight, bias in zip(self.weights[1:], self.biases[1:], strict=True):
            hidden = torch.clamp(hidden, 0.0, 1.0) @ weight + bias
        return hidden

    def _first(self, codes: Tensor) -> Tensor:
        """What the categories and the bias bring to the first layer.

        Several fields are not looked up so: ONNX Runtime adds up rows of a table in another order for one applicant.
        """
        bias: Tensor = self.biases[0]
        if self.fields == 0:
            return bias
        if self.fields == 1:
            return functional.embedding(codes.squeeze(1), self.table)
        embedded: Tensor = functional.embedding(codes + self.starts, self.table).flatten(1) @ self.embedded
        return embedded + bias


def _between_0_and_1(layers: Sequence[tuple[Tensor, Tensor]]) -> tuple[list[Tensor], list[Tensor]]:
    """Weights and biases of the same function when hidden units are clipped to [0, 1] instead of [-1, 1]."""
    weights, biases = [], []
    for depth, (weight, bias) in enumerate(layers):
        if depth > 0:
            weight, bias = 2.0 * weight, bias - weight.sum(dim=0)
        if depth < len(layers) - 1:
            weight, bias = weight / 2.0, (bias + 1.0) / 2.0
        weights.append(weight)
        biases.append(bias)
    return weights, biases


def _parameters(layer: nn.Module) -> tuple[Tensor, Tensor]:
    assert isinstance(layer, MonotoneLinear), layer
    return layer.weight.detach().double(), layer.bias.detach().double().squeeze(0)
