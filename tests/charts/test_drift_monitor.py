"""The drift monitor's chart gives each way of retraining what it needs, and no other."""

import pytest

from .rendering import Object, helm, pod_template, render, targets

STAGING = "environments/staging"
FILES = ("model.yaml", "drift-monitor.image.yaml", "credit-training.image.yaml", "drift-monitor.yaml")


def chart(*settings: str) -> list[Object]:
    files = [part for name in FILES for part in ("--values", f"{STAGING}/{name}")]
    given = [part for setting in settings for part in ("--set", setting)]
    return helm("charts/drift-monitor", "drift-monitor", "staging", *files, *given)


def monitor(*settings: str) -> Object:
    (deployment,) = [item for item in chart(*settings) if item["kind"] == "Deployment"]
    (container,) = pod_template(deployment)["spec"]["containers"]
    return {variable["name"]: variable["valueFrom"]["secretKeyRef"] for variable in container["env"]}


@pytest.mark.parametrize("by", ["kubernetes", "dry_run"])
def test_a_monitor_that_does_not_call_github_has_no_token(by: str) -> None:
    assert set(monitor(f"config.retraining.by={by}")) == {"JOURNAL_URL"}


def test_a_monitor_that_sends_the_event_has_the_token_of_its_secret() -> None:
    given = monitor("config.retraining.by=github", "config.retraining.repository=team/credit")
    assert given["GITHUB_TOKEN"] == {"name": "drift-monitor-github", "key": "GITHUB_TOKEN"}


def test_its_service_account_may_read_its_suspended_job_and_make_jobs_and_no_more() -> None:
    rights = {item["kind"]: item for item in chart() if item["apiVersion"].startswith("rbac.")}
    assert set(rights) == {"Role", "RoleBinding"}
    assert rights["Role"]["rules"] == [
        {
            "apiGroups": ["batch"],
            "resources": ["cronjobs"],
            "resourceNames": ["drift-monitor-retrain"],
            "verbs": ["get"],
        },
        {"apiGroups": ["batch"], "resources": ["jobs"], "verbs": ["create", "get", "list"]},
    ]
    assert rights["RoleBinding"]["roleRef"]["name"] == rights["Role"]["metadata"]["name"]
    assert rights["RoleBinding"]["subjects"] == [
        {"kind": "ServiceAccount", "name": "drift-monitor", "namespace": "staging"}
    ]


def test_decisions_are_archived_by_an_account_of_its_own_that_gets_no_token() -> None:
    (job,) = [item for item in chart() if item["metadata"]["name"] == "drift-monitor-archive" and "spec" in item]
    pod = pod_template(job)["spec"]
    assert (job["kind"], pod["serviceAccountName"]) == ("CronJob", "drift-monitor-archive")
    assert pod["automountServiceAccountToken"] is False
    (container,) = pod["containers"]
    assert container["args"] == ["archive", "s3://credit-staging-archive-111111111111/decisions"]
    (variable,) = container["env"]
    assert variable["valueFrom"]["secretKeyRef"]["name"] == "drift-monitor-journal"
    accounts = {item["metadata"]["name"] for item in chart() if item["kind"] == "ServiceAccount"}
    assert accounts == {"drift-monitor", "drift-monitor-archive"}


@pytest.mark.parametrize("off", ["cluster.objectStorage=false", "archive.bucket="])
def test_without_a_bucket_nothing_is_archived(off: str) -> None:
    assert [item for item in chart(off) if item["metadata"]["name"].endswith("archive")] == []


@pytest.mark.parametrize("application", ["drift-monitor", "tracking"])
def test_who_has_a_role_in_the_cloud_may_ask_for_its_credentials(application: str) -> None:
    asks = {"to": [{"ipBlock": {"cidr": "169.254.170.23/32"}}], "ports": [{"protocol": "TCP", "port": 80}]}
    for target in targets():
        if target.application == application:
            (policy,) = [item for item in render(target) if item["kind"] == "NetworkPolicy"]
            assert (asks in policy["spec"]["egress"]) == (not target.kind)
