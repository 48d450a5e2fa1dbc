"""One bundle in service: the model and what is derived from it. Swapped as a whole when a new bundle is loaded."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from credit_contract.bundle import MANIFEST
from credit_contract.errors import BundleError
from scoring_api import challenger as challengers, model as models
from scoring_api.challenger import Challenger
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
    challenger: Challenger | None


def load(bundle: Path, tag: str, max_applicants: int, shadow: Path | None = None, model_digest: str = "") -> Serving:
    """Load, verify and prove a bundle, and the challenger in its shadow.

    Raises:
        BundleError: it must not be served, is not the model that is asked for, or cannot have this challenger.
    """
    model = models.load(bundle, tag)
    if model_digest not in ("", model.bundle.digest):
        raise BundleError(MANIFEST, f"this is model {model.bundle.digest}, and only {model_digest} may be served")
    reader = Reader(model.bundle.schema, max_applicants)
    challenger = challengers.load(shadow, model.bundle.schema) if shadow is not None else None
    return Serving(model, reader, Explainer(model), model.bundle.digest[:12], challenger)
