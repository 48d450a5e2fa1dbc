"""What whoever reads a failed run's log needs before the cluster is gone: disagreements, warnings, pods' last words."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

from credit_delivery.cluster import status
from credit_delivery.cluster.kubectl import kubectl
from credit_delivery.errors import DeliveryError

WARNINGS, LINES = 25, 12


def report() -> str:
    """Short, and as much of it as can be had."""
    parts = []
    for title, part in (("status", status.report), ("warnings", warnings), ("pods that are not well", last_words)):
        with suppress(DeliveryError, OSError, ValueError):
            parts += [f"--- {title}", part()]
    return "\n".join(parts)


def warnings() -> str:
    listed = kubectl("get", "events", "--all-namespaces", "--field-selector", "type=Warning", "--output", "json")
    found = sorted(json.loads(listed)["items"], key=lambda event: str(event.get("lastTimestamp")))
    return "\n".join(map(_line, found[-WARNINGS:]))


def _line(event: dict[str, Any]) -> str:
    about, said = event["involvedObject"], " ".join(event.get("message", "").split())[:200]
    where = f"{event['metadata']['namespace']} {about.get('kind')} {about.get('name')}"
    return f"{event.get('lastTimestamp')} {where}: {event.get('reason')}: {said}"


def last_words() -> str:
    lines = []
    for pod in json.loads(kubectl("get", "pods", "--all-namespaces", "--output", "json"))["items"]:
        name, namespace = pod["metadata"]["name"], pod["metadata"]["namespace"]
        for container in _unwell(pod):
            lines.append(f"{namespace} {name} {container['name']}: {json.dumps(container['state'])[:200]}")
            where = ("--namespace", namespace, name, "--container", container["name"], f"--tail={LINES}")
            for which in ("--previous=true", "--previous=false"):
                with suppress(DeliveryError):
                    lines += [f"    {line[:300]}" for line in kubectl("logs", *where, which).splitlines()]
    return "\n".join(lines)


def _unwell(pod: dict[str, Any]) -> list[dict[str, Any]]:
    """Containers that should run and do not, or that ended badly once."""
    said = pod["status"]
    found = [*said.get("initContainerStatuses", []), *said.get("containerStatuses", [])]
    return [one for one in found if one["restartCount"] or not (one["ready"] or _ended_well(one["state"]))]


def _ended_well(state: dict[str, Any]) -> bool:
    return bool(state.get("terminated", {}).get("exitCode") == 0)
