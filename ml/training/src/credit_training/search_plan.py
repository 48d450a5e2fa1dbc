"""What is searched and how, the configuration's `search` section; and what one trial of it gave.

Knows keys and their ranges only; `search` carries it out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field


class Range(BaseModel):
    """Numbers from `low` to `high`, both allowed; whole ones when both ends are; evenly by logarithm if `log`."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    low: int | float
    high: int | float
    log: bool = False


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
    space: Annotated[dict[str, Range | list[Any]], Field(min_length=1)]


@dataclass(frozen=True, slots=True)
class Trial:
    """One recipe, as the keys that were searched, and its cross-validated figures."""

    number: int
    changes: Mapping[str, Any]
    figures: Mapping[str, float]
