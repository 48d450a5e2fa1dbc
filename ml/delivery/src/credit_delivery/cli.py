"""The command `credit-release`: one verb per thing that is done. Errors are one line and exit code 1, Ctrl-C is 130."""

from __future__ import annotations

import argparse
import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from credit_contract.errors import ContractError
from credit_delivery import commands
from credit_delivery.environments import ENVIRONMENTS
from credit_delivery.errors import ChartError, DeliveryError, LoadError

if TYPE_CHECKING:
    from credit_delivery.load import Load

Verb = Callable[[argparse.Namespace], None]
CHARTS = Path("charts")
API_KEY = "SCORING_API_KEY"
TELL_EVERY_S = 10.0
INTERRUPTED = 128 + signal.SIGINT
"""As a shell has it."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one verb."""
    chosen = _parser().parse_args(arguments)
    verb: Verb = chosen.verb
    try:
        verb(chosen)
    except (ContractError, DeliveryError) as error:
        _end(chosen.command, str(error), 1)
    except EOFError:
        _end(chosen.command, "nobody is there to answer, nothing was approved: run it on a terminal", 1)
    except KeyboardInterrupt:
        _end(chosen.command, "interrupted", INTERRUPTED)


def _end(command: str, why: str, code: int) -> NoReturn:
    print(f"credit-release {command}: {why}", file=sys.stderr)
    sys.exit(code)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="credit-release", description="From a candidate to what runs.")
    verbs = parser.add_subparsers(dest="command", required=True, metavar="VERB")

    def add(name: str, verb: Verb, summary: str) -> argparse.ArgumentParser:
        command = verbs.add_parser(name, help=summary, description=summary)
        command.set_defaults(verb=verb)
        return command

    commands.add_verbs(add)
    up = add("up", _up, "the whole platform on kind, up to every Application Synced and Healthy")
    up.add_argument("--training", action="store_true", help="also the image of the retraining job: several GB")
    add("push", _push, "send the working tree's changes to the cluster's git")
    status = add("status", _status, "what git wants against what runs, by environment")
    status.add_argument("--context", default="", help="another cluster of your kubeconfig, against this checkout's git")
    add("down", _down, "delete the cluster and all that was in it")
    tools = add("tools", _tools, "find or install the programs that charts and clusters need")
    tools.add_argument("names", nargs="*", metavar="NAME", help="only these, such as helm; default all")
    add("images", _images, "build the images of the services")
    _add_load(add("load", _load, "send made-up applicants to a scoring API at a steady rate, and count the answers"))
    drift = add("drift", _drift, "a downturn for staging on kind, with what became of its people, until interrupted")
    drift.add_argument("--rate", type=float, default=50.0, help="people per second, after the first thousands (50)")
    drift.add_argument("--seconds", type=float, help="how long; without, until interrupted")
    charts = add("charts", _charts, "write README.md and values.schema.json of the charts anew")
    charts.add_argument("--check", action="store_true", help="change nothing, exit 1 when a file is stale")
    return parser


def _add_load(load: argparse.ArgumentParser) -> None:
    load.epilog = f"An API key, where one is needed, is {API_KEY} in the environment."
    load.add_argument("--url", help="of the service, such as http://127.0.0.1:8000")
    load.add_argument("--bundle", type=Path, help="the bundle that answers, for fields and baseline")
    load.add_argument(
        "--holdout", type=Path, help="of that bundle, by `credit-train holdout`: whole people; without, field by field"
    )
    load.add_argument(
        "--kind", nargs="*", choices=ENVIRONMENTS, help="instead of the two: environments of the cluster; default both"
    )
    load.add_argument("--rate", type=float, default=10.0, help="requests per second (10)")
    load.add_argument("--seconds", type=float, help="how long; without, until interrupted")
    load.add_argument("--shift", type=float, default=0.0, help="how much worse off applicants are; 1 is a lot, 0 not")
    load.add_argument("--seed", type=int, default=1)
    load.add_argument("--applicants", type=int, default=1, metavar="N", help="in each request (1)")


def _load(chosen: argparse.Namespace) -> None:
    loads = _loads(chosen)

    def stop(*_: object) -> None:
        for load in loads.values():
            load.stop()

    with ExitStack() as running:
        for load in loads.values():
            running.enter_context(load)
        for sign in (signal.SIGINT, signal.SIGTERM):
            signal.signal(sign, stop)
        while not min([load.wait(TELL_EVERY_S / len(loads)) for load in loads.values()]):
            _tell(loads)
    _tell(loads)
    seen = [load.seen() for load in loads.values()]
    if failed := sum(one.failed for one in seen):
        raise LoadError(f"{failed:,} of {sum(one.sent for one in seen):,} requests failed")


def _loads(chosen: argparse.Namespace) -> dict[str, Load]:
    """Load by what it is called; there may be more than one."""
    if chosen.kind is not None:
        from credit_delivery.cluster.traffic import traffic

        how = (chosen.rate, chosen.seconds, chosen.shift, chosen.seed, chosen.applicants)
        return {f"{name}: ": traffic(name, *how) for name in chosen.kind or ENVIRONMENTS}
    from credit_delivery.crowd import requests
    from credit_delivery.load import Load

    if chosen.url is None or chosen.bundle is None:
        raise LoadError("say where to with --url and --bundle, or --kind")
    bodies = requests(_applicants(chosen), chosen.applicants)
    return {"": Load(chosen.url, bodies, chosen.rate, chosen.seconds, os.environ.get(API_KEY, ""))}


def _applicants(chosen: argparse.Namespace) -> Iterator[dict[str, Any]]:
    from credit_contract.bundle import read_bundle
    from credit_delivery.crowd import crowd, whole
    from credit_delivery.holdout import read
    from scoring_api.model import load

    if chosen.holdout is None:
        return crowd(read_bundle(chosen.bundle), chosen.shift, chosen.seed)
    model = load(chosen.bundle, "asked")
    return whole(model, read(chosen.holdout, model.bundle.manifest.dataset), chosen.shift, chosen.seed)


def _tell(loads: dict[str, Load]) -> None:
    for name, load in loads.items():
        print(f"{name}{load.seen().line()}", flush=True)


def _drift(chosen: argparse.Namespace) -> None:
    from credit_delivery.cluster import shift

    with suppress(KeyboardInterrupt):
        shift.live_through(chosen.rate, chosen.seconds, partial(print, flush=True))


def _up(chosen: argparse.Namespace) -> None:
    from credit_delivery.cluster import up

    up.up(training=chosen.training)


def _push(_: argparse.Namespace) -> None:
    from credit_delivery.cluster import up

    up.push()


def _down(_: argparse.Namespace) -> None:
    from credit_delivery.cluster import up

    up.down()


def _status(chosen: argparse.Namespace) -> None:
    from credit_delivery.cluster import status

    print(status.report(chosen.context))


def _tools(chosen: argparse.Namespace) -> None:
    from credit_delivery import tools

    print("\n".join(tools.install(chosen.names)))


def _images(_: argparse.Namespace) -> None:
    from credit_delivery.cluster import images
    from credit_delivery.cluster.progress import step

    with step("images of the services"):
        built = images.build(images.SERVICES)
    for image in built:
        print(f"{image.reference}  {image.digest}")


def _charts(chosen: argparse.Namespace) -> None:
    from credit_delivery import chart_files

    if not chosen.check:
        chart_files.generate(CHARTS)
    elif stale := chart_files.stale(CHARTS):
        raise ChartError(f"{stale[0]} is stale; run `credit-release charts`")


if __name__ == "__main__":
    main()
