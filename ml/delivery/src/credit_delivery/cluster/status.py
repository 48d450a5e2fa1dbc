"""What git wants against what runs: Argo CD's word on every Application, and each pod's own on its model.

Reads only. Names every disagreement.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import yaml

from credit_delivery.cluster import applications, git_server
from credit_delivery.cluster.kubectl import items, kubectl
from credit_delivery.errors import CommandFailedError
from credit_delivery.programs import run

PORT = 8000


@dataclass(frozen=True, slots=True)
class Pod:
    """A pod of scoring-api; `tag` and `digest` are its own answer, `fault` why it gave none."""

    name: str
    tag: str
    digest: str
    fault: str


def report(environments: tuple[str, ...] = ("staging", "production")) -> str:
    """The whole, for a person."""
    commit = git_server.fetch()
    lines = [f"git main {commit[:12]}", ""]
    for application in applications.applications():
        mark = "✓" if application.well else "✗"
        lines.append(f"{mark} {application.name:28} {application.sync:10} {application.health:12} {application.cause}")
    for environment in environments:
        wanted = yaml.safe_load(run(["git", "show", f"{commit}:environments/{environment}/model.yaml"]))["model"]
        lines += ["", f"{environment}: git names model {wanted['tag']} {wanted['modelDigest'][:12]}"]
        lines += [f"  {_line(pod, wanted)}" for pod in pods(environment)] or ["  ✗ no pod runs"]
    return "\n".join(line.rstrip() for line in lines)


def pods(environment: str) -> list[Pod]:
    """What each pod of scoring-api answers with."""
    selector = "app.kubernetes.io/name=scoring-api,app.kubernetes.io/component=server"
    return [_ask(found) for found in items("pods", environment, "--selector", selector)]


def _line(pod: Pod, wanted: dict[str, str]) -> str:
    if pod.fault:
        return f"✗ {pod.name}  {pod.fault}"
    if pod.digest != wanted["modelDigest"]:
        return f"✗ {pod.name}  answers with {pod.tag} {pod.digest[:12]}, git names {wanted['modelDigest'][:12]}"
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
    except CommandFailedError as error:
        return Pod(name, "", "", error.output.splitlines()[-1] if error.output else "does not answer")
    return Pod(name, answer["model_tag"], answer["model_digest"], "")


def _containers(found: dict[str, Any]) -> list[dict[str, Any]]:
    status = found["status"]
    return [*status.get("initContainerStatuses", []), *status.get("containerStatuses", [])]
