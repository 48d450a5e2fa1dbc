"""What git wants against what runs: Argo CD's word on every Application, each pod's own on its model, and its faults.

Reads only. Names every disagreement, and what the reader may not see.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC
from pathlib import Path
from typing import Any

from credit_delivery.cluster import applications, checkout
from credit_delivery.cluster.applications import Application
from credit_delivery.cluster.faults import fault
from credit_delivery.cluster.kubectl import items, kubectl
from credit_delivery.cluster.nodes import CONTEXT
from credit_delivery.confirmation import Observation
from credit_delivery.environments import ENVIRONMENTS, Name
from credit_delivery.errors import CommandFailedError
from credit_delivery.history import Desired, desired
from credit_delivery.repository import Repository

NAME, PORT = "scoring-api", 8000
SERVER = {"app.kubernetes.io/name": NAME, "app.kubernetes.io/component": "server"}
# Run in a pod that the cluster's proxy has no answer of: it keeps the body of a 503, and a policy may keep it out.
ASK = f"""
import urllib.error, urllib.request
try:
    urllib.request.urlopen("http://127.0.0.1:{PORT}/ready", timeout=5)
    print(urllib.request.urlopen("http://127.0.0.1:{PORT}/model", timeout=5).read().decode())
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


def report(context: str = "") -> str:
    """The whole, for a person: the kind cluster against its git, or another one against the checkout that one is in.

    Raises:
        ClusterError: there is no kind cluster, and no other was named.
        CommandFailedError: the one that was named does not answer.
    """
    repository = Repository(Path.cwd()) if context else checkout.current()
    context = context or CONTEXT
    commit = repository.head()
    lines = [f"git {commit[:12]}", "", *_applications(commit, context)]
    for environment in ENVIRONMENTS:
        if not kubectl("get", "namespace", environment, "--ignore-not-found", context=context):
            continue
        wanted = desired(repository, environment)
        lines += ["", f"{environment}: git wants", *(f"    {_wanted(entry)}" for entry in wanted)]
        model = next(entry for entry in wanted if entry.what == "model")
        found = items("pods", environment, context=context)
        servers = [pod for pod in found if SERVER.items() <= pod["metadata"].get("labels", {}).items()]
        lines += [f"  {_line(_ask(pod, context), model)}" for pod in servers] or ["  ✗ no pod runs"]
        others = [(pod["metadata"]["name"], fault(pod, context)) for pod in found if pod not in servers]
        lines += [f"  ✗ {name}  {why}" for name, why in others if why]
    return "\n".join(line.rstrip() for line in lines)


def observations(environment: Name) -> list[Observation]:
    """What each pod of scoring-api says, for a confirmation."""
    return [
        Observation(where=f"pod {pod.name}", ready=not pod.fault, model_digest=pod.digest) for pod in pods(environment)
    ]


def pods(environment: Name, context: str = CONTEXT) -> list[Pod]:
    """What each pod of scoring-api answers with."""
    selector = ",".join(f"{label}={value}" for label, value in SERVER.items())
    return [_ask(found, context) for found in items("pods", environment, "--selector", selector, context=context)]


def _applications(commit: str, context: str) -> list[str]:
    try:
        return [_state(application, commit) for application in applications.applications(context)]
    except CommandFailedError as error:
        return [f"✗ Argo CD's Applications cannot be read: {error.last}"]


def _state(application: Application, commit: str) -> str:
    mark, said = "✓" if application.well else "✗", application.cause
    if application.well and not application.well_at(commit):
        said = f"is at {application.revision[:12]}, which is not the commit here"
    return f"{mark} {application.name:28} {application.sync:10} {application.health:12} {said}"


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


def _ask(found: dict[str, Any], context: str) -> Pod:
    name, namespace = found["metadata"]["name"], found["metadata"]["namespace"]
    if why := fault(found, context):
        return Pod(name, "", "", why)
    try:
        answer = _answer(name, namespace, context)
        return Pod(name, answer.get("model_tag", ""), answer.get("model_digest", ""), answer.get("detail", ""))
    except CommandFailedError as error:
        return Pod(name, "", "", f"does not answer: {error.last}")
    except ValueError:
        return Pod(name, "", "", "does not answer")


def _answer(name: str, namespace: str, context: str) -> dict[str, Any]:
    """The pod's model, or what it says that is not ready."""
    path = f"/api/v1/namespaces/{namespace}/pods/{name}:{PORT}/proxy/model"
    inside = (name, "--namespace", namespace, "--container", NAME, "--", "python", "-c", ASK)
    try:
        said = kubectl("get", "--request-timeout", "5s", "--raw", path, context=context)
    except CommandFailedError:
        said = kubectl("exec", *inside, context=context)
    answer: dict[str, Any] = json.loads(said)
    return answer
