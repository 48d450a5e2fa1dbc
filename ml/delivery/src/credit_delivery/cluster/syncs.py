"""Argo CD's syncs: ended where they are of another commit, begun again where they failed. Waits for no new one."""

from __future__ import annotations

import json
import time
from contextlib import suppress
from typing import Any

from credit_delivery.cluster.argocd import NAMESPACE
from credit_delivery.cluster.kubectl import items, kubectl
from credit_delivery.cluster.nodes import CONTEXT
from credit_delivery.errors import ClusterError, CommandFailedError

POLL_S = 1.0
ENDING_S = 60.0
"""A sync ends when the pods of its hooks have gone."""


def redirect(commit: str, environment: str = "", timeout_s: float = ENDING_S) -> None:
    """Have Applications, an environment's or all, sync a commit: syncs of others end, what failed is tried again.

    Argo CD by itself tries no commit again after its last try, nor anything that is Synced, however that sync ended.

    Raises:
        ClusterError: it has not ended a sync in time.
    """
    until = time.monotonic() + timeout_s
    while late := [found for found in _of(environment) if not _directed(found, commit)]:
        if time.monotonic() > until:
            raise ClusterError(
                f"Argo CD has not ended the sync of {late[0]['metadata']['name']} after {timeout_s:.0f} s",
                f"kubectl --context {CONTEXT} --namespace {NAMESPACE} get pods",
            )
        time.sleep(POLL_S)


def _of(environment: str) -> list[dict[str, Any]]:
    found = items("applications.argoproj.io", NAMESPACE)
    return [one for one in found if not environment or one["metadata"]["name"].endswith(f"-{environment}")]


def _directed(found: dict[str, Any], commit: str) -> bool:
    """Whether the sync that is wanted is under way, or none is needed; else what lacks is asked for."""
    source, operation = found["spec"]["source"], found.get("status", {}).get("operationState", {})
    wanted, phase = source["targetRevision"] if "chart" in source else commit, operation.get("phase")
    if phase in {"Failed", "Error"}:
        return _patched(found, {"operation": _sync(found["spec"], wanted), "status": {"operationState": None}})
    if phase == "Running" and operation.get("syncResult", operation["operation"]["sync"]).get("revision") != wanted:
        _patched(found, {"status": {"operationState": {"phase": "Terminating"}}})
        return False
    return bool(phase != "Terminating")


def _sync(spec: dict[str, Any], revision: str) -> dict[str, Any]:
    """An operation as Argo CD itself would begin it."""
    policy = spec["syncPolicy"]
    prune = policy["automated"].get("prune", False)
    return {
        "initiatedBy": {"username": "credit-release"},
        "retry": policy["retry"],
        "sync": {"revision": revision, "prune": prune, "syncOptions": policy["syncOptions"]},
    }


def _patched(found: dict[str, Any], change: dict[str, Any]) -> bool:
    """False when Argo CD has gone on meanwhile, perhaps to the sync that is wanted: the version refuses the patch."""
    about = found["metadata"]
    patch = json.dumps({"metadata": {"resourceVersion": about["resourceVersion"]}, **change})
    where = (about["name"], "--namespace", NAMESPACE)
    with suppress(CommandFailedError):
        kubectl("patch", "applications.argoproj.io", *where, "--type", "merge", "--patch", patch)
        return True
    return False
