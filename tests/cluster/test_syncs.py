import json
from pathlib import Path
from typing import Any

import pytest

from credit_delivery.cluster import syncs
from credit_delivery.errors import ClusterError

from .conftest import Program

COMMIT, OTHER, VERSION = "a" * 40, "b" * 40, "77.14.0"
RETRY = {"limit": 10, "refresh": True}
# kubectl with Argo CD behind it: merges patches, refuses one of an older version, and ends what shall end.
KUBECTL = """#!/usr/bin/env python3
import json, os, sys
said, path = " ".join(sys.argv[3:]), os.environ["CLUSTER"]
cluster = json.load(open(path))
if said.startswith("get applications.argoproj.io "):
    print(json.dumps({"items": list(cluster["items"].values())}))
    sys.exit()
found, patch = cluster["items"][sys.argv[5]], json.loads(sys.argv[-1])
assert said.startswith("patch applications.argoproj.io "), said
if patch["metadata"]["resourceVersion"] != found["metadata"]["resourceVersion"] or cluster["away"]:
    sys.exit("Error from server (Conflict): the object has been modified")
found["metadata"]["resourceVersion"] += 1
found["operation"] = patch.get("operation")
state = patch.get("status", {}).get("operationState")
if state is None:
    found["status"].pop("operationState")
elif state["phase"] == "Terminating":
    found["status"]["operationState"].update(phase="Failed", message="Operation terminated")
json.dump(cluster, open(path, "w"))
"""


def application(name: str, phase: str, revision: str, **source: str) -> dict[str, Any]:
    policy = {"automated": {"prune": True}, "syncOptions": ["ServerSideApply=true"], "retry": RETRY}
    return {
        "metadata": {"name": name, "resourceVersion": 1},
        "spec": {"source": {"targetRevision": "main", **source}, "syncPolicy": policy},
        "status": {"operationState": {"phase": phase, "operation": {"sync": {"revision": revision}}}},
    }


@pytest.fixture
def cluster(program: Program, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    program("kubectl", KUBECTL)
    monkeypatch.setenv("CLUSTER", str(tmp_path / "cluster.json"))

    def operations(
        *held: dict[str, Any], environment: str = "", timeout_s: float = 30, away: bool = False
    ) -> dict[str, Any]:
        state = {"items": {found["metadata"]["name"]: found for found in held}, "away": away}
        (tmp_path / "cluster.json").write_text(json.dumps(state))
        syncs.redirect(COMMIT, environment, timeout_s)
        after = json.loads((tmp_path / "cluster.json").read_text())["items"]
        return {name: found["operation"] for name, found in after.items() if found.get("operation")}

    return operations


@pytest.mark.parametrize("phase", ["Failed", "Error"])
@pytest.mark.parametrize("revision", [COMMIT, OTHER])
def test_what_failed_is_tried_again_as_argo_cd_itself_would(cluster: Any, phase: str, revision: str) -> None:
    (operation,) = cluster(application("scoring-api-staging", phase, revision)).values()
    assert operation["sync"] == {"revision": COMMIT, "prune": True, "syncOptions": ["ServerSideApply=true"]}
    assert operation["retry"] == RETRY


def test_a_sync_of_another_commit_ends_and_its_application_gets_this_one(cluster: Any) -> None:
    (operation,) = cluster(application("scoring-api-staging", "Running", OTHER)).values()
    assert operation["sync"]["revision"] == COMMIT


def test_a_third_partys_chart_stays_at_its_version(cluster: Any) -> None:
    chart = {"chart": "kube-prometheus-stack", "targetRevision": VERSION}
    running = application("running", "Running", VERSION, **chart)
    made = cluster(application("failed", "Failed", VERSION, **chart), running)
    assert {name: operation["sync"]["revision"] for name, operation in made.items()} == {"failed": VERSION}


def test_what_goes_well_is_left_alone(cluster: Any) -> None:
    new: dict[str, Any] = {**application("new", "", ""), "status": {}}
    tries = application("tries", "Running", "")
    tries["status"]["operationState"]["syncResult"] = {"revision": COMMIT}
    running = application("running", "Running", COMMIT)
    assert cluster(application("done", "Succeeded", OTHER), running, tries, new) == {}


def test_of_one_environment_no_other_is_touched(cluster: Any) -> None:
    failed = [application(f"scoring-api-{environment}", "Failed", OTHER) for environment in ("staging", "production")]
    assert cluster(*failed, environment="staging").keys() == {"scoring-api-staging"}


def test_who_waits_for_an_argo_cd_that_is_away_is_told_where_to_look(cluster: Any) -> None:
    with pytest.raises(ClusterError, match=r"scoring-api-staging.*\n.*get pods"):
        cluster(application("scoring-api-staging", "Running", OTHER), timeout_s=0, away=True)
