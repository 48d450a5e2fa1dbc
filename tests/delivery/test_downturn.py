import json
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from credit_contract.applicant import encode
from credit_delivery.downturn import decide, main, of_holdout, of_simulator, retrained, surroundings
from credit_delivery.errors import DeliveryError
from credit_simulator import SCHEMA, Event, Scenario, simulate
from credit_training.cli import GATE_FAILED
from drift_monitor.cli import main as drift_monitor
from drift_monitor.retraining import act
from drift_monitor.settings import Retraining
from drift_monitor.store import ReportStore
from drift_monitor.trainers import Order, Process
from scoring_api.journal.engine import open_engine
from scoring_api.journal.verify import Verification
from scoring_api.model import load
from tests.github.test_rehearsal import bundle

from .test_crowd import known

SHOCK = Scenario(
    seed=3, start="2026-01", months=3, applicants_per_month=300, events=(Event(kind="concept_shift", start=1),)
)


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    model = load(bundle(tmp_path), "candidate")
    decide(model, of_simulator(SHOCK), tmp_path / "journal.sqlite")
    return tmp_path / "journal.sqlite"


def test_a_downturn_is_a_journal_whose_chain_holds(journal: Path) -> None:
    engine = open_engine(f"sqlite:///{journal}")
    with engine.connect() as connection:
        verification = Verification(connection, None)
        assert list(verification) == []
        assert verification.decisions == 900
    engine.dispose()


def test_the_monitor_sees_its_months_with_outcomes_a_month_later(
    journal: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JOURNAL_URL", f"sqlite:///{journal}")
    drift_monitor(
        ["run", "--from", "2026-01-01", "--to", "2026-04-01", "windows.every=month", "performance.days=28",
         f"bundles=[{tmp_path / 'bundle'}]", "reports.sample=0", "retraining.by=nothing",
         f"reports.folder={tmp_path / 'reports'}"]
    )  # fmt: skip
    verdicts = [json.loads(path.read_text()) for path in sorted((tmp_path / "reports").glob("*/verdict.json"))]
    assert [verdict["decisions"] for verdict in verdicts] == [300, 300, 300]
    before, after = (verdict["maturity"]["realised"]["default_rate"] for verdict in verdicts[1:])
    assert after > before
    assert {row["attribute"] for row in verdicts[0]["fairness"]} == {"age", "sex"}


def ordered(folder: Path, code: int) -> None:
    """The monitor orders a retraining, which ends with an exit code."""
    at = datetime(2026, 4, 1, tzinfo=UTC)
    told = {"dataset": "toy", "performance_days": 28, "window": "w", "because": "retrain: x"}
    order = Order(cause="c", model_digest="a" * 64, cut_off=at, **told)
    reports = ReportStore(str(folder / "reports"))
    reports.write_ledger(act(order, reports.ledger(), Retraining(), Process(("sh", "-c", f"exit {code}")), at))


def test_a_retrained_model_is_the_candidate_unless_gates_refuse_it(tmp_path: Path) -> None:
    ordered(tmp_path, GATE_FAILED)
    assert retrained(tmp_path, "toy") is None
    bundle = tmp_path / "bundles" / "toy" / "digest"
    bundle.mkdir(parents=True)
    bundle.with_name("candidate").symlink_to(bundle.name)
    assert retrained(tmp_path, "toy") == bundle


def test_a_retraining_that_broke_off_is_an_error(tmp_path: Path) -> None:
    ordered(tmp_path, 1)
    with pytest.raises(DeliveryError, match=r"no model was retrained: .* exit code 1;"):
        retrained(tmp_path, "toy")


def test_what_a_downturn_teaches_stays_out_of_a_shared_registry(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://tracking.example")
    given = surroundings(tmp_path)
    assert "MLFLOW_TRACKING_URI" not in given
    assert given["CREDIT_HOME"] == str(tmp_path)


def test_a_folder_that_cannot_be_written_is_named_in_one_line(tmp_path: Path) -> None:
    toy = bundle(tmp_path)
    (tmp_path / "file").write_text("where a folder belongs")
    with pytest.raises(SystemExit, match=r"^downturn: cannot write .*file/below: .*; free space, or name a folder"):
        main([str(toy), str(tmp_path / "file" / "below")])


def test_a_downturn_comes_in_order_of_time() -> None:
    stream = of_simulator(SHOCK)
    assert list(stream.at) == sorted(stream.at)
    assert np.mean(stream.bad[300:]) > np.mean(stream.bad[:300])


def test_what_becomes_of_people_is_what_the_model_says_until_a_downturn_that_two_fields_tell(tmp_path: Path) -> None:
    model = load(bundle(tmp_path), "candidate")
    people = simulate(SHOCK.model_copy(update={"events": ()})).records()
    stream = of_holdout(model, known(SCHEMA, people, model.bundle.manifest.dataset), (4000, 8000), seed=1)
    said = model.pd(encode(SCHEMA, stream.people))
    later = np.arange(12_000) >= 4000
    assert np.mean(stream.bad[~later]) == pytest.approx(np.mean(said[~later]), abs=0.02)
    category = SCHEMA.category_fields[0].name
    number = next(field.name for field in SCHEMA.number_fields if field.monotone is None)
    named, counts = np.unique([person[category] for person in stream.people], return_counts=True)
    common = np.array([person[category] == named[np.argmax(counts)] for person in stream.people])
    value = np.array([person[number] for person in stream.people], dtype=float)
    high = value > np.median(value)
    worse = {
        (of, above): np.mean(stream.bad[who]) - np.mean(said[who])
        for of in (True, False)
        for above in (True, False)
        for who in [later & (common == of) & (high == above)]
    }
    assert min(worse[True, True], worse[False, False]) > max(worse[True, False], worse[False, True], 0)
