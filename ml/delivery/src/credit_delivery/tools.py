"""The programs that charts and clusters need: found on PATH or in var/tools, else installed there, versions pinned.

Go modules by `go install`; what is no Go module is named with where to get it. Knows no cluster.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from credit_delivery.errors import ToolsMissingError

FOLDER = Path("var/tools")


@dataclass(frozen=True, slots=True)
class Tool:
    """A program; `module` is what `go install` takes, empty where there is no such way."""

    name: str
    module: str
    page: str


TOOLS = {
    tool.name: tool
    for tool in (
        Tool("actionlint", "github.com/rhysd/actionlint/cmd/actionlint@v1.7.12", "https://github.com/rhysd/actionlint"),
        Tool("docker", "", "https://docs.docker.com/engine/install/"),
        Tool("helm", "helm.sh/helm/v3/cmd/helm@v3.19.5", "https://helm.sh/docs/intro/install/"),
        Tool("kind", "sigs.k8s.io/kind@v0.33.0", "https://kind.sigs.k8s.io/docs/user/quick-start/"),
        Tool(
            "kubeconform", "github.com/yannh/kubeconform/cmd/kubeconform@v0.7.0", "https://github.com/yannh/kubeconform"
        ),
        Tool("kubectl", "", "https://kubernetes.io/docs/tasks/tools/"),
        Tool("promtool", "github.com/prometheus/prometheus/cmd/promtool@v0.306.0", "https://prometheus.io/download/"),
    )
}


def find(name: str) -> str | None:
    """Path of a program on PATH or under var/tools."""
    return shutil.which(name) or shutil.which(name, path=str(FOLDER))


def require(names: Sequence[str]) -> None:
    """Refuse to begin without these.

    Raises:
        ToolsMissingError: naming each with how to get it.
    """
    if missing := [f"{name} is missing: {how_to_get(name)}" for name in names if find(name) is None]:
        raise ToolsMissingError("\n".join(missing))


def how_to_get(name: str) -> str:
    """One line of advice."""
    tool = TOOLS[name]
    return f"`make tools` (needs Go), or see {tool.page}" if tool.module else f"see {tool.page}"


def install(go: Callable[[Sequence[str], Mapping[str, str]], bool]) -> list[str]:
    """Install what is missing and can be, by `go` with arguments and environment; gives a line about each program.

    Raises:
        ToolsMissingError: something is missing still.
    """
    lines = []
    for tool in TOOLS.values():
        if find(tool.name) is None and tool.module and shutil.which("go"):
            FOLDER.mkdir(parents=True, exist_ok=True)
            # A failure shows in the missing program, whose advice names another way.
            go(["install", tool.module], {"GOBIN": str(FOLDER.resolve()), "CGO_ENABLED": "0"})
        lines.append(f"{tool.name:12} {find(tool.name) or 'missing: ' + how_to_get(tool.name)}")
    if any(find(name) is None for name in TOOLS):
        raise ToolsMissingError("\n".join(lines))
    return lines
