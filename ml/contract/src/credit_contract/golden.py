"""Golden applicants: synthetic people whose PDs torch, ONNX, container and running pod must all reproduce.

Drawn from the schema and the baseline's aggregates, so no row of the data is among them. Does not run models.
"""

from __future__ import annotations

import math
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from pydantic import model_validator

from credit_contract.baseline import Baseline
from credit_contract.schema import FeatureSchema, Field, Frozen

TOLERANCE = 1e-6
MIXES = 64
"""How many golden applicants are random mixes, at least."""


class GoldenSet(Frozen):
    """Applicants (scored fields only) and the PD of each."""

    applicants: tuple[dict[str, Any], ...]
    pd: tuple[float, ...]

    @model_validator(mode="after")
    def _paired(self) -> Self:
        if len(self.applicants) != len(self.pd) or not self.pd:
            raise ValueError("each golden applicant needs one PD")
        return self

    def disagreement(self, pd: npt.NDArray[np.floating]) -> float:
        """Largest |ΔPD| between another computation, [n], and this one; NaN counts as infinite."""
        gap = np.abs(np.asarray(pd, dtype=np.float64) - np.asarray(self.pd))
        return float(np.max(np.where(np.isnan(gap), np.inf, gap)))


def synthesise(schema: FeatureSchema, baseline: Baseline, count: int, seed: int) -> list[dict[str, Any]]:
    """`count` applicants: the reference applicant, both ends of every range, every category, then random mixes."""
    return _filled(schema, baseline, _cases(schema, baseline)[:count], count, seed)


def golden_applicants(schema: FeatureSchema, baseline: Baseline, count: int, seed: int) -> list[dict[str, Any]]:
    """As `synthesise`, but more than `count` where the cases of one field would leave fewer mixes than MIXES.

    Only where several fields differ from the reference does it show that two were swapped.
    """
    cases = _cases(schema, baseline)
    return _filled(schema, baseline, cases, max(count, len(cases) + MIXES), seed)


def _cases(schema: FeatureSchema, baseline: Baseline) -> list[dict[str, Any]]:
    """The reference applicant, then others who differ from it in one field."""
    reference = dict(baseline.reference_applicant)
    people: list[dict[str, Any]] = [reference]
    for field in schema.number_fields:
        people += [{**reference, field.name: _whole(field, end)} for end in field.bounds]
    for field in schema.category_fields:
        people += [{**reference, field.name: category} for category in field.categories]
    return people + [{**reference, field.name: None} for field in schema.scored_fields if field.optional]


def _filled(
    schema: FeatureSchema, baseline: Baseline, people: list[dict[str, Any]], count: int, seed: int
) -> list[dict[str, Any]]:
    rng = np.random.default_rng(seed)
    mixes = range(count - len(people))
    return people + [{field.name: _draw(field, baseline, rng) for field in schema.scored_fields} for _ in mixes]


def _draw(field: Field, baseline: Baseline, rng: np.random.Generator) -> Any:
    if field.optional and rng.random() < 0.1:
        return None
    if field.kind == "category":
        return field.categories[int(rng.integers(len(field.categories)))]
    low, high = field.bounds
    ends = [low, *(edge for edge in baseline.numbers[field.name].edges if low < edge < high), high]
    # The outermost bins reach to the plausible ends, where hardly anybody is: leave them to the range cases.
    first = int(rng.integers(1, len(ends) - 2)) if len(ends) > 3 else 0
    return _whole(field, float(rng.uniform(ends[first], ends[first + 1])))


def _whole(field: Field, value: float) -> float | int:
    low, high = field.bounds
    if field.kind == "integer":
        return int(min(max(round(value), math.ceil(low)), math.floor(high)))
    single = float(np.float32(value))
    return single if low <= single <= high else value
