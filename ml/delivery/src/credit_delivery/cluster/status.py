"""What git wants against what runs: Argo CD's word on every Application, and each pod's own on its model.

Reads only. Names every disagreement.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC
from typing import Any

from credit_delivery.cluster import applications, checkout
from credit_delivery.cluster.kubectl import items, kubectl
from credit_delivery.confirmation import Observation
from credit_delivery.environments import ENVIRONMENTS, Name
from credit_delivery.errors import CommandFailedError
from credit_delivery.history import Desired, desired

NAME, PORT = "scoring-api", 8000
# Run in a pod that is not ready: the cluster's proxy keeps the body of a 503 to itself.
WHY = f"""
import urllib.error, urllib.request
try:
    urllib.request.urlopen("http://127.0.0.1:{PORT}/ready", timeout=5)
except urllib.error.HTTPError as refusal:
    print(refusal.read().decode())
"""


@dataclass(frozen=True, slots=True)
class Pod:
    """A pod of scoring-api; `tag` and `digest` are its own answer, `fault` why it gave none."""

    name: str
    tag: str
    digest: str
    fault: str


def report() -> str:
    """The whole, for a person.

    Raises:
        ClusterError: there is no cluster.
    """
    repository = checkout.current()
    lines = [f"git main {repository.head()[:12]}", ""]
    for application in applications.applications():
        mark = "✓" if application.well else "✗"
        lines.append(f"{mark} {application.name:28} {application.sync:10} {application.health:12} {application.cause}")
    for environment in ENVIRONMENTS:
        wanted = desired(repository, environment)
        lines += ["", f"{environment}: git wants", *(f"    {_wanted(entry)}" for entry in wanted)]
        model = next(entry for entry in wanted if entry.what == "model")
        lines += [f"  {_line(pod, model)}" for pod in pods(environment)] or ["  ✗ no pod runs"]
    return "\n".join(line.rstrip() for line in lines)


def observations(environment: Name) -> list[Observation]:
    """What each pod of scoring-api says, for a confirmation."""
    return [
        Observation(where=f"pod {pod.name}", ready=not pod.fault, model_digest=pod.digest) for pod in pods(environment)
    ]


def pods(environment: Name) -> list[Pod]:
    """What each pod of scoring-api answers with."""
    selector = f"app.kubernetes.io/name={NAME},app.kubernetes.io/component=server"
    return [_ask(found) for found in items("pods", environment, "--selector", selector)]


def _wanted(entry: Desired) -> str:
    since = entry.since.astimezone(UTC)
    text = f"{entry.what:16} {entry.tag} {entry.digest.removeprefix('sha256:')[:12]} since {since:%Y-%m-%dT%H:%M:%SZ}"
    return "; ".join([text, *entry.remarks])


def _line(pod: Pod, wanted: Desired) -> str:
    if pod.fault:
        return f"✗ {pod.name}  {pod.fault}"
    if pod.digest != wanted.digest:
        return f"✗ {pod.name}  answers with {pod.tag} {pod.digest[:12]}, git names {wanted.digest[:12]}"
    return f"✓ {pod.name}  {pod.tag} {pod.digest[:12]}"


def _ask(found: dict[str, Any]) -> Pod:
    name, namespace = found["metadata"]["name"], found["metadata"]["namespace"]
    waiting = [
        f"{state['waiting']['reason']}: {state['waiting'].get('message', '')}".strip(": ")
        for container in _containers(found)
        if "waiting" in (state := container.get("state", {})) and state["waiting"]["reason"] != "PodInitializing"
    ]
    if waiting:
        return Pod(name, "", "", waiting[0])
    try:
        answer = json.loads(kubectl("get", "--raw", f"/api/v1/namespaces/{namespace}/pods/{name}:{PORT}/proxy/model"))
    except CommandFailedError:
        return Pod(name, "", "", _why(name, namespace))
    return Pod(name, answer["model_tag"], answer["model_digest"], "")


def _why(name: str, namespace: str) -> str:
    """What a pod says that is not ready."""
    try:
        said = kubectl("exec", name, "--namespace", namespace, "--container", NAME, "--", "python", "-c", WHY)
        return str(json.loads(said)["detail"])
    except (CommandFailedError, ValueError):
        return "does not answer"


def _containers(found: dict[str, Any]) -> list[dict[str, Any]]:
    status = found["status"]
    return [*status.get("initContainerStatuses", []), *status.get("containerStatuses", [])]
