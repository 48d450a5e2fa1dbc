"""What the monitor is for, lived through once: a month as ever, two of a downturn, `retrain`, and a new candidate.

Run as `python -m credit_delivery.downturn BUNDLE FOLDER`; FOLDER is emptied first. A scripted scene, nobody's history:
simulated people come with the simulator's shock; others are a hold-out's, drawn anew, and what becomes of them is drawn
too, as the model says, but worse for those whom the downturn strikes.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from sqlalchemy.exc import SQLAlchemyError

from credit_contract.applicant import Encoded, encode
from credit_contract.bundle import Bundle
from credit_contract.decision import ChainHead, DecisionRecord, Provenance
from credit_contract.errors import ContractError
from credit_contract.policy import DECISIONS
from credit_contract.schema import FeatureSchema
from credit_delivery import holdout
from credit_delivery.errors import DeliveryError
from credit_delivery.holdout import Holdout
from credit_simulator import Event, Scenario, simulate
from scoring_api.journal import Entry, tables
from scoring_api.journal.engine import open_engine
from scoring_api.journal.rows import Rows
from scoring_api.journal.store import Store
from scoring_api.model import ServedModel, load

MONTHS = tuple(datetime(2026, month, 1, tzinfo=UTC) for month in (1, 2, 3, 4))
"""First moments of three months, and of the one after."""
APPLICANTS = (2000, 6000, 3000)
KNOWN_AFTER_DAYS = 28
"""Outcomes, whatever the portfolio, and those of the declined too, as a bureau would tell them."""
SPARED, STRUCK = 0.4, 6.0
"""How many times their odds of default are, in the downturn, of those whom it spares most and strikes hardest."""
IN_CRISIS = ("sba",)
"""Whose hold-out is a crisis already: of its people what is known became of them, in every month."""
SHOCK = Scenario(
    seed=20260101, start="2026-01", months=3, applicants_per_month=6000, events=(Event(kind="concept_shift", start=1),)
)
ENDED = {"sba": "low_doc"}
"""Fields that are constant since a programme ended: the monitor calls that a failure until somebody says so."""
RETRAIN = 3
"""What `drift-monitor run` ends with then."""
GATE_FAILED = 3
"""What `credit-train run` ends with where its gates refuse the model."""
REFUSED = "no candidate: gates refused the retrained model (`gates failed`, above, names them), and the champion stays"


@dataclass(frozen=True, slots=True)
class Stream:
    """n applicants, in order of time: their fields and protected attributes, whether they defaulted, when they came."""

    people: Sequence[Mapping[str, Any]]
    bad: npt.NDArray[np.bool_]
    at: Sequence[datetime]


def lived(model: ServedModel, rebuild: holdout.Rebuild) -> Stream:
    """The three months of a model's own portfolio.

    Raises:
        DeliveryError: the hold-out cannot be rebuilt, or the bundle does not take everybody in it.
    """
    bundle = model.bundle
    if bundle.schema.dataset == "simulated":
        return of_simulator(SHOCK)
    return of_holdout(model, rebuild(bundle.manifest.dataset), APPLICANTS, seed=1)


def of_holdout(model: ServedModel, known: Holdout, applicants: Sequence[int], seed: int) -> Stream:
    """`applicants` by month, drawn from a hold-out as they are.

    Somebody defaults with the PD that the model gives; from the second month on the odds are `SPARED` to `STRUCK` times
    that, which can be told from two fields together.

    Raises:
        DeliveryError: the model does not take everybody in it.
    """
    schema = model.bundle.schema
    people = known.people(schema)
    rng, at = np.random.default_rng(seed), _moments(applicants)
    rows = rng.integers(len(people), size=len(at))
    if schema.dataset in IN_CRISIS:
        bad = known.target[rows] == 1
    else:
        encoded = encode(schema, people)
        pd = model.pd(encoded)[rows].astype(np.float64)
        worse = SPARED * (STRUCK / SPARED) ** _struck(schema, encoded)[rows]
        odds = pd / (1 - pd) * np.where(np.arange(len(at)) < applicants[0], 1.0, worse)
        bad = rng.random(len(at)) < odds / (1 + odds)
    return Stream([people[row] for row in rows], bad, at)


def of_simulator(scenario: Scenario) -> Stream:
    """Three months of a scenario."""
    came = simulate(scenario)
    months = np.unique(came.applied.astype("datetime64[M]"), return_counts=True)[1]
    return Stream(came.records(), came.defaulted, _moments(months.tolist()))


def decide(model: ServedModel, stream: Stream, journal: Path) -> None:
    """Write a journal as the scoring API would have kept it, with everybody's outcome."""
    bundle = model.bundle
    pds = model.pd(encode(bundle.schema, stream.people))
    decisions = bundle.policy.decisions(pds)
    entries, outcomes = [], []
    for place, (person, at) in enumerate(zip(stream.people, stream.at, strict=True)):
        record = _record(f"downturn-{place:06}", at, model, float(pds[place]), decisions[place])
        values, attributes = _told(bundle.schema, person)
        entries.append(Entry(record, values, attributes))
        known = at + timedelta(days=KNOWN_AFTER_DAYS)
        outcome = {"decision_id": record.id, "outcome": "defaulted" if stream.bad[place] else "paid"}
        outcomes.append({**outcome, "happened_on": known.date(), "recorded_at": tables.written(known)})
    engine = open_engine(f"sqlite:///{journal}")
    rows = Rows.empty()
    rows.chain_heads.append(rows.seal(ChainHead("downturn"), entries, None))
    Store(engine).write(rows)
    with engine.begin() as connection:
        connection.execute(tables.outcomes.insert(), outcomes)
    engine.dispose()


def judge(bundle: Bundle, folder: Path) -> int:
    """Let the drift monitor judge the three months and retrain; gives its exit code. Files stay below `folder`."""
    beside = Path(sys.executable).parent
    settings = [
        f"bundles=[{bundle.path}]",
        f"limits.constant_fields=[{ENDED.get(bundle.schema.dataset, '')}]",
        "windows.every=month",
        f"performance.days={KNOWN_AFTER_DAYS}",
        f"reports.folder={folder / 'reports'}",
        "retraining.by=process",
        f"retraining.command=[{beside / 'credit-train'}, run, dataset=journal]",
    ]
    period = ["--from", f"{MONTHS[0]:%Y-%m-%d}", "--to", f"{MONTHS[-1]:%Y-%m-%d}"]
    command = [str(beside / "drift-monitor"), "run", *period, *settings]
    return subprocess.run(command, env=surroundings(folder), check=False).returncode  # noqa: S603


def surroundings(folder: Path) -> dict[str, str]:
    """The environment of monitor and retraining: what a made-up downturn teaches must not become the candidate that is
    released, so they have a home and, whatever MLFLOW_TRACKING_URI says, a tracking store of their own.
    """
    kept = {name: value for name, value in os.environ.items() if name != "MLFLOW_TRACKING_URI"}
    return kept | {"JOURNAL_URL": f"sqlite:///{folder.resolve() / 'journal.sqlite'}", "CREDIT_HOME": str(folder)}


def retrained(folder: Path, dataset: str) -> Path | None:
    """The bundle of the model that the monitor had retrained; None where the gates refused it, as they may.

    Raises:
        DeliveryError: the retraining broke off.
    """
    candidate = folder / "bundles" / dataset / "candidate"
    if candidate.exists():
        return candidate.resolve()
    last = json.loads((folder / "reports" / "retraining.json").read_text(encoding="utf-8"))["entries"][-1]
    if not last["where"].endswith(f"exit code {GATE_FAILED}"):
        raise DeliveryError(f"no model was retrained: {last['where']}; what it said is above")
    return None


def _struck(schema: FeatureSchema, people: Encoded) -> npt.NDArray[np.float64]:
    """How hard the downturn strikes each of the people, 0 to 1: their rank in the first number whose direction the
    schema leaves open, from above for the commonest category of the first field that has some, from below for the rest.

    So it strikes who has been to a university and owes much, or has not and owes little (taiwan), and no field alone
    tells it: a model has to learn the two together.
    """
    column = next(place for place, field in enumerate(schema.number_fields) if field.monotone is None)
    rank = np.argsort(np.argsort(people.numbers[:, column], kind="stable")) / len(people.numbers)
    found, counts = np.unique(people.categories[:, 0], return_counts=True)
    return np.where(people.categories[:, 0] == found[np.argmax(counts)], rank, 1 - rank)


def _moments(applicants: Sequence[int]) -> list[datetime]:
    spans = zip(MONTHS, MONTHS[1:], applicants, strict=False)
    return [start + (end - start) * place / come for start, end, come in spans for place in range(come)]


def _told(schema: FeatureSchema, person: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """What the journal keeps of an applicant: scored values, and protected attributes apart."""
    scored = {field.name: person.get(field.name) for field in schema.scored_fields}
    names = [field.name for field in schema.unscored_fields if field.role == "protected"]
    return scored, {name: person[name] for name in names if person.get(name) is not None}


def _record(name: str, at: datetime, model: ServedModel, pd: float, decision: int) -> DecisionRecord:
    policy, digest = model.bundle.policy, model.bundle.digest
    origin = Provenance(name, tables.written(at), "downturn", None, model.tag, digest, policy.version, "", "", "")
    return DecisionRecord(
        name, origin, pd, policy.score(pd), DECISIONS[decision], policy.band(pd), (), fields_not_scored=(), latency_us=0
    )


def main(arguments: Sequence[str] | None = None) -> None:
    """Live through it, and say what came of it."""
    parser = argparse.ArgumentParser(prog="downturn", description="A downturn, the monitor's verdict, a new candidate.")
    parser.add_argument("bundle", type=Path)
    parser.add_argument("folder", type=Path)
    chosen = parser.parse_args(arguments)
    folder: Path = chosen.folder
    try:
        model = load(chosen.bundle, "candidate")
        dataset = model.bundle.schema.dataset
        stream = lived(model, holdout.source(Path()))
        shutil.rmtree(folder, ignore_errors=True)
        decide(model, stream, folder / "journal.sqlite")
    except (ContractError, DeliveryError) as error:
        sys.exit(f"downturn: {error}")
    except (OSError, SQLAlchemyError) as error:
        why = str(error).partition("\n")[0]
        sys.exit(f"downturn: cannot write {folder}: {why}; free space, or name a folder that can be written")
    print(f"\nThree months of {dataset}, {len(stream.people):,} decisions; from the second on a downturn", flush=True)
    if (code := judge(model.bundle, folder)) != RETRAIN:
        sys.exit(f"downturn: the monitor was to say retrain ({RETRAIN}), and ended with {code}")
    try:
        candidate = retrained(folder, dataset)
    except DeliveryError as error:
        sys.exit(f"downturn: {error}")
    print("\nWhat came of it")
    for path in sorted((folder / "reports").glob("*/report.html"))[-1:]:
        print(f"  {path}")
    print(f"  {candidate or REFUSED}")


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
