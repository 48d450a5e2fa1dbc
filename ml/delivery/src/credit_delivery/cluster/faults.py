"""Why a pod waits or failed: from its status, and the last line that a container wrote before it ended."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from credit_delivery.cluster.kubectl import kubectl
from credit_delivery.cluster.nodes import CONTEXT
from credit_delivery.errors import CommandFailedError


def fault(pod: dict[str, Any], context: str = CONTEXT) -> str:
    """In a line; nothing for a pod that runs, or has ended as it should."""
    status = pod["status"]
    containers = [*status.get("initContainerStatuses", []), *status.get("containerStatuses", [])]
    texts = [text for container in containers if (text := _fault(pod, container, context))]
    texts += [
        f"{condition['reason']}: {condition.get('message', '')}"
        for condition in status.get("conditions", [])
        if condition["type"] == "PodScheduled" and condition["status"] == "False"
    ]
    if status.get("phase") == "Failed":
        texts.append(f"{status.get('reason', 'Failed')}: {status.get('message', '')}")
    return " ".join(texts[0].split()).removesuffix(":") if texts else ""


def _fault(pod: dict[str, Any], container: dict[str, Any], context: str) -> str:
    state = container.get("state", {})
    waiting = state.get("waiting")
    if waiting and waiting["reason"] == "PodInitializing":
        return ""
    ended = container.get("lastState", {}).get("terminated") if waiting else state.get("terminated")
    texts = [f"{waiting['reason']}: {waiting.get('message', '')}".removesuffix(": ")] if waiting else []
    if ended and ended["exitCode"]:
        texts.append(_end(pod, container, ended, context))
    return "; ".join(texts)


def _end(pod: dict[str, Any], container: dict[str, Any], ended: dict[str, Any], context: str) -> str:
    """With what a container ended, and its last words where they can be had."""
    text = f"{container['name']} ended with {ended['exitCode']} ({ended.get('reason', 'Error')})"
    about = pod["metadata"]
    which = (about["name"], "--namespace", about["namespace"], "--container", container["name"], "--tail", "1")
    with suppress(CommandFailedError):
        if words := kubectl("logs", *which, context=context):
            text = f"{text}: {words}"
    return text
