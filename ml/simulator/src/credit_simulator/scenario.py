"""What to simulate: how long, how many, from which seed, and the events scripted into it.

Does not know what an event does to an applicant; each module reads the strength of the events that concern it.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Annotated, Any, Literal, Self

import numpy as np
from pydantic import Field as Constraint, ValidationError, model_validator

from credit_contract.schema import Frozen
from credit_simulator.errors import ScenarioError
from credit_simulator.fields import SCHEMA

EventKind = Literal["macro_shock", "new_channel", "broken_field", "population_shift", "concept_shift"]
Fault = Literal["missing", "constant", "scaled"]

SCALED_BY = 100.0  # an upstream system that starts to send cents


class Event(Frozen):
    """One thing that happens in the months `start` (0 is the scenario's first) to `start + length - 1`.

    Without `length` it lasts to the end. What `strength` 1 means:
        macro_shock       unemployment +4 points, policy rate -1, house prices -10 % a year, reached within 3 months
        new_channel       all applicants come by the channel `marketplace`; 0.25 is a quarter of them
        broken_field      all values of `field` arrive with the `fault`; 0.5 is half of them
        population_shift  applicants one standard deviation less wealthy and half of one under more stress
        concept_shift     +0.9 on the log-hazard of home owners, +0.3 on all others; no field changes
    """

    kind: EventKind
    start: Annotated[int, Constraint(ge=0)]
    strength: Annotated[float, Constraint(gt=0, le=5)] = 1.0
    length: Annotated[int, Constraint(ge=1)] | None = None
    field: str | None = None
    fault: Fault | None = None

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.kind in ("new_channel", "broken_field") and self.strength > 1:
            raise ValueError(f"strength of {self.kind} is a share, at most 1")
        if self.kind != "broken_field":
            if self.field is not None or self.fault is not None:
                raise ValueError("only broken_field takes field and fault")
            return self
        known = [field.name for field in SCHEMA.fields if field.role != "leak"]
        if self.field not in known:
            raise ValueError(f"broken_field needs a field, one of {', '.join(known)}")
        if self.fault is None:
            raise ValueError("broken_field needs a fault, one of missing, constant, scaled")
        if self.fault == "scaled" and SCHEMA[self.field].kind == "category":
            raise ValueError(f"field {self.field} is a category and cannot be scaled")
        return self

    def active(self, month: int) -> bool:
        """Whether the event is on in a month."""
        return month >= self.start and (self.length is None or month < self.start + self.length)


class Scenario(Frozen):
    """A portfolio to simulate; the same scenario gives the same rows on every machine.

    `start` is the first month, as YYYY-MM. `seasonality` scales how much purposes and channels move over the year.
    `dirty` adds what recipe v2 cleans: impossible values, retired spellings and duplicate rows.
    Missing values that the schema allows are there in any case.
    """

    seed: Annotated[int, Constraint(ge=0)] = 20210101
    start: Annotated[str, Constraint(pattern=r"^(19|20)\d\d-(0[1-9]|1[0-2])$")] = "2021-01"
    months: Annotated[int, Constraint(ge=1, le=1200)] = 24
    applicants_per_month: Annotated[int, Constraint(ge=1)] = 1250
    performance_months: Annotated[int, Constraint(ge=1, le=36)] = 12
    seasonality: Annotated[float, Constraint(ge=0, le=3)] = 1.0
    dirty: bool = False
    events: tuple[Event, ...] = ()

    @classmethod
    def parse(cls, document: Mapping[str, Any]) -> Self:
        """A scenario from a mapping as YAML or JSON give it.

        Raises:
            ScenarioError: one line naming the key.
        """
        try:
            return cls.model_validate(document)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            where = ".".join(map(str, first["loc"])) or "(root)"
            raise ScenarioError(f"scenario key {where}: {first['msg'].removeprefix('Value error, ')}") from None

    @cached_property
    def first_month(self) -> np.datetime64:
        """The start as datetime64[M]."""
        return np.datetime64(self.start, "M")

    def strength(self, kind: EventKind, month: int) -> float:
        """Sum of the strengths of the events of a kind that are on in a month; 0 without any."""
        return sum(event.strength for event in self.events if event.kind == kind and event.active(month))

    def broken_fields(self, month: int) -> list[Event]:
        """The broken_field events that are on in a month."""
        return [event for event in self.events if event.kind == "broken_field" and event.active(month)]
