"""A second model that must take every applicant that the served one takes, from the same arrays. Knows no queue."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from credit_contract.applicant import Encoded
from credit_contract.errors import BundleError
from credit_contract.schema import MISSING_CODE, FeatureSchema, Field
from scoring_api import model as models, scoring
from scoring_api.model import ServedModel
from scoring_api.scoring import Scores

Codes = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Challenger:
    """A proven model; `numbers` and `categories` are the places of its fields in the served model's arrays, `codes`
    its code for each of theirs; `label` is the short digest that metrics carry.
    """

    model: ServedModel
    numbers: Codes
    categories: Codes
    codes: tuple[Codes, ...]
    label: str

    def score(self, applicants: Encoded) -> Scores:
        """Applicants as the served model reads them, by this one and its own policy."""
        categories = np.empty((len(applicants), len(self.codes)), dtype=np.int64)
        for place, (at, codes) in enumerate(zip(self.categories, self.codes, strict=True)):
            categories[:, place] = codes[applicants.categories[:, at]]
        numbers = np.ascontiguousarray(applicants.numbers[:, self.numbers])
        return scoring.score(self.model, Encoded(numbers, categories))


def load(bundle: Path, served: FeatureSchema) -> Challenger:
    """Read, verify and prove a challenger of a served schema.

    Raises:
        BundleError: it must not be served, or there are applicants whom the served model takes and it does not.
    """
    try:
        model = models.load(bundle, "challenger")
    except BundleError as error:
        raise BundleError(f"{error.file} of the challenger", error.why) from None
    schema = model.bundle.schema
    for field in schema.scored_fields:
        if fault := _misfit(field, served):
            raise BundleError("schema.json", f"the challenger cannot score what is served: field {field.name} {fault}")
    return Challenger(
        model=model,
        numbers=_places(schema.number_fields, served.number_fields),
        categories=_places(schema.category_fields, served.category_fields),
        codes=tuple(_codes(field, served[field.name]) for field in schema.category_fields),
        label=model.bundle.digest[:12],
    )


def _misfit(field: Field, served: FeatureSchema) -> str | None:
    theirs = served.by_name.get(field.name)
    if theirs is None or theirs.role != "used":
        return "is not scored by the served model"
    if (theirs.kind == "category") != (field.kind == "category"):
        return f"is a {theirs.kind} there, a {field.kind} here"
    if theirs.optional and not field.optional:
        return "may be absent there, not here"
    if field.kind == "category":
        return None if set(theirs.categories) <= set(field.codes) else "has categories there that are unknown here"
    low, high = theirs.bounds
    fits = field.bounds[0] <= low and high <= field.bounds[1] and (field.kind != "integer" or theirs.kind == "integer")
    return None if fits else "takes values there that are refused here"


def _places(fields: tuple[Field, ...], served: tuple[Field, ...]) -> Codes:
    names = [field.name for field in served]
    return np.array([names.index(field.name) for field in fields], dtype=np.int64)


def _codes(field: Field, served: Field) -> Codes:
    return np.array([MISSING_CODE, *(field.codes[category] for category in served.categories)], dtype=np.int64)
