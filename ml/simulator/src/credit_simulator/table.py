"""A simulation as one table: what a lender's data warehouse would hold on a day.

Leaves out what no lender knows: true PDs, the outcomes of the declined, and outcomes that are not over.
"""

from __future__ import annotations

import csv
import datetime
from pathlib import Path
from typing import Any

import numpy as np

from credit_simulator.arrays import Flags
from credit_simulator.fields import SCHEMA
from credit_simulator.simulation import Simulation


def columns() -> tuple[str, ...]:
    """The header: date, fields in the order of the schema (the leak among them), decision and outcome."""
    return ("application_date", *(field.name for field in SCHEMA.fields), "approved", "defaulted", "outcome_date")


def write_csv(
    simulation: Simulation, path: Path, *, approved: Flags | None = None, as_of: datetime.date | None = None
) -> None:
    """One row per applicant in order of time, comma-separated, UTF-8; an empty cell is missing or not known.

    `approved` is by default the lender's own underwriting, `as_of` by default a day on which every window is over.
    approved and defaulted are 0 or 1; defaulted, outcome_date and months_on_book are filled for known outcomes only.

    Raises:
        OutcomeError: approved is not one bool for each applicant.
    """
    decision = simulation.underwritten if approved is None else approved
    known = simulation.outcomes(decision, as_of or simulation.matures.max().item()).rows
    after: dict[str, list[Any]] = {
        name: [""] * len(simulation) for name in ("defaulted", "outcome_date", "months_on_book")
    }
    for row in known.tolist():
        after["defaulted"][row] = int(simulation.defaulted[row])
        after["outcome_date"][row] = simulation.resolved[row]
        after["months_on_book"][row] = simulation.months_on_book[row]
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(columns())
        dates = np.datetime_as_string(simulation.applied)
        decisions = decision.astype(int).tolist()
        for row, record in enumerate(simulation.records()):
            values = record | {name: cells[row] for name, cells in after.items()}
            values |= {"application_date": dates[row], "approved": decisions[row]}
            writer.writerow([values[name] for name in columns()])
