"""The command `credit-train`: one verb per step, `key=value` to change any key of its configuration.

Parses and prints. The work is in the modules that each verb imports when it runs, so that help comes at once.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from credit_contract.errors import ContractError

from credit_training.errors import TrainingError

Verb = Callable[[argparse.Namespace], int]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one verb. Exit codes: 0 done, 1 failed with one line on stderr, 2 wrong usage, 3 a gate failed."""
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    parsed = _parser().parse_args(arguments)
    verb: Verb = parsed.verb
    try:
        return verb(parsed)
    except (ContractError, TrainingError) as error:
        print(f"credit-train {parsed.command}: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(f"credit-train {parsed.command}: interrupted; nothing half-written was kept", file=sys.stderr)
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="credit-train", description="From credit data to a proved ONNX bundle.")
    verbs = parser.add_subparsers(dest="command", required=True, metavar="VERB")

    def add(name: str, verb: Verb, summary: str, *, configured: bool = True) -> argparse.ArgumentParser:
        command = verbs.add_parser(name, help=summary, description=summary)
        command.set_defaults(verb=verb)
        if configured:
            command.add_argument("overrides", nargs="*", metavar="key=value", help="changes of conf/train.yaml")
        return command

    add("config", _config, "print the whole configuration as it would be used")
    add("data", _data, "fetch, check and prepare a dataset's versions")
    add("explore", _explore, "write the exploratory analysis of a dataset as an HTML page")
    add("run", _run, "train, compare, prove, gate and register; writes the bundle and a report")
    add("evaluate", _evaluate, "cross-validate the algorithms of the configuration")
    add("select", _select, "measure feature selection: importance, recursive elimination, sequential selection")
    add("search", _search, "search hyperparameters of the network; resumes a study of the same name")
    add("demo", _demo, "the main job end to end, down to scored applicants over HTTP")
    verify = add("verify", _verify, "repeat the proof that model.pt and model.onnx are the same model", configured=False)
    verify.add_argument("bundle", type=Path, help="a bundle directory")
    verify.add_argument("state", type=Path, help="the model.pt that it was exported from")
    verify.add_argument("--rows", type=int, default=5000, help="synthetic applicants to compare on (default 5000)")
    gate = add("gate", _gate, "print the gates of a bundle; exit 3 and name each one that failed", configured=False)
    gate.add_argument("bundle", type=Path, help="a bundle directory")
    cards = add("cards", _cards, "refresh the figures between the markers of the cards", configured=False)
    cards.add_argument("--check", action="store_true", help="change nothing, exit 1 when a card is stale")
    tracking = add("mlflow", _mlflow, "open MLflow's page over the embedded store", configured=False)
    tracking.add_argument("--port", type=int, default=5000)
    return parser
