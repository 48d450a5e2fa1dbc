"""Every error that the simulator raises.

SimulatorError
├── ScenarioError   a scenario that cannot be simulated
└── OutcomeError    outcomes asked for in a way that has no answer
"""

from __future__ import annotations

from typing import ClassVar


class SimulatorError(Exception):
    """Base of all; `code` is stable."""

    code: ClassVar[str] = "simulator"


class ScenarioError(SimulatorError):
    """A scenario that cannot be simulated; names the key."""

    code = "scenario"


class OutcomeError(SimulatorError):
    """Approvals that do not fit the simulation."""

    code = "outcome"
