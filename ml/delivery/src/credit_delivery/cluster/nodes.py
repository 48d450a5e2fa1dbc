"""The kind cluster itself: made, given images, deleted. Knows nothing of what will run on it."""

from __future__ import annotations

import os
import socket
from collections.abc import Sequence
from pathlib import Path

import yaml

from credit_delivery import tools
from credit_delivery.errors import CommandFailedError, ToolsMissingError
from credit_delivery.programs import run, succeeds

CONFIG = Path(__file__).with_name("kind.yaml")
NAME = "credit"
CONTEXT = f"kind-{NAME}"
NODE_IMAGE = "kindest/node:v1.34.4"
PROGRAMS = ("docker", "git", "helm", "kind", "kubectl")
MEMORY_GIB = 6
KERNEL_GIB = 0.5
"""What a virtual machine that was given that much may lack in docker's count: its kernel's share."""


def check() -> None:
    """Everything that `create` needs, before anything is made.

    Raises:
        ToolsMissingError: one line for each thing that is missing.
    """
    lines = tools.missing(PROGRAMS)
    if not lines and not succeeds(["docker", "info"]):
        lines.append("docker does not answer: start its daemon, and let this user reach it")
    if not lines and not exists():
        lines += _unfit()
    if lines:
        raise ToolsMissingError("\n".join(lines))


def _unfit() -> list[str]:
    """What keeps a cluster from being made although every program is there."""
    lines = [f"port {port} is taken: stop what listens there" for port in ports() if _taken(port)]
    # Docker's own memory: on Docker Desktop it is a virtual machine's, less than the computer has.
    gib = int(run(["docker", "info", "--format", "{{.MemTotal}}"])) / 2**30
    if gib < MEMORY_GIB - KERNEL_GIB:
        lines.append(f"docker has {gib:.1f} GiB of memory: give it at least {MEMORY_GIB}")
    if run(["git", "rev-parse", "--is-shallow-repository"]).strip() == "true":
        lines.append("this clone is shallow, and the cluster gets its history: `git fetch --unshallow`")
    return lines


def ports() -> list[int]:
    """Ports of this machine that the cluster listens on."""
    nodes = yaml.safe_load(CONFIG.read_text())["nodes"]
    return [mapping["hostPort"] for node in nodes for mapping in node.get("extraPortMappings", [])]


def exists() -> bool:
    """Whether the cluster is there."""
    return NAME in run(["kind", "get", "clusters"]).split()


def create() -> None:
    """Make the cluster unless it is there; a half-made one is removed.

    Raises:
        CommandFailedError: kind could not.
    """
    if exists():
        return
    image = os.environ.get("KIND_NODE_IMAGE", NODE_IMAGE)
    try:
        run(["kind", "create", "cluster", "--config", str(CONFIG), "--image", image, "--wait", "120s"])
    except CommandFailedError:
        delete()
        raise


def delete() -> None:
    """Remove the cluster and all that was in it."""
    run(["kind", "delete", "cluster", "--name", NAME])


def load(images: Sequence[str], label: str = "") -> None:
    """Put local images on every worker, or on those with a label `key=value`."""
    where = label or "!node-role.kubernetes.io/control-plane"
    listed = run(["kubectl", "--context", CONTEXT, "get", "nodes", "--selector", where, "--output", "name"])
    chosen = [line.removeprefix("node/") for line in listed.split()]
    absent = [image for image in images if not all(_has(node, image) for node in chosen)]
    if absent:
        run(["kind", "load", "docker-image", *absent, "--name", NAME, "--nodes", ",".join(chosen)])


def _has(node: str, image: str) -> bool:
    named = f"name==docker.io/library/{image}"
    return bool(run(["docker", "exec", node, "ctr", "--namespace=k8s.io", "images", "list", "--quiet", named]).strip())


def _taken(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
