import json
import secrets
from datetime import UTC, datetime

import pandas as pd
import pytest
from sqlalchemy import create_engine, delete

from credit_simulator import Scenario
from drift_monitor.cli import main
from drift_monitor.journal import any_decided
from scoring_api.journal.tables import applicants, decisions, metadata, outcomes
from tests.drift_monitor.recorded import fill

PERIOD = ["--from", "2022-01-01", "--to", "2022-02-01"]


@pytest.fixture(params=["sqlite", "postgresql"])
def address(request, tmp_path):
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'journal.db'}"
    return request.getfixturevalue("running_cluster").make_database(f"m{secrets.token_hex(6)}")


@pytest.fixture
def history(portfolio, tmp_path):
    scenario = Scenario(seed=13, start="2021-01", months=13, applicants_per_month=600)
    return portfolio.decide(portfolio, scenario, tmp_path / "history")


def run(portfolio, folder, *overrides, period=PERIOD):
    code = main(
        [
            "run",
            *period,
            f"bundles=[{portfolio.bundle.path}]",
            f"reports.folder={folder}",
            "reports.sample=0",
            "windows.every=month",
            *overrides,
        ]
    )
    return code, [json.loads(path.read_text()) for path in folder.glob("*/verdict.json")]


def test_the_journal_and_files_give_the_same_verdict(portfolio, history, address, tmp_path, monkeypatch):
    fill(address, history).dispose()
    monkeypatch.setenv("JOURNAL_URL", address)
    code, from_journal = run(portfolio, tmp_path / "a")
    files = [f"files.decisions={history.decisions}", f"files.outcomes={history.outcomes}"]
    assert (code, from_journal) == run(portfolio, tmp_path / "b", *files)
    (verdict,) = from_journal
    assert verdict["maturity"]["realised"]["outcomes"] > 300
    assert {row["attribute"] for row in verdict["fairness"]} == {"sex", "age"}


def test_a_journal_tells_whether_a_known_model_decided(portfolio, address, tmp_path):
    scenario = Scenario(seed=13, start="2022-01", months=1, applicants_per_month=100)
    fill(address, portfolio.decide(portfolio, scenario, tmp_path / "history")).dispose()
    january, february, march = (datetime(2022, month, 1, tzinfo=UTC) for month in (1, 2, 3))
    assert any_decided(address, [portfolio.bundle.digest], january, february)
    assert not any_decided(address, [portfolio.bundle.digest], february, march)
    assert not any_decided(address, ["f" * 64], january, february)


@pytest.mark.parametrize("days", [0, 365])
def test_a_journal_too_knows_since_when_nobody_decides(portfolio, address, tmp_path, monkeypatch, days):
    scenario = Scenario(seed=13, start="2022-01", months=1, applicants_per_month=100)
    history = portfolio.decide(portfolio, scenario, tmp_path / "history")
    fill(address, history).dispose()
    monkeypatch.setenv("JOURNAL_URL", address)
    day = ["--from", "2022-02-03", "--to", "2022-02-04"]
    overrides = ["windows.every=day", f"performance.days={days}"]
    code, (verdict,) = run(portfolio, tmp_path / "a", *overrides, period=day)
    assert (code, round(verdict["findings"][0]["value"])) == (4, 96)
    files = [f"files.decisions={history.decisions}", f"files.outcomes={history.outcomes}"]
    assert (code, [verdict]) == run(portfolio, tmp_path / "b", *overrides, *files, period=day)


def test_before_the_first_outcome_a_journal_is_judged_without(portfolio, history, address, tmp_path, monkeypatch):
    history.known = history.known.head(1)
    engine = fill(address, history)
    with engine.begin() as connection:
        connection.execute(delete(outcomes))
    engine.dispose()
    monkeypatch.setenv("JOURNAL_URL", address)
    code, (verdict,) = run(portfolio, tmp_path / "a")
    assert (code, verdict["decisions"], verdict["maturity"]["realised"]) == (0, 600, None)


def test_a_late_outcome_of_an_old_decision_is_no_outcome_of_nobody(portfolio, history, address, tmp_path, monkeypatch):
    old = history.table.index < 40
    decided = history.table.decided_at.where(
        ~old, pd.Timestamp("2018-06-01") + pd.to_timedelta(history.table.index, "h")
    )
    history.table = history.table.assign(decided_at=decided)
    late = history.known.decision_id.isin(history.table.id[old])
    recorded = history.known.recorded_at.where(~late, pd.Timestamp("2022-01-10"))
    history.known = history.known.assign(recorded_at=recorded)
    fill(address, history).dispose()
    monkeypatch.setenv("JOURNAL_URL", address)
    _, (verdict,) = run(portfolio, tmp_path / "a")
    assert late.sum() > 20
    assert (verdict["decisions"], verdict["unknown_outcomes"]) == (600, 0)


def test_the_golden_check_decides_on_nobody(portfolio, history, address, tmp_path, monkeypatch):
    engine = fill(address, history)
    asked = decisions.c.id.in_(history.table.id[-600::3])
    with engine.begin() as connection:
        connection.execute(decisions.update().where(asked).values(caller="golden-check"))
    engine.dispose()
    monkeypatch.setenv("JOURNAL_URL", address)
    _, (verdict,) = run(portfolio, tmp_path / "a")
    assert verdict["decisions"] == 400


def test_what_retention_erased_is_no_drift(portfolio, history, address, tmp_path, monkeypatch):
    engine = fill(address, history)
    erased = [name for name in history.table.id[-600:] if int(name[1:]) % 3 == 0]
    with engine.begin() as connection:
        connection.execute(delete(applicants).where(applicants.c.decision_id.in_(erased)))
    engine.dispose()
    monkeypatch.setenv("JOURNAL_URL", address)
    code, (verdict,) = run(portfolio, tmp_path / "a")
    assert (code, verdict["decisions"]) == (0, 600)
    assert all(shift["missing"] < 0.9 for shift in verdict["shifts"])


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("sqlite:////nowhere/journal.db", "not there"),
        ("postgresql://monitor:hunter2@127.0.0.1:1/journal", "cannot be read"),
        ("mysql://monitor:hunter2@localhost/journal", "JOURNAL_URL must be"),
        ("postgresql://monitor@host:hunter2/journal", "JOURNAL_URL must be"),
        ("sqlite://", "JOURNAL_URL must be"),
    ],
)
def test_a_journal_that_is_away_is_one_line_without_secrets(portfolio, tmp_path, monkeypatch, capsys, address, said):
    monkeypatch.setenv("JOURNAL_URL", address)
    assert run(portfolio, tmp_path / "a") == (2, [])
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1
    assert "hunter2" not in error


def test_a_database_that_is_no_journal_is_refused(portfolio, tmp_path, monkeypatch, capsys):
    engine = create_engine(f"sqlite:///{tmp_path / 'other.db'}")
    metadata.tables["erasures"].create(engine)
    engine.dispose()
    monkeypatch.setenv("JOURNAL_URL", f"sqlite:///{tmp_path / 'other.db'}")
    assert run(portfolio, tmp_path / "a")[0] == 2
    assert "decisions" in capsys.readouterr().err


def test_the_monitor_needs_a_source(portfolio, tmp_path, monkeypatch, capsys):
    monkeypatch.delenv("JOURNAL_URL", raising=False)
    assert run(portfolio, tmp_path / "a")[0] == 2
    assert "JOURNAL_URL" in capsys.readouterr().err


def test_nothing_is_written_to_the_journal(portfolio, history, tmp_path, monkeypatch):
    path = tmp_path / "journal.db"
    fill(f"sqlite:///{path}", history).dispose()
    monkeypatch.setenv("JOURNAL_URL", f"sqlite:///{path}")
    before = path.read_bytes()
    run(portfolio, tmp_path / "a")
    assert path.read_bytes() == before
