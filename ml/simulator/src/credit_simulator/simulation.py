"""The portfolio as arrays: applicants in the order in which they came, their true risk, and outcomes that take time.

Puts the steps of one month together. Does not know files, and no model: who was approved is told to it.
"""

from __future__ import annotations

import datetime
import math
from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import numpy.typing as npt

from credit_simulator import dates, population, recording, risk
from credit_simulator.arrays import Columns, Dates, Flags, Floats
from credit_simulator.errors import OutcomeError
from credit_simulator.fields import SCHEMA
from credit_simulator.macro import MacroPath, macro_path
from credit_simulator.randomness import Purpose, generator
from credit_simulator.scenario import Scenario
from credit_simulator.underwriting import underwrite

APPLICANT_FIELDS = tuple(field for field in SCHEMA.fields if field.role != "leak")


@dataclass(frozen=True, slots=True)
class Outcomes:
    """What is known of some applicants. rows: int64 [k], positions in the simulation; defaulted: bool [k]."""

    rows: npt.NDArray[np.int64]
    defaulted: Flags


@dataclass(frozen=True, slots=True)
class Simulation:
    """n applicants in order of time, everything about them; only a simulator can know all of it.

    applicants: what was recorded, by field name. month: int64 [n], 0 for the scenario's first. applied: datetime64[D].
    true_pd: float64 [n], PD within the window given the true fields and the economy that came.
    defaulted: bool [n]. months_on_book: int64 [n], to default, else the window. resolved: datetime64[D], the day of
    default, else the end of the window. matures: datetime64[D], the end of the window.
    underwritten: bool [n], approved by the lender's underwriters in the time before any model.
    """

    applicants: Columns
    month: npt.NDArray[np.int64]
    applied: Dates
    true_pd: Floats
    defaulted: Flags
    months_on_book: npt.NDArray[np.int64]
    resolved: Dates
    matures: Dates
    underwritten: Flags

    def __len__(self) -> int:
        return len(self.month)

    def outcomes(self, approved: Flags, as_of: datetime.date) -> Outcomes:
        """Outcomes of approved applicants whose performance window was over on a day; declined ones never have any.

        A default is held back until its window is over too: counting it earlier would make young vintages look bad.

        Raises:
            OutcomeError: approved is not one bool for each applicant.
        """
        if approved.dtype != np.bool_ or approved.shape != (len(self),):
            raise OutcomeError(f"approved must be bool [{len(self)}], got {approved.dtype} {list(approved.shape)}")
        rows = np.flatnonzero(approved & (self.matures <= np.datetime64(as_of, "D")))
        return Outcomes(rows, self.defaulted[rows])

    def take(self, rows: npt.NDArray[Any] | slice) -> Simulation:
        """The same simulation with some of its applicants, by mask, index or slice."""
        rest = {field.name: getattr(self, field.name)[rows] for field in fields(self) if field.name != "applicants"}
        return Simulation({name: values[rows] for name, values in self.applicants.items()}, **rest)

    def records(self) -> list[dict[str, Any]]:
        """Applicants as a client sends them: JSON values in the order of the schema, None for missing."""
        lists = [_json_values(self.applicants[field.name], field.kind == "integer") for field in APPLICANT_FIELDS]
        names = [field.name for field in APPLICANT_FIELDS]
        return [dict(zip(names, values, strict=True)) for values in zip(*lists, strict=True)]


def _json_values(values: npt.NDArray[Any], whole: bool) -> list[Any]:
    cells: list[Any] = values.tolist()
    if values.dtype == object:
        return cells
    return [None if math.isnan(cell) else int(cell) if whole else cell for cell in cells]


def simulate(scenario: Scenario) -> Simulation:
    """All months of a scenario."""
    months = list(_months(scenario))
    names = [field.name for field in fields(Simulation) if field.name != "applicants"]
    return Simulation(
        {name: np.concatenate([month.applicants[name] for month in months]) for name in months[0].applicants},
        **{name: np.concatenate([getattr(month, name) for month in months]) for name in names},
    )


def stream(scenario: Scenario) -> Iterator[dict[str, Any]]:
    """`simulate(scenario).records()` one by one, with no more than one month in memory."""
    for month in _months(scenario):
        yield from month.records()


def _months(scenario: Scenario) -> Iterator[Simulation]:
    path = macro_path(scenario)
    return (_month(scenario, path, month) for month in range(scenario.months))


def _month(scenario: Scenario, path: MacroPath, month: int) -> Simulation:
    n, window = scenario.applicants_per_month, scenario.performance_months
    rng = generator(scenario.seed, Purpose.POPULATION, month)
    applied = dates.days_of_month(rng, scenario.first_month + month, n)
    truth = population.draw(rng, n, _climate(scenario, path, month))

    economy = path.log_hazard(month + 1, month + 1 + window)
    log_hazards = risk.log_hazard(truth, scenario.strength("concept_shift", month))
    rng = generator(scenario.seed, Purpose.OUTCOME, month)
    default_month = risk.draw_default_month(rng, log_hazards, economy)
    defaulted = default_month <= window
    months_on_book = np.minimum(default_month, window)

    rng = generator(scenario.seed, Purpose.RECORDING, month)
    seen = recording.leave_gaps(rng, truth)
    rows = np.arange(n)
    if scenario.dirty:
        seen = recording.make_slips(rng, seen)
        rows = recording.duplicated_rows(rng, n)
    return Simulation(
        applicants=recording.break_fields(rng, seen, scenario.broken_fields(month)),
        month=np.full(n, month),
        applied=applied,
        true_pd=risk.probability_of_default(log_hazards, economy),
        defaulted=defaulted,
        months_on_book=months_on_book,
        resolved=dates.add_months(applied, months_on_book),
        matures=dates.add_months(applied, np.full(n, window)),
        underwritten=underwrite(generator(scenario.seed, Purpose.UNDERWRITING, month), truth),
    ).take(rows)


def _climate(scenario: Scenario, path: MacroPath, month: int) -> population.Climate:
    shift = scenario.strength("population_shift", month)
    return population.Climate(
        calendar_month=int((scenario.first_month + month).astype(int)) % 12 + 1,
        seasonality=scenario.seasonality,
        stress=path.stress(month) + 0.5 * shift,
        wealth=-shift,
        new_channel=min(1.0, scenario.strength("new_channel", month)),
    )
