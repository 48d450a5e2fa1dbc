"""A rehearsal: a bundle decides on simulated applicants, written as the drift monitor reads a history.

Run as `python -m credit_delivery.rehearsal BUNDLE FOLDER`, for bundles of the dataset `simulated`. Judges nothing.
"""

from __future__ import annotations

import argparse
import csv
import datetime
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from credit_contract.applicant import encode
from credit_contract.errors import ContractError
from credit_contract.policy import DECISIONS
from credit_delivery.errors import DeliveryError, ReleaseError
from credit_simulator import Scenario, Simulation, simulate
from scoring_api.model import ServedModel, load

SCENARIO = Scenario(seed=20230101, start="2023-01", months=3, applicants_per_month=2000)
"""The quarter after the portfolio that the dataset `simulated` is made of: no event, so nothing should have drifted."""

MATURED = datetime.date(2100, 1, 1)


def rehearse(bundle: Path, folder: Path, scenario: Scenario = SCENARIO) -> int:
    """Write decisions.csv and outcomes.csv; gives how many decisions.

    Raises:
        BundleError: the bundle is damaged or does not run here.
        ReleaseError: it was not trained on simulated applicants.
    """
    model = load(bundle, "rehearsal")
    dataset = model.bundle.manifest.dataset
    if dataset.name != "simulated":
        raise ReleaseError(f"{bundle} was trained on {dataset.name}; a rehearsal needs a bundle of dataset simulated")
    came = simulate(scenario)
    applicants = came.records()
    pds = model.pd(encode(model.bundle.schema, applicants))
    decisions = model.bundle.policy.decisions(pds)
    folder.mkdir(parents=True, exist_ok=True)
    _write(folder / "decisions.csv", _decisions(model, came, applicants, pds.tolist(), decisions.tolist()))
    _write(folder / "outcomes.csv", _outcomes(came, decisions))
    return len(came)


def _decisions(
    model: ServedModel, came: Simulation, applicants: list[dict[str, Any]], pds: list[float], decisions: list[int]
) -> Iterable[dict[str, Any]]:
    for row, applicant in enumerate(applicants):
        yield {
            "id": _identifier(row),
            "decided_at": f"{came.applied[row]}T12:00:00Z",
            "model_digest": model.bundle.digest,
            "pd": pds[row],
            "decision": DECISIONS[decisions[row]],
            **applicant,
        }


def _outcomes(came: Simulation, decisions: np.ndarray[Any, np.dtype[np.int8]]) -> Iterable[dict[str, Any]]:
    known = came.outcomes(decisions == DECISIONS.index("approve"), MATURED)
    for row, defaulted in zip(known.rows, known.defaulted, strict=True):
        yield {
            "decision_id": _identifier(row),
            "outcome": "defaulted" if defaulted else "paid",
            "recorded_at": f"{came.matures[row]}T12:00:00Z",
        }


def _identifier(row: int) -> str:
    return f"rehearsal-{row:06}"


def _write(path: Path, rows: Iterable[dict[str, Any]]) -> None:
    every = list(rows)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(every[0]))
        writer.writeheader()
        writer.writerows(every)


def main(arguments: Sequence[str] | None = None) -> None:
    """Rehearse one bundle."""
    parser = argparse.ArgumentParser(prog="rehearsal", description="Let a bundle decide on simulated applicants.")
    parser.add_argument("bundle", type=Path)
    parser.add_argument("folder", type=Path)
    chosen = parser.parse_args(arguments)
    try:
        print(f"{chosen.folder}: {rehearse(chosen.bundle, chosen.folder):,} decisions")
    except (ContractError, DeliveryError) as error:
        print(f"rehearsal: {error}", file=sys.stderr)
        sys.exit(1)


if __name__ == "__main__":
    main()
