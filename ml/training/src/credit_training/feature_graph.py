"""Planned features as one torch module: raw numbers in, piecewise-linear components in [0, 1] out.

Few large operations instead of many small ones, since a served graph this size costs what its nodes cost: one matrix
gathers the operands of all steps, one block computes each kind, one matrix encodes all features.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from credit_training.features import Feature, Kind, Operand

LARGEST = float(np.finfo(np.float32).max)
KINDS: tuple[Kind, ...] = (
    "plain",
    "ratio",
    "product",
    "max",
    "min",
    "count_above",
    "months_since",
    "signed_log",
    "missing",
)
PADDING = {"product": 1.0, "count_above": -LARGEST, "months_since": -LARGEST}
TAIL = 0.001
"""Values beyond this quantile on either side count as the quantile: one outlier must not stretch a bin."""


class _Block(nn.Module):
    """All features of one kind, k of them with w operands each; input [n, w·k], output [n, k]."""

    parameter: Tensor
    place: Tensor
    none: Tensor
    adding: Tensor

    def __init__(self, features: Sequence[Feature]) -> None:
        super().__init__()
        self.kind = features[0].kind
        self.count = len(features)
        self.width = max(len(feature.operands) for feature in features)
        self.operands = [_padded(feature, slot) for slot in range(self.width) for feature in features]
        parameter = torch.tensor([f.parameter for f in features], dtype=torch.float32)
        none = torch.tensor([float(len(f.operands)) for f in features])
        self.register_buffer("parameter", parameter.repeat(self.width))
        self.register_buffer("place", torch.arange(self.width, dtype=torch.float32).repeat_interleave(self.count))
        self.register_buffer("none", none.repeat(self.width))
        self.register_buffer("adding", torch.eye(self.count).repeat(self.width, 1))

    def forward(self, inputs: Tensor) -> Tensor:
        """The kind's computation."""
        if self.kind == "plain":
            return inputs
        if self.kind == "signed_log":
            return torch.asinh(inputs / self.parameter)
        if self.kind in ("ratio", "product"):
            first, *others = torch.chunk(inputs, self.width, dim=1)
            return first / others[0] if self.kind == "ratio" else math.prod(others, start=first)
        if self.kind == "count_above":
            return (inputs > self.parameter).float() @ self.adding
        if self.kind == "months_since":
            inputs = torch.where(inputs > self.parameter, self.place, self.none)
        parts = inputs.reshape(-1, self.width, self.count)
        return parts.amax(dim=1) if self.kind == "max" else parts.amin(dim=1)


def _padded(feature: Feature, slot: int) -> Operand:
    """The feature's operand for a slot; past its last one, an operand that changes nothing."""
    if slot < len(feature.operands):
        return feature.operands[slot]
    if feature.kind in PADDING:
        value = PADDING[feature.kind]
        return Operand({}, value, value, {})
    return feature.operands[0]


class FeatureGraph(nn.Module):
    """numbers [n, p] with NaN for missing → components [n, f] in [0, 1], the constrained ones last.

    `medians` [p] fill missing values; `slope` [c, f] and `offset` [f] encode the c features. All are fitted.

    Encoding (Gorishniy et al. 2022, arXiv:2203.05556): feature z with quantile edges e becomes
    clip((z - e_i) / (e_(i+1) - e_i), 0, 1). Each component grows with z (mirrored where PD must fall with z), so
    non-negative weights keep a direction.
    """

    flags: Tensor
    medians: Tensor
    mixing: Tensor
    low: Tensor
    high: Tensor
    slope: Tensor
    offset: Tensor

    def __init__(self, plan: Sequence[Feature], fields: Sequence[str], width: int) -> None:
        super().__init__()
        groups = [[f for f in plan if f.kind == kind] for kind in KINDS]
        self.features = [feature for group in groups for feature in group]
        blocks = [_Block(group) for group in groups[:-1] if group]
        operands = [operand for block in blocks for operand in block.operands]
        self.sizes = [len(block.operands) for block in blocks]
        self.blocks = nn.ModuleList(blocks)
        flags = [fields.index(next(iter(f.operands[0].weights))) for f in groups[-1]]
        mixing = [[operand.weights.get(name, 0.0) for operand in operands] for name in fields]
        self.register_buffer("flags", torch.tensor(flags, dtype=torch.int64))
        self.register_buffer("medians", torch.zeros(len(fields)))
        self.register_buffer("mixing", torch.tensor(mixing, dtype=torch.float32))
        self.register_buffer("low", torch.tensor([max(o.low, -LARGEST) for o in operands], dtype=torch.float32))
        self.register_buffer("high", torch.tensor([min(o.high, LARGEST) for o in operands], dtype=torch.float32))
        self.register_buffer("slope", torch.zeros(len(self.features), width))
        self.register_buffer("offset", torch.zeros(width))

    @property
    def constrained(self) -> int:
        """How many of the components, the last ones, PD may only grow with."""
        directed = torch.tensor([feature.direction != 0 for feature in self.features])
        return int((self.slope[directed] != 0).any(dim=0).sum())

    def values(self, numbers: Tensor) -> Tensor:
        """The engineered features themselves [n, c], in the order of `features`."""
        missing = torch.isnan(numbers)
        filled = torch.where(missing, self.medians, numbers)
        operands = torch.split(torch.clamp(filled @ self.mixing, self.low, self.high), self.sizes, dim=1)
        parts = [block(part) for block, part in zip(self.blocks, operands, strict=True)]
        if len(self.flags):
            parts.append(missing.index_select(1, self.flags).float())
        return torch.cat(parts, dim=1)

    def forward(self, numbers: Tensor) -> Tensor:
        """Components of applicants."""
        return torch.clamp(self.values(numbers) @ self.slope + self.offset, 0.0, 1.0)


def fit_features(
    plan: Sequence[Feature], fields: Sequence[str], numbers: npt.NDArray[np.float32], bins: int
) -> FeatureGraph:
    """The graph with medians and quantile edges of development rows `numbers` [n, p].

    A feature with one value only gets no component.
    """
    graph = FeatureGraph(plan, fields, 0)
    for column, values in enumerate(numbers.T):
        present = values[~np.isnan(values)]
        graph.medians[column] = float(np.median(present)) if len(present) else 0.0
    values = graph.values(torch.from_numpy(numbers)).numpy().astype(np.float64)
    free: list[tuple[int, float, float]] = []
    constrained: list[tuple[int, float, float]] = []
    for column, feature in enumerate(graph.features):
        edges = quantile_edges(values[:, column], feature.bins or bins)
        for left, right in itertools.pairwise(edges):
            start, end = (right, left) if feature.direction < 0 else (left, right)
            (constrained if feature.direction else free).append((column, 1.0 / (end - start), -start / (end - start)))
    components = free + constrained
    graph.slope = torch.zeros(len(graph.features), len(components))
    graph.offset = torch.tensor([offset for _, _, offset in components], dtype=torch.float32)
    for position, (column, slope, _) in enumerate(components):
        graph.slope[column, position] = slope
    return graph


def quantile_edges(values: npt.NDArray[np.float64], bins: int) -> list[float]:
    """At most `bins` + 1 different edges at equal quantiles; every value is one where there are that few."""
    distinct = np.unique(values)
    if len(distinct) <= bins + 1:
        return [float(value) for value in distinct]
    levels = np.linspace(0.0, 1.0, bins + 1)
    levels[0], levels[-1] = TAIL, 1.0 - TAIL
    return [float(edge) for edge in np.unique(np.quantile(values, levels))]
