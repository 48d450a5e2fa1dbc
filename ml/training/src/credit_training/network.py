"""The network: partially monotone by construction, from components and categories to a logit of PD.

Units come in two kinds (after Runje and Shankaranarayana 2023, arXiv:2205.11775): free ones see free inputs only, with
any weights; constrained ones see everything, but constrained inputs only through weights ≥ 0. The activation, a clip,
grows too and bends both ways. Does not know fields, features or calibration.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

COMPONENT_CENTRE = 0.4
"""Components run from 0 to 1, and most lie a little below the middle."""


class MonotoneLinear(nn.Module):
    """x @ weight + bias whose first outputs are free and the rest never fall when a constrained input grows.

    With `members` all tensors have one more axis in front, so that an ensemble is one batched product.
    `centre` is about the mean of constrained inputs: weights of one sign add up, and without a bias against that
    whole units start beyond the clip, where no gradient reaches them.
    """

    def __init__(
        self, inputs: tuple[int, int], outputs: tuple[int, int], members: int | None, centre: float = 0.0
    ) -> None:
        super().__init__()
        self.free_inputs, self.free_outputs = inputs[0], outputs[0]
        lead = () if members is None else (members,)
        self.weight = nn.Parameter(torch.randn(*lead, sum(inputs), sum(outputs)) / max(sum(inputs), 1) ** 0.5)
        self.bias = nn.Parameter(torch.zeros(*lead, 1, sum(outputs)))
        with torch.no_grad():
            together = self.weight[..., self.free_inputs :, self.free_outputs :].abs_()
            together.div_(max(inputs[1], 1) ** 0.5 / 2.0)
            self.bias[..., self.free_outputs :] = -centre * together.sum(dim=-2, keepdim=True)
        self.project()

    @torch.no_grad()
    def project(self) -> None:
        """Back to the nearest weights that keep the promise; after every step of the optimiser."""
        self.weight[..., self.free_inputs :, : self.free_outputs] = 0.0
        self.weight[..., self.free_inputs :, self.free_outputs :].clamp_(min=0.0)

    def forward(self, inputs: Tensor) -> Tensor:
        """Outputs [..., n, out] of inputs [..., n, in]."""
        return inputs @ self.weight + self.bias


class Network(nn.Module):
    """components [n, f] with the constrained ones last, codes [n, q] → logits [n, 1] or [members, n, 1].

    `cardinalities` [q] count each category field's codes, missing included.
    """

    starts: Tensor

    def __init__(
        self,
        components: tuple[int, int],
        cardinalities: Sequence[int],
        hidden: Sequence[int],
        embedding: int,
        dropout: float,
        members: int | None = None,
    ) -> None:
        super().__init__()
        lead = () if members is None else (members,)
        starts = [sum(cardinalities[:position]) for position in range(len(cardinalities))]
        self.register_buffer("starts", torch.tensor(starts, dtype=torch.int64))
        self.table = nn.Parameter(torch.randn(*lead, sum(cardinalities), embedding) * 0.1)
        self.dropout = dropout
        widths = [(components[0] + len(cardinalities) * embedding, components[1])]
        widths += [_split(size, constrained=widths[0][1] > 0) for size in hidden]
        widths.append((0, 1) if widths[0][1] else (1, 0))
        centres = [COMPONENT_CENTRE] + [0.0] * len(hidden)
        self.layers = nn.ModuleList(
            MonotoneLinear(inputs, outputs, members, centre)
            for (inputs, outputs), centre in zip(itertools.pairwise(widths), centres, strict=True)
        )

    def project(self) -> None:
        """Back to monotone weights, layer by layer."""
        for layer in self.layers:
            assert isinstance(layer, MonotoneLinear), layer
            layer.project()

    def forward(self, components: Tensor, codes: Tensor) -> Tensor:
        """Logits of PD."""
        hidden = components
        if len(self.starts):
            embedded = self._embed(codes + self.starts)
            if embedded.dim() == 3:
                hidden = components.expand(embedded.shape[0], *components.shape)
            hidden = torch.cat([embedded, hidden], dim=-1)
        last = len(self.layers) - 1
        for depth, layer in enumerate(self.layers):
            hidden = layer(hidden)
            if depth < last:
                hidden = torch.clamp(hidden, -1.0, 1.0)
                hidden = functional.dropout(hidden, self.dropout, self.training)
        return hidden

    def _embed(self, positions: Tensor) -> Tensor:
        if self.table.dim() == 2:
            return functional.embedding(positions, self.table).flatten(1)
        return self.table[:, positions].flatten(2)


def _split(size: int, constrained: bool) -> tuple[int, int]:
    """A hidden layer's units as (free, constrained)."""
    return (size // 2, size - size // 2) if constrained else (size, 0)
