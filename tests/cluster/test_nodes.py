import subprocess
from pathlib import Path

import pytest

from credit_delivery.cluster import nodes
from credit_delivery.errors import ToolsMissingError

from .conftest import Program

GIB = 2**30
# Docker as far as it is asked: its memory. No cluster is there.
DOCKER = '#!/bin/sh\n[ "$*" = info ] || echo {}\n'
QUIET = "#!/bin/sh\n"


def git(*arguments: str) -> None:
    identity = ("-c", "user.name=A Person", "-c", "user.email=person@example.com")
    subprocess.run(["git", *identity, *arguments], check=True, capture_output=True)


@pytest.fixture
def machine(program: Program, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("docker", "helm", "kind", "kubectl"):
        program(name, QUIET)
    git("init", "--quiet", str(tmp_path / "whole"))
    for message in ("Begin", "Go on"):
        git("-C", str(tmp_path / "whole"), "commit", "--quiet", "--allow-empty", "--message", message)
    monkeypatch.chdir(tmp_path / "whole")
    return tmp_path


def missing(machine: Path, memory: int) -> str:
    """What `up` says before it makes anything; ports may be taken where other clusters run."""
    (machine / "docker").write_text(DOCKER.format(memory))
    try:
        nodes.check()
    except ToolsMissingError as error:
        return "\n".join(line for line in str(error).splitlines() if not line.startswith("port "))
    return ""


def test_memory_is_docker_s_and_not_the_machine_s(machine: Path) -> None:
    assert missing(machine, 6 * GIB - 300 * 2**20) == ""
    assert missing(machine, 4 * GIB) == "docker has 4.0 GiB of memory: give it at least 6"


def test_a_shallow_clone_is_told_what_it_lacks(machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    git("clone", "--quiet", "--depth", "1", f"file://{machine}/whole", str(machine / "shallow"))
    monkeypatch.chdir(machine / "shallow")
    assert missing(machine, 6 * GIB) == (
        "this clone is shallow, and the cluster gets its history: `git fetch --unshallow`"
    )
    git("fetch", "--quiet", "--unshallow")
    assert missing(machine, 6 * GIB) == ""
