import json
import threading
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import yaml

from credit_simulator import Event, Scenario
from drift_monitor.cli import main
from drift_monitor.retraining import Ledger, act
from drift_monitor.settings import Retraining
from drift_monitor.trainers import trainer
from tests.drift_monitor.orders import NOW, order

CRON_JOB = {
    "metadata": {"name": "drift-monitor-retrain"},
    "spec": {
        "schedule": "0 0 1 1 *",
        "suspend": True,
        "jobTemplate": {
            "spec": {
                "backoffLimit": 1,
                "template": {
                    "spec": {
                        "restartPolicy": "Never",
                        "containers": [
                            {"name": "retrain", "image": "credit-training:1", "env": [{"name": "A", "value": "1"}]}
                        ],
                    }
                },
            }
        },
    },
}


class StandIn:
    """A local HTTP stand-in for the published interfaces of Kubernetes' batch API and GitHub's dispatches."""

    def __init__(self, refuse=0):
        self.jobs, self.events, self.refuse = [], [], refuse
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                if outer.refuse:
                    self._answer(outer.refuse, {})
                elif "/cronjobs/drift-monitor-retrain" in self.path:
                    self._answer(200, CRON_JOB)
                elif "/namespaces/scoring/jobs" in self.path:
                    self._answer(200, {"items": outer.jobs})
                else:
                    self._answer(404, {})

            def do_POST(self):
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                if outer.refuse:
                    self._answer(outer.refuse, {})
                elif self.path.startswith("/apis/batch/v1/namespaces/scoring/jobs"):
                    outer.jobs.append(body | {"status": {}})
                    self._answer(201, body)
                else:
                    outer.events.append((self.path, self.headers["Authorization"], body))
                    self._answer(204, None)

            def _answer(self, status, document):
                content = b"" if document is None else json.dumps(document).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


@pytest.fixture
def stand_in():
    made = StandIn()
    yield made
    made.server.shutdown()


@pytest.fixture
def cluster(stand_in, tmp_path, monkeypatch):
    """The stand-in as the current context of a kubeconfig."""
    path = tmp_path / "kubeconfig"
    path.write_text(
        yaml.safe_dump(
            {
                "clusters": [{"name": "c", "cluster": {"server": stand_in.url}}],
                "users": [{"name": "u", "user": {"token": "t"}}],
                "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u", "namespace": "scoring"}}],
                "current-context": "x",
            }
        )
    )
    monkeypatch.setenv("KUBECONFIG", str(path))
    monkeypatch.setattr("kubernetes.config.kube_config.KUBE_CONFIG_DEFAULT_LOCATION", str(path))
    return stand_in


def end(job):
    job["status"] = {"conditions": [{"type": "Complete", "status": "True"}]}


def test_a_job_comes_from_the_suspended_cron_job_with_the_order_in_its_environment(cluster):
    settings = Retraining(by="kubernetes")
    ledger = act(order(), Ledger(), settings, trainer(settings), NOW)
    (job,) = cluster.jobs
    assert ledger.entries[0].result == "started"
    assert ledger.entries[0].where == f"job {job['metadata']['name']}"
    container = job["spec"]["template"]["spec"]["containers"][0]
    told = {variable["name"]: variable["value"] for variable in container["env"]}
    assert (container["image"], told["A"]) == ("credit-training:1", "1")
    assert told["RETRAIN_CUT_OFF"] == NOW.isoformat()
    assert told["RETRAIN_CAUSE"] == "model: matured_loss"
    assert (told["RETRAIN_DATASET"], told["RETRAIN_PERFORMANCE_DAYS"]) == ("simulated", "365")


def test_one_cause_starts_one_job_even_when_the_ledger_is_lost(cluster):
    settings = Retraining(by="kubernetes", cool_down_hours=0)
    first = act(order(), Ledger(), settings, trainer(settings), NOW)
    end(cluster.jobs[0])
    assert act(order(), first, settings, trainer(settings), NOW) == first
    forgotten = act(order(), Ledger(), settings, trainer(settings), NOW)
    assert forgotten.entries[0].result == "under way"
    assert len(cluster.jobs) == 1


def test_only_one_job_runs_at_a_time(cluster):
    settings = Retraining(by="kubernetes", cool_down_hours=0)
    first = act(order(), Ledger(), settings, trainer(settings), NOW)
    second = act(order("another"), first, settings, trainer(settings), NOW)
    assert second.entries[-1].result == "under way"
    end(cluster.jobs[0])
    third = act(order("another"), second, settings, trainer(settings), NOW)
    assert third.entries[-1].result == "started"
    assert len(cluster.jobs) == 2


def test_a_new_cause_waits_for_the_cool_down(cluster):
    settings = Retraining(by="kubernetes", cool_down_hours=24)
    first = act(order(), Ledger(), settings, trainer(settings), NOW)
    end(cluster.jobs[0])
    early = act(order("another"), first, settings, trainer(settings), NOW + timedelta(hours=23))
    assert early.entries[-1].result == "cooling down"
    late = act(order("another"), early, settings, trainer(settings), NOW + timedelta(hours=25))
    assert late.entries[-1].result == "started"


def test_what_cannot_be_started_is_in_the_ledger_and_tried_again(cluster):
    settings = Retraining(by="kubernetes", cool_down_hours=24)
    cluster.refuse = 403
    failed = act(order(), Ledger(), settings, trainer(settings), NOW)
    assert failed.entries[-1].result == "failed"
    assert "403" in failed.entries[-1].where
    again = act(order(), failed, settings, trainer(settings), NOW + timedelta(hours=1))
    assert len(again.entries) == 1
    cluster.refuse = 0
    assert act(order(), again, settings, trainer(settings), NOW).entries[-1].result == "started"


def test_a_dry_run_says_what_would_be_started_and_starts_nothing(cluster):
    settings = Retraining(by="dry_run")
    ledger = act(order(), Ledger(), settings, trainer(settings), NOW)
    assert ledger.entries[0].result == "dry run"
    assert cluster.jobs == []


def test_github_gets_the_event_with_the_order(stand_in, monkeypatch):
    monkeypatch.setenv("GITHUB_TOKEN", "secret")
    settings = Retraining(by="github", repository="bank/scoring", github_api=stand_in.url)
    ledger = act(order(), Ledger(), settings, trainer(settings), NOW)
    ((path, authorisation, body),) = stand_in.events
    assert ledger.entries[0].result == "started"
    assert (path, authorisation) == ("/repos/bank/scoring/dispatches", "Bearer secret")
    assert body["event_type"] == "retrain"
    assert body["client_payload"]["cause"] == "model: matured_loss"
    assert "secret" not in ledger.model_dump_json()


def test_github_is_told_in_words_that_outcomes_are_known_at_once(stand_in, monkeypatch):
    monkeypatch.setenv("GITHUB_TOKEN", "t")
    settings = Retraining(by="github", repository="bank/scoring", github_api=stand_in.url)
    act(order(performance_days=0), Ledger(), settings, trainer(settings), NOW)
    ((_, _, body),) = stand_in.events
    assert body["client_payload"]["performance_days"] == "0"  # `${{ 0 || '365' }}` is 365, `${{ '0' || '365' }}` is 0


def test_github_that_refuses_is_in_the_ledger(stand_in, monkeypatch):
    monkeypatch.setenv("GITHUB_TOKEN", "t")
    stand_in.refuse = 401
    settings = Retraining(by="github", repository="bank/scoring", github_api=stand_in.url)
    entry = act(order(), Ledger(), settings, trainer(settings), NOW).entries[0]
    assert entry.result == "failed"
    assert "401" in entry.where


def test_windows_of_the_same_trouble_start_one_run(portfolio, tmp_path, cluster):
    shift = Event(kind="concept_shift", start=0)
    scenario = Scenario(seed=16, start="2021-01", months=15, applicants_per_month=2000, events=(shift,))
    files = portfolio.decide(portfolio, scenario, tmp_path / "history")
    command = [
        f"bundles=[{portfolio.bundle.path}]", f"files.decisions={files.decisions}", f"files.outcomes={files.outcomes}",
        f"reports.folder={tmp_path / 'reports'}", "reports.sample=0", "windows.every=month", "retraining.by=kubernetes",
    ]  # fmt: skip
    called = []
    for month in (1, 2, 3, 4):
        called.append(main(["run", "--to", f"2022-{month:02}-01", *command]))
        if cluster.jobs:
            end(cluster.jobs[0])
    assert called == [0, 3, 3, 3]
    assert len(cluster.jobs) == 1
    ledger = json.loads((tmp_path / "reports" / "retraining.json").read_text())
    assert [entry["result"] for entry in ledger["entries"]] == ["started"]


def test_a_run_without_new_windows_starts_what_could_not_be_started_before(portfolio, tmp_path, cluster):
    shift = Event(kind="concept_shift", start=0)
    scenario = Scenario(seed=16, start="2021-01", months=14, applicants_per_month=1500, events=(shift,))
    files = portfolio.decide(portfolio, scenario, tmp_path / "history")
    command = [
        f"bundles=[{portfolio.bundle.path}]", f"files.decisions={files.decisions}", f"files.outcomes={files.outcomes}",
        f"reports.folder={tmp_path / 'reports'}", "reports.sample=0", "windows.every=month", "retraining.by=kubernetes",
    ]  # fmt: skip
    cluster.refuse = 503
    assert main(["run", "--from", "2022-02-01", "--to", "2022-03-01", *command]) == 3
    cluster.refuse = 0
    assert main(["run", "--to", "2022-03-02", *command]) == 0
    assert len(cluster.jobs) == 1
    ledger = json.loads((tmp_path / "reports" / "retraining.json").read_text())
    assert [entry["result"] for entry in ledger["entries"]] == ["failed", "started"]
