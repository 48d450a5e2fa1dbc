"""Every `run:` step is something that a person can type here: a target of the Makefile or a project command."""

import argparse
import re
import shlex
from collections.abc import Callable

import pytest

import credit_delivery.cli
import credit_training.cli
import drift_monitor.cli
import scoring_api.cli
from credit_training.config import train_config

from .workflows import ROOT, commands

PARSERS: dict[str, Callable[[], argparse.ArgumentParser]] = {
    "credit-release": credit_delivery.cli._parser,
    "credit-train": credit_training.cli._parser,
    "drift-monitor": drift_monitor.cli._parser,
    "scoring-api": scoring_api.cli._parser,
}
SAMPLES = {"ENVIRONMENT": "staging", "DATASET": "simulated"}
MAKEFILE = (ROOT / "Makefile").read_text()
RULES = re.findall(r"^([a-z][a-z0-9 -]*):", MAKEFILE, re.MULTILINE)
TARGETS = {target for rule in RULES for target in rule.split()}
EACH = pytest.mark.parametrize(
    ("where", "command"), commands(), ids=[f"{where}: {command[:40]}" for where, command in commands()]
)


def words(command: str) -> list[str]:
    filled = re.sub(r"\$(\w+)", lambda found: SAMPLES.get(found[1], "a"), command)
    return shlex.split(filled)


@EACH
def test_a_step_is_one_command_of_this_project(where: str, command: str) -> None:
    assert "${{" not in command, "an expression in a command lets its value become code; pass it by env"
    program, *arguments = words(command)
    if program == "make":
        assert arguments[0] in TARGETS, f"{where}: the Makefile has no target {arguments[0]}"
        told = {argument.partition("=")[0] for argument in arguments[1:]}
        assert told <= variables(arguments[0]), f"{where}: make {arguments[0]} does not read what it is told"
        return
    folder, _, name = program.rpartition("/")
    assert folder in {".venv/bin", "../.venv/bin"}, where
    try:
        PARSERS[name]().parse_args(arguments)
    except SystemExit:
        pytest.fail(f"{where}: {name} does not take {arguments}")


def variables(target: str) -> set[str]:
    """What a target's recipe reads, by way of other variables too."""
    recipe = "".join(re.findall(rf"^{target}:.*\n((?:\t.*\n)+)", MAKEFILE, re.MULTILINE))
    defined = dict(re.findall(r"^([A-Z]+) [?:]?= (.*)$", MAKEFILE, re.MULTILINE))
    found: set[str] = set()
    unread = [recipe]
    while unread:
        for name in re.findall(r"\$\((?:\w+ )?([A-Z]+)", unread.pop()):
            if name not in found:
                found.add(name)
                unread.append(defined.get(name, ""))
    return found


def overrides() -> list[list[str]]:
    """What training is told, by its command or by make's ARGS."""
    every = [words(command) for _, command in commands()]
    direct = [given[2:] for given in every if given[0].endswith("credit-train") and "=" in given[-1]]
    made = [given[-1].removeprefix("ARGS=").split() for given in every if given[:2] == ["make", "train"]]
    return direct + made


@pytest.mark.parametrize("given", overrides(), ids=" ".join)
def test_training_is_told_only_keys_that_it_has(given: list[str]) -> None:
    train_config(given)
