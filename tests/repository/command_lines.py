"""Command lines as people read them in documents and CI runs them: whether our programs and the Makefile take them.

Parses with each program's own parser and settings, runs nothing.
"""

import argparse
import importlib.util
import os
import re
import shlex
import subprocess
from collections.abc import Callable, Iterator
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any

import credit_delivery.cli
import credit_delivery.supply_chain.__main__
import credit_training.cli
import drift_monitor.cli
import drift_monitor.settings
import scoring_api.cli
import scoring_api.settings
from credit_contract.errors import ContractError
from credit_training.config import train_config
from credit_training.errors import TrainingError
from drift_monitor.errors import MonitorError
from scoring_api.errors import ServiceError

ROOT = Path(__file__).parents[2]
MAKEFILE = (ROOT / "Makefile").read_text()
TARGETS = {target for rule in re.findall(r"^([a-z][a-z0-9 -]*):", MAKEFILE, re.MULTILINE) for target in rule.split()}
PARSERS: dict[str, Callable[[], argparse.ArgumentParser]] = {
    "credit-release": credit_delivery.cli._parser,
    "credit-train": credit_training.cli._parser,
    "drift-monitor": drift_monitor.cli._parser,
    "scoring-api": scoring_api.cli._parser,
}
MODULES = {"credit_delivery.supply_chain": credit_delivery.supply_chain.__main__._parser}
SETTINGS: dict[str, Callable[[list[str]], Any]] = {
    "credit-train": train_config,
    "drift-monitor": lambda given: drift_monitor.settings.load(None, given),
    "scoring-api": lambda given: scoring_api.settings.load(None, ["bundle=bundle", *given]),
}
SAMPLES = dict.fromkeys(["ENVIRONMENT", "ENV", "E", "…"], "staging") | {
    "DATASET": "simulated",
    "RETRAIN_DATASET": "simulated",
    "TOOLS": "helm",
    "YYYY-MM-DD": "2026-01-01",
}
"""What stands for a placeholder or a variable, where not any word would do."""

OURS = re.compile(rf"(?:(?:\.\./)?\.venv/bin/)?(?:make|python -m|{'|'.join(PARSERS)})(?= |$)")


def fault(command: str) -> str:
    """Why a command line cannot be meant, in one line; empty when it can."""
    chosen = re.sub(r"\$\{\w+:-([^}]+)\}", r"\1", command)
    words = shlex.split(re.sub(r"\$(\w+)", lambda found: SAMPLES.get(found[1], "a"), chosen), comments=True)
    while "=" in words[0]:
        words = words[1:]
    program, *given = words[0].rpartition("/")[2], *words[1:]
    if program == "make":
        return _made(given)
    if program == "python":
        if given[1] in MODULES:
            return _parsed(MODULES[given[1]](), given[1], given[2:])
        return "" if importlib.util.find_spec(given[1]) else f"there is no module {given[1]}"
    if program not in PARSERS:
        return f"{program} is no program of ours"
    return _parsed(PARSERS[program](), program, given)


def _parsed(parser: argparse.ArgumentParser, program: str, given: list[str]) -> str:
    said = StringIO()
    try:
        with redirect_stderr(said), redirect_stdout(StringIO()):
            parsed = parser.parse_args([SAMPLES.get(word, word) for word in given])
        if program in SETTINGS and hasattr(parsed, "overrides"):
            SETTINGS[program](parsed.overrides)
    except SystemExit as ended:
        return said.getvalue().splitlines()[-1] if ended.code else ""
    except (ContractError, TrainingError, MonitorError, ServiceError) as error:
        return f"{program}: {error}"
    return ""


def _made(given: list[str]) -> str:
    targets = [word for word in given if "=" not in word]
    told = {word.partition("=")[0] for word in given if "=" in word}
    if strangers := [target for target in targets if target not in TARGETS]:
        return f"the Makefile has no target {strangers}"
    if deaf := told - {name for target in targets for name in variables(target)}:
        return f"make {' '.join(targets)} does not read {sorted(deaf)}"
    return "" if given == targets else "; ".join(filter(None, map(fault, calls(given))))


def calls(given: list[str]) -> list[str]:
    """Our programs' command lines that `make` with these arguments would run."""
    filled = [f"{name}{equals}{SAMPLES.get(value, value)}" for name, equals, value in (w.partition("=") for w in given)]
    # What the `make test` around it was told, as in `make test ARGS="-n 4"`, is not meant for these.
    apart = {name: value for name, value in os.environ.items() if name not in {"MAKEFLAGS", "ARGS"}}
    recipe = subprocess.run(
        ["make", "--dry-run", "--no-print-directory", *filled],
        cwd=ROOT,
        env=apart,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.replace("\\\n", " ")
    ours = re.compile(r"\.venv/bin/(?:python -m credit|" + "|".join(PARSERS) + ")")
    return [part for line in recipe.splitlines() for part in line.split(" && ") if ours.match(part)]


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


def mentioned(document: str) -> Iterator[str]:
    """Our command lines of a Markdown text: whole lines of its blocks of code, and what stands in backquotes.

    Outside of blocks a name and a verb alone are a way to speak of a command, not to call it; they get its help.
    """
    for line in re.findall(r"^(?: {4}|\t)(.*(?:\\\n.*)*)", document, re.MULTILINE) + re.findall(
        r"^```(?:sh|bash|console)?\n(.*?)^```", document, re.MULTILINE | re.DOTALL
    ):
        for command in line.replace("\\\n", " ").splitlines():
            if OURS.match(re.sub(r"^(?:[A-Z_]+=\S+ )+", "", command.strip())):
                yield command.strip()
    for quoted in re.findall(r"(?<!`)`([^`\n]+)`(?!`)", document):
        if OURS.match(re.sub(r"^(?:[A-Z_]+=\S+ )+", "", quoted)):
            spoken = len(quoted.split()) <= 2 and not quoted.startswith(("make", "python"))
            yield f"{quoted} --help" if spoken else quoted
