"""A seeded credit portfolio: applicants month by month, a macro path, defaults that mature, outcomes nobody sees.

Knows numpy and the contract. Does not know files of configuration, models, HTTP or databases.
Honest about being made up: README.md says what is modelled and what is not.
"""

from credit_simulator.fields import SCHEMA
from credit_simulator.scenario import Event, Scenario
from credit_simulator.simulation import Outcomes, Simulation, simulate, stream
from credit_simulator.table import columns, write_csv

__all__ = ["SCHEMA", "Event", "Outcomes", "Scenario", "Simulation", "columns", "simulate", "stream", "write_csv"]
