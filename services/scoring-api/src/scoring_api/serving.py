"""One bundle in service: the model and what is derived from it. Swapped as a whole when a new bundle is loaded."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from scoring_api import model as models
from scoring_api.model import ServedModel
from scoring_api.reader import Reader
from scoring_api.reasons import Explainer


@dataclass(frozen=True, slots=True)
class Serving:
    """A proven model, its reader and its explainer; `label` is the short digest that metrics carry."""

    model: ServedModel
    reader: Reader
    explainer: Explainer
    label: str


def load(bundle: Path, tag: str, max_applicants: int) -> Serving:
    """Load, verify and prove a bundle.

    Raises:
        BundleError: it must not be served.
    """
    model = models.load(bundle, tag)
    reader = Reader(model.bundle.schema, max_applicants)
    return Serving(model, reader, Explainer(model), model.bundle.digest[:12])
