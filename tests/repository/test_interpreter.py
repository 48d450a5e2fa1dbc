import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
# Says its version, and makes an environment whose programs say how they were called.
INTERPRETER = """#!/bin/sh
if [ "$1" = -c ]; then echo {version}; exit; fi
mkdir -p .venv/bin
for program in pip uv; do
  printf '#!/bin/sh\\necho "{name} %s $*" >>said\\n' $program >.venv/bin/$program
  chmod +x .venv/bin/$program
done
"""


@pytest.fixture
def setup(tmp_path):
    """`make setup` in a checkout, on a machine that has these interpreters: how it ended, and what it called."""

    def made(here: dict[str, str], *arguments: str) -> tuple[subprocess.CompletedProcess[str], list[str]]:
        (tmp_path / "bin").mkdir()
        for program in ("chmod", "mkdir", "touch"):
            (tmp_path / "bin" / program).symlink_to(str(shutil.which(program)))
        for name, version in here.items():
            path = tmp_path / ("" if "/" in name else "bin") / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(INTERPRETER.format(name=name, version=version))
            path.chmod(0o755)
        shutil.copy(ROOT / "Makefile", tmp_path)
        (tmp_path / "requirements.lock").touch()
        for pyproject in ROOT.glob("*/*/pyproject.toml"):
            folder = tmp_path / pyproject.parent.relative_to(ROOT)
            folder.mkdir(parents=True)
            (folder / pyproject.name).touch()
        apart = {name: value for name, value in os.environ.items() if name not in {"MAKEFLAGS", "MAKELEVEL", "PYTHON"}}
        ended = subprocess.run(
            [str(shutil.which("make")), "setup", *arguments],
            cwd=tmp_path,
            env=apart | {"PATH": str(tmp_path / "bin")},
            capture_output=True,
            text=True,
        )
        said = tmp_path / "said"
        return ended, said.read_text().splitlines() if said.exists() else []

    return made


@pytest.mark.parametrize(
    ("here", "arguments", "chosen"),
    [
        ({"python3": "3.12"}, [], "python3"),
        ({"python3": "3.14", "python3.11": "3.11", "python3.12": "3.12"}, [], "python3.11"),
        ({"python3": "3.12", "mine": "3.11"}, ["PYTHON=mine"], "mine"),
        ({"python3.13": "3.13", ".venv/bin/python": "3.11"}, [], ".venv/bin/python"),
    ],
)
def test_setup_takes_the_first_interpreter_that_fits(setup, here, arguments, chosen):
    ended, said = setup(here, *arguments)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert {line.split()[0] for line in said} == {chosen}


@pytest.mark.parametrize(
    ("here", "arguments", "found"),
    [
        ({"python3": "3.14"}, [], "python3 is 3.14"),
        ({"python3": "3.12", "mine": "3.10"}, ["PYTHON=mine"], "mine is 3.10"),
        ({}, [], "none of .venv/bin/python python3.11 python3.12 python3.13 python3 is there"),
    ],
)
def test_setup_refuses_other_interpreters_in_one_line(setup, here, arguments, found):
    ended, said = setup(here, *arguments)
    assert (ended.returncode, said) == (2, [])
    line, made = ended.stderr.splitlines()
    assert line == f"Python 3.11 to 3.13 is needed, {found}: install one, or name it: make PYTHON=path/to/python3.11"
    assert made.startswith("make: ***")


def test_setup_builds_our_packages_with_what_is_locked(setup):
    _, (_, sync) = setup({"python3": "3.11"})
    assert "--build-constraints services/build.lock" in sync
    locked = (ROOT / "services/build.lock").read_text()
    for backend in ("hatchling", "editables"):
        assert f"{backend}==" in locked
    for pyproject in ROOT.glob("*/*/pyproject.toml"):
        assert pyproject.parent.name == "pulumi" or 'requires = ["hatchling"]' in pyproject.read_text()
