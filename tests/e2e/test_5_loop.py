import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from credit_delivery.cluster.kubectl import items
from credit_delivery.cluster.nodes import CONTEXT
from credit_delivery.dashboards.files import queries
from credit_delivery.dashboards.prometheus import faults
from credit_delivery.programs import run

from .world import PROMETHEUS, ROOT, Platform, until

pytestmark = [pytest.mark.e2e, pytest.mark.full]
ENVIRONMENT = "staging"
ALERT = "DriftNeedsRetraining"
TAG = f"retrained-{datetime.now(UTC):%m%d-%H%M%S}"


@pytest.fixture(scope="module")
def downturn(platform: Platform) -> Iterator[None]:
    """People who default more often than they did come to staging, all the time."""
    until(f"{ENVIRONMENT} is well", 300, lambda: platform.well(ENVIRONMENT))
    program = Path(sys.executable).with_name("credit-release")
    coming = subprocess.Popen([program, "drift"], cwd=ROOT)
    try:
        yield
    finally:
        still = coming.poll()
        coming.terminate()
        coming.wait(30)
    assert still is None, "make drift ended by itself; its last line says why"


def jobs() -> list[dict]:
    return items("jobs", ENVIRONMENT, "--selector", "drift-monitor/cause")


def ended(job: dict, how: str) -> bool:
    return any(one["type"] == how and one["status"] == "True" for one in job["status"].get("conditions", []))


def logs(job: dict) -> str:
    return run(["kubectl", "--context", CONTEXT, "--namespace", ENVIRONMENT, "logs", f"job/{job['metadata']['name']}"])


@pytest.mark.usefixtures("downturn")
def test_a_downturn_starts_a_training_run(platform: Platform) -> None:
    _, took = until("the monitor has a job made", 600, jobs)
    platform.note("loop: make drift to the retraining job, s", took)
    until(f"{ALERT} fires", 180, lambda: ALERT in platform.firing(ENVIRONMENT))


@pytest.mark.usefixtures("downturn")
def test_the_drift_page_shows_its_windows_and_what_became_of_them(platform: Platform) -> None:
    asked = [query for query in queries() if query.waits_for != "nothing"]
    platform.note("loop: queries of finished windows and outcomes asked of Prometheus", len(asked))

    def all_shown() -> bool:
        assert faults(PROMETHEUS, asked) == []
        return True

    until("every panel has something to show", 300, all_shown)


@pytest.mark.usefixtures("downturn")
def test_the_run_ends_with_a_candidate_in_the_tracking_server(platform: Platform) -> None:
    def over() -> bool:
        (job,) = jobs()
        return ended(job, "Complete") or ended(job, "Failed")

    until("the job is over", 1200, over)
    (job,) = jobs()
    assert ended(job, "Complete"), logs(job)
    began, end = (datetime.fromisoformat(job["status"][when]) for when in ("startTime", "completionTime"))
    platform.note("loop: the retraining job, s", (end - began).total_seconds())
    pods = items("pods", ENVIRONMENT, "--selector", f"batch.kubernetes.io/job-name={job['metadata']['name']}")
    (node,) = {pod["spec"]["nodeName"] for pod in pods}
    assert node == "credit-worker2", "only the labelled worker has the image"
    platform.run("build", TAG, "--kind", "--retrained", "--dataset", dataset(job))


@pytest.mark.usefixtures("downturn")
def test_staging_runs_the_new_model_and_the_alert_clears(platform: Platform) -> None:
    old = platform.pin(ENVIRONMENT).modelDigest
    platform.promote(ENVIRONMENT, TAG)
    digest = platform.pin(ENVIRONMENT).modelDigest
    assert digest != old
    _, took = until(f"{ENVIRONMENT} answers with {TAG} only", 300, lambda: platform.runs(ENVIRONMENT, digest))
    platform.note("loop: merge to all pods on the retrained model, s", took)

    def judged() -> bool:
        window = platform.metric(
            f'drift_monitor_window_info{{namespace="{ENVIRONMENT}", model_digest="{digest[:12]}"}}'
        )
        return bool(window) and ALERT not in platform.firing(ENVIRONMENT)

    _, took = until(f"the new model's window is published, and {ALERT} clears", 900, judged)
    platform.note("loop: the new model everywhere to the alert's end, s", took)
    assert TAG in platform.run("history", "--env", ENVIRONMENT, "--kind")


def dataset(job: dict) -> str:
    (container,) = job["spec"]["template"]["spec"]["containers"]
    told: dict[str, str] = {one["name"]: one.get("value", "") for one in container["env"]}
    return told["RETRAIN_DATASET"]
