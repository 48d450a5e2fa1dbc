import itertools
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from credit_contract.applicant import check, encode
from credit_contract.bundle import DatasetVersion
from credit_contract.schema import FeatureSchema
from credit_delivery.cluster.traffic import applicants
from credit_delivery.crowd import PER_MONTH, whole
from credit_delivery.downturn import Stream, decide
from credit_delivery.holdout import Holdout, read, source
from credit_simulator import SCHEMA, Scenario, simulate
from drift_monitor.cli import main as drift_monitor
from scoring_api.model import ServedModel, load
from tests.github.test_rehearsal import bundle

from .world import World

YEAR = 12 * PER_MONTH
LIVED = Scenario(seed=4, start="2022-07", months=6, applicants_per_month=500)


def known(schema: FeatureSchema, people: list[dict[str, Any]], dataset: DatasetVersion) -> Holdout:
    """These people as a hold-out."""
    encoded = encode(schema, people)
    numbers = {field.name: encoded.numbers[:, place].astype(float) for place, field in enumerate(schema.number_fields)}
    columns = {
        field.name: np.array(["" if one[field.name] is None else str(one[field.name]) for one in people])
        for field in schema.fields
        if field.kind == "category"
    }
    for field in schema.unscored_fields:
        if field.kind != "category":
            numbers[field.name] = np.array([one.get(field.name) or np.nan for one in people], dtype=float)
    target = np.zeros(len(people), dtype=np.int8)
    return Holdout(dataset, numbers, columns, columns, target, np.ones(len(people)))


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> ServedModel:
    return load(bundle(tmp_path_factory.mktemp("model"), "lender"), "candidate")


@pytest.fixture(scope="module")
def holdout(model: ServedModel) -> Holdout:
    return known(SCHEMA, simulate(LIVED).records(), model.bundle.manifest.dataset)


def verdicts(model: ServedModel, coming: Iterator[dict[str, Any]], days: list[int], folder: Path) -> list[str]:
    """What the monitor says of days with so many decisions each."""
    began = datetime(2026, 3, 1, tzinfo=UTC)
    at = [
        began + timedelta(days=day, seconds=86_000 * place / count)
        for day, count in enumerate(days)
        for place in range(count)
    ]
    people = list(itertools.islice(coming, len(at)))
    decide(model, Stream(people, np.zeros(len(at), dtype=np.bool_), at), folder / "journal.sqlite")
    ends = began + timedelta(days=len(days))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("JOURNAL_URL", f"sqlite:///{folder / 'journal.sqlite'}")
        drift_monitor(
            ["run", "--from", f"{began:%Y-%m-%d}", "--to", f"{ends:%Y-%m-%d}", "windows.every=day",
             f"bundles=[{model.bundle.path}]", "reports.sample=0", "retraining.by=nothing",
             f"reports.folder={folder / 'reports'}"]
        )  # fmt: skip
    return [json.loads(path.read_text())["verdict"] for path in sorted((folder / "reports").glob("*/verdict.json"))]


def test_a_monitor_calls_whole_people_ok_in_a_day_of_one_season_and_of_a_year(
    model: ServedModel, holdout: Holdout, tmp_path: Path
) -> None:
    assert verdicts(model, whole(model, holdout, 0, 1), [PER_MONTH, YEAR], tmp_path) == ["ok", "ok"]


def test_a_shift_of_whole_people_is_seen(model: ServedModel, holdout: Holdout, tmp_path: Path) -> None:
    assert verdicts(model, whole(model, holdout, 2, 1), [PER_MONTH], tmp_path) != ["ok"]


def test_risk_moves_with_the_season_and_comes_back(model: ServedModel, holdout: Holdout) -> None:
    years = list(itertools.islice(whole(model, holdout, 0, 1), 8 * YEAR))
    pds = model.pd(encode(SCHEMA, years)).reshape(8, 12, PER_MONTH).mean(axis=(0, 2))
    assert np.argmin(pds) in {5, 6, 7}
    assert np.argmax(pds) in {11, 0, 1}


def test_people_come_as_they_are(released: World) -> None:
    asked = load(released.root / "var/releases/a", "a")
    there = read(released.holdout, released.dataset)
    schema = asked.bundle.schema
    people = list(itertools.islice(applicants(asked, released.rebuild, 0, 1), 500))
    check(schema, people)
    every = {json.dumps(person, sort_keys=True) for person in there.people(schema)}
    assert {json.dumps(person, sort_keys=True) for person in people} <= every
    assert {person["sex"] for person in people} == {"f", "m"}


def test_without_the_data_fields_are_drawn_and_it_says_so(
    released: World, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = load(released.root / "var/releases/a", "a")
    nowhere = source(released.root, tmp_path / "absent.npz")
    check(asked.bundle.schema, list(itertools.islice(applicants(asked, nowhere, 0, 1), 50)))
    said = capsys.readouterr().err
    assert "each field is drawn by itself" in said
    assert "absent.npz" in said
