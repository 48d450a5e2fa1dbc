"""The drift monitor's chart gives each way of retraining what it needs, and no other."""

import pytest

from .rendering import Object, helm, pod_template

STAGING = "environments/staging"
FILES = ("model.yaml", "drift-monitor.image.yaml", "credit-training.image.yaml", "drift-monitor.yaml")


def monitor(*settings: str) -> Object:
    files = [part for name in FILES for part in ("--values", f"{STAGING}/{name}")]
    given = [part for setting in settings for part in ("--set", setting)]
    found = helm("charts/drift-monitor", "drift-monitor", "staging", *files, *given)
    (deployment,) = [item for item in found if item["kind"] == "Deployment"]
    (container,) = pod_template(deployment)["spec"]["containers"]
    return {variable["name"]: variable["valueFrom"]["secretKeyRef"] for variable in container["env"]}


@pytest.mark.parametrize("by", ["kubernetes", "dry_run"])
def test_a_monitor_that_does_not_call_github_has_no_token(by: str) -> None:
    assert set(monitor(f"config.retraining.by={by}")) == {"JOURNAL_URL"}


def test_a_monitor_that_sends_the_event_has_the_token_of_its_secret() -> None:
    given = monitor("config.retraining.by=github", "config.retraining.repository=team/credit")
    assert given["GITHUB_TOKEN"] == {"name": "drift-monitor-github", "key": "GITHUB_TOKEN"}
