"""The programs that tests, charts and clusters need: what is missing, how to get it, and installing it.

Go modules at pinned versions into var/tools, Debian's packages where root asks; the rest is named with where to get it.
Knows no cluster.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass

from credit_delivery import programs
from credit_delivery.errors import CommandFailedError, ToolsMissingError


@dataclass(frozen=True, slots=True)
class Tool:
    """A program; `module` is what `go install` takes, `package` what `apt-get install` does, empty without such a way.

    `folder` is for a module that replaces some of its parts, which `go install` refuses: where in it the program is.
    `commands` are what it may be called, one of which will do, where that is not its name.
    `rarely` is one that only its own commands need: looked for when it is asked for by name.
    """

    name: str
    module: str
    page: str
    folder: str = ""
    package: str = ""
    commands: tuple[str, ...] = ()
    rarely: bool = False


TOOLS = {
    tool.name: tool
    for tool in (
        Tool("actionlint", "github.com/rhysd/actionlint/cmd/actionlint@v1.7.12", "https://github.com/rhysd/actionlint"),
        Tool(
            "chromium",
            "",
            "https://www.chromium.org/getting-involved/download-chromium/",
            package="chromium",
            commands=("chromium", "google-chrome"),
        ),
        Tool("docker", "", "https://docs.docker.com/engine/install/"),
        Tool("git", "", "https://git-scm.com/downloads"),
        Tool("helm", "helm.sh/helm/v3/cmd/helm@v3.19.5", "https://helm.sh/docs/intro/install/"),
        Tool("kind", "sigs.k8s.io/kind@v0.33.0", "https://kind.sigs.k8s.io/docs/user/quick-start/"),
        Tool(
            "kubeconform", "github.com/yannh/kubeconform/cmd/kubeconform@v0.7.0", "https://github.com/yannh/kubeconform"
        ),
        Tool("kubectl", "", "https://kubernetes.io/docs/tasks/tools/"),
        Tool(
            "policy-tester",
            "github.com/sigstore/policy-controller@v0.13.1",
            "https://github.com/sigstore/policy-controller",
            folder="./cmd/tester",
        ),
        Tool(
            "pulumi",
            "",
            "https://www.pulumi.com/docs/iac/download-install/ for the version in infra/pulumi/.pulumi.version",
            rarely=True,
        ),
        Tool(
            "postgresql",
            "",
            "https://www.postgresql.org/download/",
            package="postgresql",
            commands=("initdb",),
        ),
        Tool(
            "promtool",
            "github.com/prometheus/prometheus@v0.306.0",
            "https://prometheus.io/download/",
            folder="./cmd/promtool",
        ),
        Tool("wrk", "", "https://github.com/wg/wrk", package="wrk", rarely=True),
    )
}


def missing(names: Sequence[str]) -> list[str]:
    """One line for each of these that is not there, with how to get it."""
    return [f"{name} is missing: {how_to_get(name)}" for name in names if _path(TOOLS[name]) is None]


def how_to_get(name: str) -> str:
    """One line of advice."""
    tool = TOOLS[name]
    if tool.package:
        return f"`sudo apt-get install {tool.package}`, or see {tool.page}"
    return f"`make tools` (needs Go), or see {tool.page}" if tool.module else f"see {tool.page}"


def install(names: Sequence[str] = ()) -> list[str]:
    """Install what is missing and can be, of these or of all that many need; gives a line about each program.

    Raises:
        ToolsMissingError: something is missing still, or no tool has that name.
    """
    if strangers := [name for name in names if name not in TOOLS]:
        raise ToolsMissingError(f"{', '.join(strangers)}: not known; the tools are {', '.join(TOOLS)}")
    wanted = [tool for tool in TOOLS.values() if (tool.name in names if names else not tool.rarely)]
    absent = [tool for tool in wanted if _path(tool) is None]
    failures = _fetch([tool.package for tool in absent if tool.package])
    for tool in absent:
        if tool.module:
            try:
                _build(tool)
            except CommandFailedError as error:
                failures.append(f"{tool.name} was not built: {error}")
    if lines := missing([tool.name for tool in wanted]):
        raise ToolsMissingError("\n".join(lines + failures))
    return [f"{tool.name:13} {_path(tool)}" for tool in wanted]


def _path(tool: Tool) -> str | None:
    return next(filter(None, map(programs.find, tool.commands or (tool.name,))), None)


def _fetch(packages: Sequence[str]) -> list[str]:
    """By Debian's or Ubuntu's own archive, where that is there and this is root; gives what went wrong."""
    if not packages or os.geteuid() != 0 or programs.find("apt-get") is None:
        return []
    quiet = {"DEBIAN_FRONTEND": "noninteractive"}
    try:
        programs.run(["apt-get", "update", "-qq"], environment=quiet)
        programs.run(["apt-get", "install", "-y", "-qq", *packages], environment=quiet)
    except CommandFailedError as error:
        return [f"{', '.join(packages)}: not installed: {error}"]
    return []


def _build(tool: Tool) -> None:
    """By the module's own go.mod and go.sum, which Go's checksum database vouches for."""
    made = programs.FOLDER.resolve()
    where = {"GOBIN": str(made), "CGO_ENABLED": "0"}
    if not tool.folder:
        programs.run(["go", "install", tool.module], environment=where)
        return
    source = json.loads(programs.run(["go", "mod", "download", "-json", tool.module]))["Dir"]
    programs.run(["go", "build", "-C", source, "-o", str(made / tool.name), tool.folder], environment=where)
