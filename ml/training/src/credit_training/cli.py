"""The command `credit-train`: one verb per step, `key=value` to change any key of its configuration.

Parses and prints. The work is in the modules that each verb imports when it runs, so that help comes at once.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from types import FrameType
from typing import NoReturn

from credit_contract.errors import ContractError
from credit_contract.gates import failed
from credit_training.errors import TrainingError

Verb = Callable[[argparse.Namespace], int]
GATE_FAILED = 3


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one verb.

    Exit codes: 0 done, 1 failed with one line on stderr, 2 wrong usage, 3 a gate failed, 130 and 143 ended by SIGINT
    and SIGTERM.
    """
    for switch in ("MLFLOW_DISABLE_TELEMETRY", "ORT_DISABLE_TELEMETRY"):
        os.environ.setdefault(switch, "1")
    parsed = _parser().parse_args(arguments)
    verb: Verb = parsed.verb
    before = signal.signal(signal.SIGTERM, _terminate)
    try:
        return verb(parsed)
    except (ContractError, TrainingError) as error:
        print(f"credit-train {parsed.command}: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(f"credit-train {parsed.command}: interrupted; nothing half-written was kept", file=sys.stderr)
        return 130
    except _TerminatedError:
        print(f"credit-train {parsed.command}: terminated; nothing half-written was kept", file=sys.stderr)
        return 143
    finally:
        signal.signal(signal.SIGTERM, before)


class _TerminatedError(BaseException):
    """SIGTERM came; like KeyboardInterrupt it is no Exception, so that nobody handles it on the way."""


def _terminate(_: int, __: FrameType | None) -> None:
    raise _TerminatedError


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
    data = add("data", _data, "fetch, check and prepare a dataset's versions")
    add("explore", _explore, "write the exploratory analysis of a dataset as an HTML page")
    add("run", _run, "train, compare, prove, gate and register; writes the bundle and a report")
    evaluate = add("evaluate", _evaluate, "cross-validate the algorithms of the configuration")
    for keeps in (data, evaluate):
        keeps.add_argument("--keep", action="store_true", help="keep the figures for the cards, in docs/figures")
    add("select", _select, "measure feature selection: importance, recursive elimination, sequential selection")
    add("search", _search, "search hyperparameters of the network; resumes a study of the same name")
    add("demo", _demo, "the main job end to end, down to scored applicants over HTTP")
    verify = add(
        "verify", _verify, "repeat the proof that model.pt and model.onnx are the same model", configured=False
    )
    verify.add_argument("bundle", type=Path, help="a bundle directory")
    verify.add_argument("state", type=Path, help="the model.pt that it was exported from")
    verify.add_argument("--rows", type=_count, default=5000, help="synthetic applicants to compare on (default 5000)")
    gate = add("gate", _gate, "print the gates of a bundle; exit 3 and name each one that failed", configured=False)
    gate.add_argument("bundle", type=Path, help="a bundle directory")
    gate.add_argument("--champion", type=Path, metavar="BUNDLE", help="compare with it, not with the registry's")
    holdout = add("holdout", _holdout, "rebuild a dataset version's hold-out from source into an .npz file")
    holdout.add_argument("--out", type=Path, required=True, help="the file to write; it holds rows, keep it here")
    cards = add("cards", _cards, "refresh the figures between the markers of the cards", configured=False)
    cards.add_argument("--bundle", type=Path, help="first keep this bundle's figures in docs/figures")
    cards.add_argument("--check", action="store_true", help="change nothing, exit 1 when a card is stale")
    tracking = add(
        "mlflow", _mlflow, "open MLflow's page over the embedded store, or say where the server's is", configured=False
    )
    tracking.add_argument("--port", type=int, default=5000)
    return parser


def _count(text: str) -> int:
    if not text.isascii() or not text.isdigit() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of applicants; give a whole number above 0")
    return int(text)


def _config(arguments: argparse.Namespace) -> int:
    from omegaconf import OmegaConf

    from credit_training.config import train_config

    print(OmegaConf.to_yaml(OmegaConf.create(train_config(arguments.overrides).model_dump(mode="json"))), end="")
    return 0


def _data(arguments: argparse.Namespace) -> int:
    from credit_training.config import train_config
    from credit_training.prepare import fetch_and_prepare

    config = train_config(arguments.overrides)
    _check_keep(arguments)
    done = fetch_and_prepare(config.dataset, config.versions)
    print("\n".join(one.summary for one in done))
    if arguments.keep:
        from credit_training.card_figures import keep_data

        keep_data(done, Path())
    return 0


def _explore(arguments: argparse.Namespace) -> int:
    from credit_training.config import train_config
    from credit_training.explore import explore
    from credit_training.files import home
    from credit_training.prepare import prepared
    from credit_training.source import obtain

    config = train_config(arguments.overrides)
    spec = config.spec
    raw = obtain(spec, home())
    for version in config.versions:
        print(explore(prepared(spec, version, home(), raw), home() / "reports"))
    return 0


def _run(arguments: argparse.Namespace) -> int:
    from credit_training.config import run_config
    from credit_training.progress import Progress
    from credit_training.run import run, steps_of
    from credit_training.summary import run_summary

    config = run_config(arguments.overrides)
    result = run(config, Progress(steps_of(config)))
    print(run_summary(result))
    print(f"\n{result.candidate.bundle.path}\n{result.report}")
    return _judged(failed(result.gates))


def _demo(arguments: argparse.Namespace) -> int:
    from credit_training.config import run_config
    from credit_training.demo import demo

    return _judged(failed(demo(run_config(arguments.overrides)).gates))


def _judged(losers: list[str]) -> int:
    if losers:
        print(f"gates failed: {', '.join(losers)}", file=sys.stderr)
    return GATE_FAILED if losers else 0


def _evaluate(arguments: argparse.Namespace) -> int:
    from credit_training.config import train_config
    from credit_training.evaluate import evaluate_all, evaluation_table

    config = train_config(arguments.overrides)
    _check_keep(arguments)
    found = evaluate_all(config)
    print(evaluation_table(found))
    if arguments.keep:
        from credit_training.card_figures import keep_cross_validation

        keep_cross_validation(config.spec.name, config.versions[-1], found, Path(), config.keep_leaks)
    return 0


def _check_keep(arguments: argparse.Namespace) -> None:
    from credit_training.card_figures import check_root

    if arguments.keep:
        check_root(Path())


def _select(arguments: argparse.Namespace) -> int:
    from credit_training.config import train_config
    from credit_training.selection import select_dataset

    print(select_dataset(train_config(arguments.overrides)))
    return 0


def _search(arguments: argparse.Namespace) -> int:
    from credit_training.config import train_config
    from credit_training.feature_steps import STEPS
    from credit_training.files import home
    from credit_training.prepare import prepared
    from credit_training.registry import Registry
    from credit_training.search import search

    config = train_config(arguments.overrides)
    spec = config.spec
    data = prepared(spec, config.versions[-1], home())
    portfolio = data.portfolio(config.protected_used, config.keep_leaks)
    steps = STEPS.validate_python(list(spec.features))
    storage = f"sqlite:///{home().resolve() / 'search.db'}"

    registry = Registry(home())
    registry.check()

    def say(line: str) -> None:
        print(line, file=sys.stderr)

    found = search(portfolio.development(), config.model, steps, config.search, config.seed, storage, say)
    registry.record_trials(data.dataset, config.search.study, found.trials)
    for trial in found.trials[:10]:
        changes = " ".join(f"model.{key}={value}" for key, value in trial.changes.items()).replace(", ", ",")
        print(f"{trial.number:>4}  {trial.figures['auc']:.4f}  {trial.figures['log_loss']:.5f}  {changes}")
    return 0


def _verify(arguments: argparse.Namespace) -> int:
    from credit_training.verification import verify

    seen = verify(arguments.bundle, arguments.state, arguments.rows)
    print(f"max |ΔPD| {seen.max_abs_delta:.3e} over {seen.rows} applicants, rtol {seen.rtol:g}, atol {seen.atol:g}")
    print("the same model" if seen.agrees else "not the same model")
    return 0 if seen.agrees else 1


def _gate(arguments: argparse.Namespace) -> int:
    from credit_training.gate_file import gate_table
    from credit_training.verification import judge_bundle

    results = judge_bundle(arguments.bundle, arguments.champion)
    print(gate_table(results))
    return _judged(failed(results))


def _cards(arguments: argparse.Namespace) -> int:
    from credit_contract.bundle import read_bundle
    from credit_training.card_figures import keep_model
    from credit_training.cards import refresh

    if arguments.bundle is not None:
        keep_model(read_bundle(arguments.bundle), Path())
    return refresh(check=arguments.check)


def _holdout(arguments: argparse.Namespace) -> int:
    from credit_training.config import train_config
    from credit_training.files import home
    from credit_training.holdout import write_holdout

    config = train_config(arguments.overrides)
    rebuilt = write_holdout(config.spec, config.versions[-1], home(), arguments.out)
    print(f"{arguments.out}: hold-out {rebuilt.holdout_sha256} of {config.dataset} {config.versions[-1]}")
    return 0


def _mlflow(arguments: argparse.Namespace) -> int:
    from credit_training.files import home
    from credit_training.registry import Registry

    registry = Registry(home())
    if registry.page is None:
        _open_page(registry.address, arguments.port)
    print(f"the tracking server shows its page at {registry.page}")
    return 0


def _open_page(store: str, port: int) -> NoReturn:
    """Become MLflow's server over a database."""
    os.environ.setdefault("MLFLOW_SERVER_ENABLE_JOB_EXECUTION", "false")
    server = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    os.execv(sys.executable, [*server, "--backend-store-uri", store])  # noqa: S606
