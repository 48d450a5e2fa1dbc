"""The economy that the portfolio lives in: unemployment, policy rate and house prices, month by month.

Deviations from their means are independent AR(1) processes, on purpose calm, plus scripted shocks.
Does not know applicants; says only how far hazards and financial stress move.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from credit_simulator.arrays import Floats
from credit_simulator.randomness import Purpose, generator
from credit_simulator.scenario import Scenario

MEAN = np.array([6.0, 2.0, 3.0])  # unemployment %, policy rate %, house price growth % a year
PERSISTENCE = np.array([0.96, 0.97, 0.90])
INNOVATION = np.array([0.05, 0.04, 0.30])  # standard deviations of 0.18, 0.16 and 0.69 points in the long run
SHOCK = np.array([4.0, -1.0, -10.0])  # the central bank cuts when unemployment rises
SHOCK_BUILD_UP = 3  # months

HAZARD_LOADING = np.array([0.13, 0.06, -0.02])  # change of the log-hazard by one point
STRESS_PER_UNEMPLOYMENT_POINT = 0.08  # standard deviations of applicants' financial stress


@dataclass(frozen=True, slots=True)
class MacroPath:
    """levels: float64 [scenario.months + performance window, 3], in the order of MEAN."""

    levels: Floats

    def log_hazard(self, first: int, last: int) -> Floats:
        """What the economy adds to the log-hazard in the months [first, last)."""
        effect: Floats = (self.levels[first:last] - MEAN) @ HAZARD_LOADING
        return effect

    def stress(self, month: int) -> float:
        """Shift of applicants' financial stress in a month, in standard deviations."""
        return float(self.levels[month, 0] - MEAN[0]) * STRESS_PER_UNEMPLOYMENT_POINT


def macro_path(scenario: Scenario) -> MacroPath:
    """The path to the end of the last vintage's performance window; longer scenarios only continue it."""
    months = scenario.months + scenario.performance_months
    steps = generator(scenario.seed, Purpose.MACRO).standard_normal((months, len(MEAN))) * INNOVATION
    deviation = np.zeros_like(steps)
    deviation[0] = steps[0]
    for month in range(1, months):
        deviation[month] = PERSISTENCE * deviation[month - 1] + steps[month]
    shock = np.array([_shock(scenario, month) for month in range(months)])
    return MacroPath(MEAN + deviation + shock[:, None] * SHOCK)


def _shock(scenario: Scenario, month: int) -> float:
    return sum(
        event.strength * min(1.0, (month - event.start + 1) / SHOCK_BUILD_UP)
        for event in scenario.events
        if event.kind == "macro_shock" and event.active(month)
    )
