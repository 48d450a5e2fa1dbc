"""The engineered features as a plain table, for algorithms that are no torch graph.

The same steps and directions that the network gets, so that a comparison is one of algorithms.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from credit_contract.applicant import Encoded
from credit_contract.schema import Field
from credit_training.feature_graph import FeatureGraph, fit_features
from credit_training.feature_steps import StepSpec
from credit_training.features import plan_features
from credit_training.portfolio import Portfolio


@dataclass(frozen=True, slots=True)
class FeatureTable:
    """names and directions [c] of the engineered numbers (1 PD may only grow, -1 only fall, 0 free); the categories."""

    graph: FeatureGraph
    names: tuple[str, ...]
    directions: tuple[int, ...]
    inputs: tuple[tuple[int, ...], ...]
    category_fields: tuple[Field, ...]

    @torch.no_grad()
    def compute(self, encoded: Encoded) -> Encoded:
        """The engineered numbers float32 [n, c], NaN where a raw field that they read is missing; categories as is."""
        values = self.graph.values(torch.from_numpy(encoded.numbers)).numpy()
        missing = np.isnan(encoded.numbers)
        for column, inputs in enumerate(self.inputs):
            values[missing[:, inputs].any(axis=1), column] = np.nan
        return Encoded(values, encoded.categories)


def fit_feature_table(development: Portfolio, steps: Sequence[StepSpec]) -> FeatureTable:
    """The table of every scored number, every step and every scored category.

    Raises:
        SchemaError: a step that cannot be computed, or cannot keep a direction.
    """
    fields = [field.name for field in development.schema.number_fields]
    plan = plan_features(development.schema, steps)
    graph = fit_features(plan, fields, development.encoded.numbers, bins=1)
    return FeatureTable(
        graph=graph,
        names=tuple(feature.name for feature in graph.features),
        directions=tuple(feature.direction for feature in graph.features),
        inputs=tuple(tuple(fields.index(name) for name in feature.effects) for feature in graph.features),
        category_fields=development.schema.category_fields,
    )
