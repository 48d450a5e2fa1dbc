import json
import os
from pathlib import Path
from typing import Any

import pytest

from credit_delivery.cluster import status
from credit_delivery.environments import model_file, read_model
from credit_delivery.repository import Repository

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
    names = [{"metadata": {"name": name, "namespace": "staging"}, "status": {}} for name in cluster["pods"]]
    print(json.dumps({"items": names}))
elif said.startswith("exec ") and cluster["pods"][sys.argv[4]]:
    print(json.dumps(cluster["pods"][sys.argv[4]]))
else:
    sys.exit("Error from server (Forbidden): you may not")
"""


@pytest.fixture
def cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    (tmp_path / "kubectl").write_text(KUBECTL)
    (tmp_path / "kubectl").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setenv("CLUSTER", str(tmp_path / "cluster.json"))
    monkeypatch.chdir(ROOT)

    def holds(applications: Any, pods: Any) -> list[str]:
        (tmp_path / "cluster.json").write_text(json.dumps({"applications": applications, "pods": pods}))
        return status.report("cloud").splitlines()

    return holds


def application(revision: str) -> dict[str, Any]:
    said = {"sync": {"status": "Synced", "revision": revision}, "health": {"status": "Healthy"}}
    return {"metadata": {"name": "scoring-api-staging"}, "status": said}


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


def test_who_may_not_look_is_told_what_is_missing(cluster: Any) -> None:
    text = "\n".join(cluster(None, {"closed": None}))
    assert "Argo CD's Applications cannot be read: Error from server (Forbidden): you may not" in text
    assert "✗ closed  does not answer: Error from server (Forbidden): you may not" in text
