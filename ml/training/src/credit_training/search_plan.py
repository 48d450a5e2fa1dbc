"""What is searched and how, the configuration's `search` section; and what one trial of it gave.

Knows keys and their ranges only; `search` carries it out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator


class Range(BaseModel):
    """Numbers from `low` to `high`, both allowed; whole ones when both ends are; evenly by logarithm if `log`."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    low: int | float
    high: int | float
    log: bool = False

    @model_validator(mode="after")
    def _upwards(self) -> Self:
        if self.low > self.high:
            raise ValueError(f"low {self.low:g} is above high {self.high:g}")
        if self.log and self.low <= 0:
            raise ValueError(f"log needs a low above 0, not {self.low:g}")
        return self


class SearchConfig(BaseModel):
    """The configuration's `search` section.

    `space` gives for each key of `model` a range, or a list of values; the grid takes lists only.
    `trials` counts those of earlier runs of the same `study` too.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    study: Annotated[str, Field(min_length=1)]
    sampler: Literal["tpe", "grid", "random"]
    objective: Literal["log_loss", "auc"]
    trials: Annotated[int, Field(ge=1)]
    folds: Annotated[int, Field(ge=2)]
    space: Annotated[dict[str, Range | Annotated[list[Any], Field(min_length=1)]], Field(min_length=1)]


@dataclass(frozen=True, slots=True)
class Trial:
    """One recipe, as the keys that were searched, and its cross-validated figures."""

    number: int
    changes: Mapping[str, Any]
    figures: Mapping[str, float]
