import json
from pathlib import Path
from typing import Any

import pytest

from credit_delivery.cluster import status
from credit_delivery.environments import model_file, read_model
from credit_delivery.repository import Repository

from .conftest import Program

ROOT = Path(__file__).parents[2]
PIN = read_model((ROOT / model_file("staging")).read_text(), model_file("staging"))
# kubectl as far as `status` asks it: a cluster of another context with staging alone, whose pods no proxy reaches.
KUBECTL = """#!/usr/bin/env python3
import json, os, sys
context, said = sys.argv[2], " ".join(sys.argv[3:])
cluster = json.load(open(os.environ["CLUSTER"]))
assert (sys.argv[1], context) == ("--context", "cloud"), sys.argv
if said.startswith("get namespace "):
    print("staging" if "staging" in said else "", end="")
elif said.startswith("get applications.argoproj.io ") and cluster["applications"] is not None:
    print(json.dumps({"items": cluster["applications"]}))
elif said.startswith("get pods "):
    labels = {"app.kubernetes.io/name": "scoring-api", "app.kubernetes.io/component": "server"}
    about = [{"name": name, "namespace": "staging", "labels": labels} for name in cluster["pods"]]
    print(json.dumps({"items": [*({"metadata": each, "status": {}} for each in about), *cluster["others"]]}))
elif said.startswith("logs ") and sys.argv[4] in cluster["words"]:
    print(cluster["words"][sys.argv[4]])
elif said.startswith("exec ") and cluster["pods"][sys.argv[4]]:
    print(json.dumps(cluster["pods"][sys.argv[4]]))
else:
    sys.exit("Error from server (Forbidden): you may not")
"""


@pytest.fixture
def cluster(program: Program, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    program("kubectl", KUBECTL)
    monkeypatch.setenv("CLUSTER", str(tmp_path / "cluster.json"))
    monkeypatch.chdir(ROOT)

    def holds(applications: Any, pods: Any, others: Any = (), words: Any = ()) -> list[str]:
        held = {"applications": applications, "pods": pods, "others": others, "words": words}
        (tmp_path / "cluster.json").write_text(json.dumps(held))
        return status.report("cloud").splitlines()

    return holds


def application(revision: str, health: str = "Healthy", **status: Any) -> dict[str, Any]:
    said = {"sync": {"status": "Synced", "revision": revision}, "health": {"status": health}, **status}
    return {"metadata": {"name": "scoring-api-staging"}, "status": said}


def pod(name: str, phase: str, state: dict[str, Any], **status: Any) -> dict[str, Any]:
    container = {"name": "main", "state": state, "lastState": status.pop("lastState", {})}
    about = {"name": name, "namespace": "staging", "labels": {"app.kubernetes.io/component": "server"}}
    return {"metadata": about, "status": {"phase": phase, "containerStatuses": [container], **status}}


def test_another_cluster_is_held_against_the_checkout(cluster: Any) -> None:
    named = {"model_tag": PIN.tag, "model_digest": PIN.modelDigest}
    other = {"model_tag": "another", "model_digest": "f" * 64}
    head = Repository(ROOT).head()
    lines = cluster(
        [application(head)], {"good": named, "astray": other, "ill": {"detail": "golden applicants differ"}}
    )
    text = "\n".join(lines)
    assert lines[0] == f"git {head[:12]}"
    assert "✓ scoring-api-staging" in text
    assert "staging: git wants" in text
    assert "production: git wants" not in text
    assert f"  ✓ good  {PIN.tag} {PIN.modelDigest[:12]}" in lines
    assert f"  ✗ astray  answers with another ffffffffffff, git names {PIN.modelDigest[:12]}" in lines
    assert "  ✗ ill  golden applicants differ" in lines


def test_a_cluster_at_another_commit_is_told(cluster: Any) -> None:
    text = "\n".join(cluster([application("f" * 40)], {}))
    assert "is at ffffffffffff, which is not the commit here" in text
    assert "✗ no pod runs" in text


def test_an_application_whose_sync_is_asked_for_is_not_well_yet(cluster: Any) -> None:
    asked = {**application(Repository(ROOT).head()), "operation": {"sync": {}}}
    assert "✗ scoring-api-staging" in "\n".join(cluster([asked], {}))


def test_who_may_not_look_is_told_what_is_missing(cluster: Any) -> None:
    text = "\n".join(cluster(None, {"closed": None}))
    assert "Argo CD's Applications cannot be read: Error from server (Forbidden): you may not" in text
    assert "✗ closed  does not answer: Error from server (Forbidden): you may not" in text


def test_an_application_that_is_not_well_is_told_with_its_object_and_why(cluster: Any) -> None:
    # As Argo CD 3.2.11 writes it where `controller.resource.health.persist` is set.
    resources = [
        {"kind": "Service", "name": "drift-monitor", "status": "Synced", "health": {"status": "Healthy"}},
        {"kind": "PersistentVolumeClaim", "name": "drift-monitor", "health": {"status": "Progressing"}},
        {
            "kind": "Deployment",
            "name": "drift-monitor",
            "health": {"status": "Degraded", "message": 'Deployment "drift-monitor" exceeded its progress deadline'},
        },
    ]
    done = {"phase": "Succeeded", "message": "successfully synced (all tasks run)"}
    head = Repository(ROOT).head()
    text = "\n".join(cluster([application(head, "Degraded", resources=resources, operationState=done)], {}))
    assert 'Deployment drift-monitor: Deployment "drift-monitor" exceeded its progress deadline' in text
    text = "\n".join(cluster([application(head, "Progressing", resources=resources[:2], operationState=done)], {}))
    assert "PersistentVolumeClaim drift-monitor: Progressing" in text


def test_an_application_whose_sync_failed_is_told_with_the_hook_that_failed(cluster: Any) -> None:
    said = {"type": "SyncError", "message": "Failed last sync attempt: one or more synchronization tasks completed"}
    hook = {
        "kind": "Job",
        "name": "scoring-api-migration",
        "hookPhase": "Failed",
        "message": "Job has reached its limit",
    }
    done = {"phase": "Failed", "message": "one or more tasks", "syncResult": {"resources": [hook]}}
    head = Repository(ROOT).head()
    text = "\n".join(cluster([application(head, conditions=[said], operationState=done)], {}))
    assert "Job scoring-api-migration: Job has reached its limit" in text
    wiped = {"type": "SyncError", "message": "auto-sync will wipe out all resources"}
    text = "\n".join(cluster([application(head, "Degraded", conditions=[wiped])], {}))
    assert "auto-sync will wipe out all resources" in text


def test_every_other_pod_that_waits_or_failed_is_told_with_its_reason(cluster: Any) -> None:
    ended = {"terminated": {"exitCode": 1, "reason": "Error"}}
    full = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/3 nodes have room"}
    backs_off = {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off 40s"}}
    absent = {"waiting": {"reason": "ImagePullBackOff", "message": "absent-9: not found"}}
    others = [
        pod("drift-monitor", "Running", backs_off, lastState=ended),
        pod("golden-check", "Failed", ended),
        pod("migration", "Pending", absent),
        pod("retrain", "Pending", {}, conditions=[full]),
        pod("archive", "Failed", {}, reason="Evicted", message="the node was low on disk"),
        pod("tracking", "Running", {"running": {}}, lastState=ended),
        pod("done", "Succeeded", {"terminated": {"exitCode": 0}}),
    ]
    lines = cluster([], {}, others, {"drift-monitor": "cannot reach the journal"})
    assert [line for line in lines if line.startswith("  ✗")] == [
        "  ✗ no pod runs",
        "  ✗ drift-monitor  CrashLoopBackOff: back-off 40s; main ended with 1 (Error): cannot reach the journal",
        "  ✗ golden-check  main ended with 1 (Error)",
        "  ✗ migration  ImagePullBackOff: absent-9: not found",
        "  ✗ retrain  Unschedulable: 0/3 nodes have room",
        "  ✗ archive  Evicted: the node was low on disk",
    ]
