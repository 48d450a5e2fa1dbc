"""What Argo CD says of its Applications, and waiting until it says that all is well. Changes nothing but a refresh."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any

from credit_delivery.cluster.argocd import NAMESPACE
from credit_delivery.cluster.kubectl import items, kubectl
from credit_delivery.cluster.nodes import CONTEXT
from credit_delivery.errors import ClusterError

POLL_S = 2.0


@dataclass(frozen=True, slots=True)
class Application:
    """One Application; `cause` says in a line why it is not well, where Argo CD knows."""

    name: str
    sync: str
    health: str
    phase: str
    revision: str
    cause: str

    @property
    def well(self) -> bool:
        """Running what git says, and running well."""
        return self.sync == "Synced" and self.health == "Healthy" and self.phase in {"", "Succeeded"}

    def well_at(self, commit: str) -> bool:
        """Well, and this commit is what it was compared with; third-party charts have versions of their own."""
        return self.well and (self.revision == commit or len(self.revision) != len(commit))


def applications(context: str = CONTEXT) -> list[Application]:
    """All of them, by name."""
    found = items("applications.argoproj.io", NAMESPACE, context=context)
    return sorted(map(_read, found), key=lambda application: application.name)


def refresh() -> None:
    """Have Argo CD look at git now rather than at its next turn."""
    annotation = "argocd.argoproj.io/refresh=normal"
    kubectl("annotate", "applications.argoproj.io", "--all", "--namespace", NAMESPACE, annotation, "--overwrite")


def wait(names: Collection[str], commit: str, timeout_s: float, show: Callable[[list[Application]], None]) -> None:
    """Wait until all of these are well at a commit; `show` is called with every state seen.

    Raises:
        ClusterError: some were not in time, with the first one's cause.
    """
    until = time.monotonic() + timeout_s
    while True:
        found = applications()
        show(found)
        unwell = [application for application in found if application.name in names and not application.well_at(commit)]
        missing = set(names) - {application.name for application in found}
        if not unwell and not missing:
            return
        if time.monotonic() > until:
            first = unwell[0] if unwell else Application(min(missing), "Missing", "Missing", "", "", "not made yet")
            raise ClusterError(
                f"{len(unwell) + len(missing)} Applications are not well after {timeout_s:.0f} s; "
                f"{first.name}: {first.sync}, {first.health}: {first.cause or 'no cause given'}",
                f"kubectl --context {CONTEXT} --namespace {NAMESPACE} describe application {first.name}",
            )
        time.sleep(POLL_S)


def _read(found: dict[str, Any]) -> Application:
    status = found.get("status", {})
    operation = status.get("operationState", {})
    return Application(
        name=found["metadata"]["name"],
        sync=status.get("sync", {}).get("status", "Unknown"),
        health=status.get("health", {}).get("status", "Unknown"),
        # One that is asked for has no state until Argo CD begins it.
        phase=operation.get("phase", "Running" if "operation" in found else ""),
        revision=status.get("sync", {}).get("revision", ""),
        cause=_cause(status, operation),
    )


def _cause(status: dict[str, Any], operation: dict[str, Any]) -> str:
    """The first of: what Argo CD cannot do, what is broken, what the last sync said, what has not come yet."""
    errors = [condition for condition in status.get("conditions", []) if "Error" in condition["type"]]
    texts = [condition["message"] for condition in errors if condition["type"] != "SyncError"]
    texts += _unhealthy(status, "Degraded")
    texts += [
        f"{resource['kind']} {resource['name']}: {resource.get('message', '')}"
        for resource in operation.get("syncResult", {}).get("resources", [])
        if resource.get("status") == "SyncFailed" or resource.get("hookPhase") in {"Failed", "Error"}
    ]
    # Mostly what the operation said, which names no object.
    texts += [condition["message"] for condition in errors if condition["type"] == "SyncError"]
    if operation.get("phase", "Succeeded") != "Succeeded":
        texts.append(operation.get("message", ""))
    texts += _unhealthy(status, "Missing", "Progressing")
    return " ".join(texts[0].split()) if texts else ""


def _unhealthy(status: dict[str, Any], *healths: str) -> list[str]:
    """Objects of these healths, which Argo CD tells where `controller.resource.health.persist` is set."""
    return [
        f"{resource['kind']} {resource['name']}: {health.get('message', health['status'])}"
        for resource in status.get("resources", [])
        if (health := resource.get("health", {})).get("status") in healths
    ]
