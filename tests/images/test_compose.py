import json
import operator
import os
import subprocess
from collections.abc import Callable, Iterator

import pytest

from credit_contract.bundle import Bundle
from credit_delivery.dashboards.files import Query, queries
from credit_delivery.dashboards.prometheus import faults

from .conftest import ROOT, get, wait_until

Compose = Callable[..., str]
# Only a cluster can say: pods of an autoscaler, and the model that git names. Made-up applicants belong to no group.
NOT_HERE = ("kube_", "namespace:scoring_api_model_named:info", "drift_monitor_adverse_impact_ratio")


@pytest.fixture(scope="module")
def compose(bundle: Bundle) -> Iterator[Compose]:
    ports = {f"{name}_PORT": "0" for name in ("SCORING_API", "DRIFT_MONITOR", "PROMETHEUS")}
    environment = os.environ | ports | {"BUNDLE": str(bundle.path), "RATE": "40"}

    def run(*arguments: str) -> str:
        command = ["docker", "compose", "--project-name=credit-scoring-test", *arguments]
        done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    try:
        run("up", "--detach", "--build")
        yield run
    finally:
        run("down", "--volumes", "--timeout=5")


def queries_here(waiting_for: str) -> list[Query]:
    """Those that wait for no more than this; outcomes take longer than a test."""
    shown = [query for query in queries() if query.dashboard in {"service", "model", "drift"}]
    shown = [query for query in shown if not query.expression.startswith(NOT_HERE)]
    return [query for query in shown if query.waits_for == waiting_for]


def test_every_query_of_the_services_dashboards_finds_data(compose: Compose) -> None:
    prometheus = f"http://{compose('port', 'prometheus', '9090')}"
    asked = queries_here("nothing")
    assert len(asked) > 40
    assert wait_until(bool, lambda: get(f"{prometheus}/-/ready"))
    assert wait_until(operator.not_, lambda: faults(prometheus, asked)) == []


def test_applicants_are_answered_and_their_decisions_kept(compose: Compose, bundle: Bundle) -> None:
    url = f"http://{compose('port', 'scoring-api', '8000')}"
    assert json.loads(get(f"{url}/ready") or b"{}")["model_digest"] == bundle.digest
    assert ", 0 failed, " in wait_until(lambda lines: " sent, " in lines, lambda: compose("logs", "load"))
    counted = "select count(*) > 0 from decisions"
    assert compose("exec", "postgres", "psql", "-U", "scoring", "-d", "journal", "-Atc", counted) == "t"


def test_the_monitor_reads_the_journal_and_shows_its_page(compose: Compose) -> None:
    url = f"http://{compose('port', 'drift-monitor', '8090')}"
    run = b'drift_monitor_runs_total{result="published"}'
    assert run in wait_until(lambda metrics: run in metrics, lambda: get(f"{url}/metrics") or b"")
    assert b"<html" in (get(f"{url}/") or b"")


def test_grafana_is_there_by_its_profile_only(compose: Compose) -> None:
    assert "grafana" not in compose("config", "--services").splitlines()
    assert "grafana" in compose("--profile=dashboards", "config", "--services").splitlines()


def test_the_dashboard_shows_the_first_window_that_the_monitor_judges(compose: Compose) -> None:
    prometheus = f"http://{compose('port', 'prometheus', '9090')}"
    asked = queries_here("window")
    assert len(asked) > 4
    url = f"http://{compose('port', 'drift-monitor', '8090')}"
    judged = b"drift_monitor_window_decisions 500.0"
    assert judged in wait_until(lambda metrics: judged in metrics, lambda: get(f"{url}/metrics") or b"")
    assert wait_until(operator.not_, lambda: faults(prometheus, asked)) == []
