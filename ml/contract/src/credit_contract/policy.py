"""The credit policy: from a PD to a score, a decision, a risk band and sentences an applicant may read.

Belongs to the lender, not to the model; decides on the exact PD, never on the rounded score.
Does not know how reasons are ranked (the service does).
"""

from __future__ import annotations

import math
from functools import cached_property
from typing import Annotated, Literal, Self

import numpy as np
import numpy.typing as npt
from pydantic import Field as Constraint, model_validator

from credit_contract.schema import FeatureSchema, Frozen

Decision = Literal["approve", "refer", "decline"]
DECISIONS: tuple[Decision, ...] = ("approve", "refer", "decline")
Share = Annotated[float, Constraint(gt=0, lt=1)]


class Band(Frozen):
    """A risk band: everybody with PD below `pd_below` whom no better band took."""

    name: str
    pd_below: Annotated[float, Constraint(gt=0, le=1)]


class Policy(Frozen):
    """Scaling, cut-offs, bands and reason texts.

    score = base_score + points_to_double / ln 2 * ln(odds / base_odds), odds being good : bad (Siddiqi 2006).
    A PD below `approve_below` approves, from `decline_from` on declines, between them refers.
    `loss_given_default` is a share of the exposure; `exposure_field` names the field that holds the exposure.
    `reasons` gives a plain sentence for each scored field.
    """

    version: str
    base_score: float
    base_odds: Annotated[float, Constraint(gt=0)]
    points_to_double: Annotated[float, Constraint(gt=0)]
    approve_below: Share
    decline_from: Share
    bands: tuple[Band, ...]
    loss_given_default: Share
    exposure_field: str | None = None
    reasons: dict[str, str]

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.approve_below > self.decline_from:
            raise ValueError(f"approve_below {self.approve_below} lies above decline_from {self.decline_from}")
        borders = [band.pd_below for band in self.bands]
        if not borders or borders != sorted(set(borders)) or borders[-1] != 1:
            raise ValueError("bands must rise in pd_below and end with 1")
        return self

    def check(self, schema: FeatureSchema) -> None:
        """Raise ValueError unless reasons are there for exactly the scored fields, and the exposure field exists."""
        scored = {field.name for field in schema.scored_fields}
        if set(self.reasons) != scored:
            raise ValueError(
                f"reasons must name exactly the scored fields; differing: {sorted(set(self.reasons) ^ scored)}"
            )
        if self.exposure_field is not None and self.exposure_field not in schema.by_name:
            raise ValueError(f"exposure_field {self.exposure_field} is no field of the schema")

    def score(self, pd: float) -> int:
        """The score, rounded to a whole number; PD is clipped to [1e-6, 1 - 1e-6]."""
        inside = min(max(pd, 1e-6), 1 - 1e-6)
        odds = (1 - inside) / inside
        return round(self.base_score + self.points_to_double / math.log(2) * math.log(odds / self.base_odds))

    def scores(self, pd: npt.NDArray[np.floating]) -> npt.NDArray[np.int64]:
        """`score` for many: int64 [n]."""
        inside = np.minimum(np.maximum(pd.astype(np.float64), 1e-6), 1 - 1e-6)
        points = np.log((1 - inside) / inside / self.base_odds) * (self.points_to_double / math.log(2))
        return np.rint(self.base_score + points).astype(np.int64)

    def decide(self, pd: float) -> Decision:
        """The decision for one PD."""
        return "approve" if pd < self.approve_below else "decline" if pd >= self.decline_from else "refer"

    def decisions(self, pd: npt.NDArray[np.floating]) -> npt.NDArray[np.int8]:
        """Positions in DECISIONS for many: int8 [n]."""
        return self._cut_offs.searchsorted(pd, side="right").astype(np.int8)

    def band(self, pd: float) -> str:
        """The name of the band that takes this PD."""
        return next((band.name for band in self.bands if pd < band.pd_below), self.bands[-1].name)

    def band_places(self, pd: npt.NDArray[np.floating]) -> npt.NDArray[np.int8]:
        """Positions in `bands` for many: int8 [n]."""
        return self._borders.searchsorted(pd, side="right").astype(np.int8)

    @cached_property
    def _cut_offs(self) -> npt.NDArray[np.float64]:
        return np.array([self.approve_below, self.decline_from])

    @cached_property
    def _borders(self) -> npt.NDArray[np.float64]:
        return np.array([band.pd_below for band in self.bands[:-1]])
