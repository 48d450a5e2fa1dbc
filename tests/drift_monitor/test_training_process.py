import json
import signal
import subprocess
import sys
from datetime import datetime, timedelta
from pathlib import Path

import pandas as pd

from credit_simulator import Event, Scenario
from drift_monitor.cli import main
from drift_monitor.retraining import Ledger, act
from drift_monitor.settings import Retraining
from drift_monitor.store import ReportStore
from drift_monitor.trainers import trainer
from tests.drift_monitor.lender import ONE_MONTH, Lender
from tests.drift_monitor.orders import NOW, order
from tests.drift_monitor.recorded import fill


def test_without_a_cluster_a_process_is_started_with_the_order(tmp_path):
    path = tmp_path / "told"
    script = f"import os, pathlib; pathlib.Path({str(path)!r}).write_text(os.environ['RETRAIN_CUT_OFF'])"
    settings = Retraining(by="process", command=(sys.executable, "-c", script))
    assert act(order(), Ledger(), settings, trainer(settings), NOW).entries[0].result == "started"
    assert path.read_text() == NOW.isoformat()


def test_a_process_that_cannot_be_started_is_in_the_ledger():
    settings = Retraining(by="process", command=("no-such-program",))
    assert act(order(), Ledger(), settings, trainer(settings), NOW).entries[0].result == "failed"


def test_a_training_ends_with_the_monitor_that_waits_for_it(portfolio, tmp_path):
    lender = Lender(portfolio, tmp_path)
    lender.decisions.drop(columns="card_utilisation").to_parquet(lender.files.decisions)
    (tmp_path / "table.yaml").write_text("version: 1\nrules: [{when: [quality], verdict: retrain}]\n")
    reports = tmp_path / "reports"
    command = [
        sys.executable, "-m", "drift_monitor", "run", *ONE_MONTH, f"bundles=[{portfolio.bundle.path}]",
        f"files.decisions={lender.files.decisions}", f"reports.folder={reports}", "reports.sample=0",
        "windows.every=month", f"verdict_table={tmp_path / 'table.yaml'}", "retraining.by=process",
        "retraining.command=[sh, -c, 'echo training; sleep 600 & wait']",
    ]  # fmt: skip
    monitor = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert "training\n" in iter(monitor.stdout.readline, "")
        monitor.send_signal(signal.SIGTERM)
        monitor.communicate(timeout=60)  # until nobody holds the pipe any more: neither the training nor its own child
    finally:
        monitor.kill()
    assert monitor.returncode == 128 + signal.SIGTERM
    assert not (reports / "retraining.json").exists()
    with ReportStore(str(reports)).locked():
        pass


def test_a_process_whose_model_fails_its_gates_is_not_run_again_for_the_same_cause(tmp_path):
    ran = tmp_path / "ran"
    script = f"open({str(ran)!r}, 'a').write('x'); raise SystemExit(3)"
    settings = Retraining(by="process", command=(sys.executable, "-c", script), cool_down_hours=0)
    ledger = act(order(), Ledger(), settings, trainer(settings), NOW)
    assert act(order(), ledger, settings, trainer(settings), NOW + timedelta(days=1)) == ledger
    assert "exit code 3" in ledger.entries[0].where
    assert ran.read_text() == "x"


def test_a_process_learns_from_the_journal_up_to_the_cut_off(portfolio, tmp_path, monkeypatch):
    shift = Event(kind="concept_shift", start=0)
    scenario = Scenario(seed=16, start="2021-01", months=15, applicants_per_month=800, events=(shift,))
    files = portfolio.decide(portfolio, scenario, tmp_path / "history")
    address = f"sqlite:///{tmp_path / 'journal.db'}"
    fill(address, files)
    monkeypatch.setenv("JOURNAL_URL", address)
    monkeypatch.setenv("CREDIT_HOME", str(tmp_path / "home"))
    learns = f"[{Path(sys.executable).with_name('credit-train')}, data, dataset=journal]"
    command = [
        f"bundles=[{portfolio.bundle.path}]", f"reports.folder={tmp_path / 'reports'}", "reports.sample=0",
        "windows.every=month", "retraining.by=process", f"retraining.command={learns}",
    ]  # fmt: skip
    assert main(["run", "--from", "2022-02-01", "--to", "2022-03-01", *command]) == 3
    ledger = json.loads((tmp_path / "reports" / "retraining.json").read_text())
    assert [entry["result"] for entry in ledger["entries"]] == ["started"]
    (table,) = (tmp_path / "home" / "data" / "processed").glob("simulated-journal-*.parquet")
    learned = pd.read_parquet(table)
    complete = files.table["decided_at"] < "2021-03-01"
    told = files.known["decision_id"][files.known["recorded_at"] < "2022-03-01"]
    assert len(learned) == (complete & files.table["id"].isin(told)).sum() > 500
    assert learned["_time"].max() < datetime(2021, 3, 1)  # noqa: DTZ001 the journal's days are UTC
