"""The whole model as one module: raw applicant fields in, calibrated PD out; and its file, `model.pt`.

Does not know how it was fitted, nor ONNX.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from credit_contract.applicant import Encoded
from credit_contract.errors import ContractError
from credit_contract.schema import FeatureSchema
from credit_training.calibration import Calibration
from credit_training.errors import StateError
from credit_training.feature_graph import FeatureGraph
from credit_training.feature_steps import STEPS, StepSpec
from credit_training.features import plan_features
from credit_training.files import write_whole
from credit_training.network import Network
from credit_training.network_recipe import Shape

CHUNK = 8192


class Scorer(nn.Module):
    """numbers float32 [n, p] (NaN = missing), categories int64 [n, q] (0 = missing) → PD float32 [n]."""

    def __init__(self, features: FeatureGraph, network: Network, calibration: Calibration) -> None:
        super().__init__()
        self.features = features
        self.network = network
        self.calibration = calibration

    def forward(self, numbers: Tensor, categories: Tensor) -> Tensor:
        """PD of applicants."""
        pd: Tensor = self.calibration(self.network(self.features(numbers), categories))
        return pd

    @torch.no_grad()
    def predict(self, encoded: Encoded) -> npt.NDArray[np.float64]:
        """PD float64 [n] of encoded applicants."""
        numbers = torch.split(torch.from_numpy(encoded.numbers), CHUNK)
        categories = torch.split(torch.from_numpy(encoded.categories), CHUNK)
        parts = [self(*chunk) for chunk in zip(numbers, categories, strict=True)]
        return torch.cat(parts).numpy().astype(np.float64)


def new_network(
    schema: FeatureSchema, features: FeatureGraph, shape: Shape, dropout: float, members: int | None
) -> Network:
    """An untrained network that fits the schema's categories and the fitted features."""
    width, constrained = features.slope.shape[1], features.constrained
    cardinalities = [1 + len(field.categories) for field in schema.category_fields]
    return Network((width - constrained, constrained), cardinalities, shape.hidden, shape.embedding, dropout, members)


def save_scorer(scorer: Scorer, steps: Sequence[StepSpec], shape: Shape, path: Path) -> Path:
    """Write `model.pt`: the state_dict, and beside it as text what it takes to rebuild the module.

    Raises:
        OutputError: the file cannot be written.
    """
    document = {
        "state": scorer.state_dict(),
        "steps": STEPS.dump_json(tuple(steps)).decode(),
        "shape": shape.model_dump_json(),
    }
    stream = io.BytesIO()
    torch.save(document, stream)
    return write_whole(path, stream.getvalue())


def load_scorer(path: Path, schema: FeatureSchema) -> Scorer:
    """The module from `model.pt` and the schema alone; loads tensors and text only, never code.

    Raises:
        StateError: there is no such file, or it is no state of a network on this schema.
    """
    try:
        document = torch.load(path, weights_only=True)
    except OSError as error:
        raise StateError(path, error.strerror or str(error)) from error
    # What torch says of such a file is to load it without this precaution.
    except (UnpicklingError, EOFError, RuntimeError, LookupError, TypeError, ValueError) as error:
        raise StateError(path, "damaged, or no state at all") from error
    try:
        return _scorer_of(document, schema)
    except (RuntimeError, LookupError, TypeError, ValueError, ContractError) as error:
        raise StateError(path, "no state of this bundle's network") from error


def _scorer_of(document: Mapping[str, Any], schema: FeatureSchema) -> Scorer:
    shape = Shape.model_validate_json(document["shape"])
    plan = plan_features(schema, STEPS.validate_json(document["steps"]))
    state = document["state"]
    width = state["features.slope"].shape[1]
    features = FeatureGraph(plan, [field.name for field in schema.number_fields], width)
    features.slope = state["features.slope"]
    scorer = Scorer(features, new_network(schema, features, shape, 0.0, None), Calibration())
    scorer.load_state_dict(state)
    return scorer.eval()
