"""kubectl on the kind cluster, or on one whose context is named: it is never the person's current one."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

import yaml

from credit_delivery.cluster.nodes import CONTEXT
from credit_delivery.programs import run

Object = Mapping[str, Any]


def kubectl(*arguments: str, given: str | None = None, context: str = CONTEXT) -> str:
    """Run kubectl; gives what it printed."""
    return run(["kubectl", "--context", context, *arguments], given)


def apply(objects: Iterable[Object]) -> None:
    """Make these objects so; fields that others own are taken over."""
    given = yaml.safe_dump_all(list(objects), sort_keys=False)
    kubectl("apply", "--server-side", "--force-conflicts", "--filename", "-", given=given)


def items(kind: str, namespace: str, *arguments: str, context: str = CONTEXT) -> list[dict[str, Any]]:
    """All objects of a kind in a namespace; none when the kind or the namespace is not known yet."""
    how = ("--namespace", namespace, "--ignore-not-found", "--output", "json", *arguments)
    listed = kubectl("get", kind, *how, context=context)
    found: list[dict[str, Any]] = json.loads(listed)["items"] if listed else []
    return found
