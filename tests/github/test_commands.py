"""Every `run:` step is something that a person can type here: a target of the Makefile or a project command."""

import re
import shlex

import pytest

from tests.repository.command_lines import OURS, calls, fault

from .workflows import ROOT, commands

NOT_IN_CI_RUN = {
    "credit-release build": "pushes to a registry; tests/delivery builds and pushes by a stand-in of docker",
    "credit-release bump": "commits; tests/delivery",
    "credit-release confirm": "asks a service on a cluster; tests/delivery asks a stand-in, make e2e a cluster",
    "credit-release promote": "opens a pull request; tests/delivery opens it at a stand-in of GitHub, make e2e on kind",
    "credit-release rollback": "commits; tests/delivery, and make e2e on kind",
    "make cut-off": "is for the steps after it; tests/github/test_retraining.py runs it",
    "make down": "needs kind",
    "make e2e": "needs kind, and many minutes: .ci/run has it where there is time",
    "make promote": "as credit-release promote",
    "make provision": "needs an account in AWS",
    "make publish-models": "needs a registry; tests/github/test_model_images.py has a stand-in",
    "make release-files": "needs a version in the changelog; tests/github/test_release_files.py brings one",
    "make test-charts": "part of make test, which has it there",
    "make sign": "needs Sigstore; tests/charts/test_signatures.py has an authority of its own",
}
"""What `.ci/run` cannot run, or not always: why, and where it is tried instead."""

COMMANDS = commands()
EACH = pytest.mark.parametrize(
    ("where", "command"), COMMANDS, ids=[f"{where}: {command[:40]}" for where, command in COMMANDS]
)


@EACH
def test_a_step_is_one_command_of_this_project(where: str, command: str) -> None:
    assert "${{" not in command, "an expression in a command lets its value become code; pass it by env"
    assert OURS.match(command), where
    assert fault(command) == "", where


def sort(command: str) -> str:
    """Program and verb, make and target."""
    program, verb, *_ = shlex.split(command)
    return f"{program.rpartition('/')[2]} {verb}"


def tried() -> set[str]:
    """What `.ci/run` calls, by itself or by make."""
    text = (ROOT / ".ci/run").read_text()
    direct = re.findall(r"^ *(?:if )?(?:[A-Z_]+=\S* )*(\.venv/bin/[^;\n]+)", text, re.MULTILINE)
    made = [
        shlex.split(line)[1:] for line in re.findall(r"^ *(?:if )?(?:[A-Z_]+=\S* )*(make [^;\n]+)", text, re.MULTILINE)
    ]
    targets = {f"make {word}" for given in made for word in given if "=" not in word}
    return targets | {sort(call) for call in [*direct, *(call for given in made for call in calls(given))]}


def test_ci_run_tries_every_command_of_a_workflow_that_it_can() -> None:
    called = {sort(command) for _, command in COMMANDS}
    assert called - tried() <= set(NOT_IN_CI_RUN) <= called
