"""The command `credit-release`: one verb per thing that is done. Errors are one line, and exit code 1."""

from __future__ import annotations

import argparse
import os
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from credit_contract.errors import ContractError
from credit_delivery import commands
from credit_delivery.errors import ChartError, DeliveryError, LoadError

Verb = Callable[[argparse.Namespace], None]
CHARTS = Path("charts")
API_KEY = "SCORING_API_KEY"
TELL_EVERY_S = 10.0


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one verb."""
    chosen = _parser().parse_args(arguments)
    verb: Verb = chosen.verb
    try:
        verb(chosen)
    except (ContractError, DeliveryError) as error:
        print(f"credit-release {chosen.command}: {error}", file=sys.stderr)
        sys.exit(1)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="credit-release", description="From a candidate to what runs.")
    verbs = parser.add_subparsers(dest="command", required=True, metavar="VERB")

    def add(name: str, verb: Verb, summary: str) -> argparse.ArgumentParser:
        command = verbs.add_parser(name, help=summary, description=summary)
        command.set_defaults(verb=verb)
        return command

    commands.add_verbs(add)
    add("up", _up, "the whole platform on kind, up to every Application Synced and Healthy")
    add("push", _push, "send the working tree's changes to the cluster's git")
    add("status", _status, "what git wants against what runs, by environment")
    add("down", _down, "delete the cluster and all that was in it")
    add("tools", _tools, "find or install the programs that charts and clusters need")
    add("images", _images, "build the images of the services")
    _add_load(add("load", _load, "send made-up applicants to a scoring API at a steady rate, and count the answers"))
    charts = add("charts", _charts, "write README.md and values.schema.json of the charts anew")
    charts.add_argument("--check", action="store_true", help="change nothing, exit 1 when a file is stale")
    return parser


def _add_load(load: argparse.ArgumentParser) -> None:
    load.epilog = f"An API key, where one is needed, is {API_KEY} in the environment."
    load.add_argument("--url", required=True, help="of the service, such as http://127.0.0.1:8000")
    load.add_argument("--bundle", type=Path, required=True, help="the bundle that answers, for fields and baseline")
    load.add_argument("--rate", type=float, default=10.0, help="requests per second (10)")
    load.add_argument("--seconds", type=float, help="how long; without, until interrupted")
    load.add_argument("--shift", type=float, default=0.0, help="how much worse off applicants are; 1 is a lot, 0 not")
    load.add_argument("--seed", type=int, default=1)


def _load(chosen: argparse.Namespace) -> None:
    from credit_contract.bundle import read_bundle
    from credit_delivery.crowd import crowd
    from credit_delivery.load import Load

    applicants = crowd(read_bundle(chosen.bundle), chosen.shift, chosen.seed)
    key = os.environ.get(API_KEY, "")
    with Load(chosen.url, applicants, chosen.rate, chosen.seconds, key) as load:
        for stop in (signal.SIGINT, signal.SIGTERM):
            signal.signal(stop, lambda *_: load.stop())
        while not load.wait(TELL_EVERY_S):
            print(load.seen().line(), flush=True)
    seen = load.seen()
    print(seen.line())
    if seen.failed:
        raise LoadError(f"{seen.failed:,} of {seen.sent:,} requests failed")


def _up(_: argparse.Namespace) -> None:
    from credit_delivery.cluster import up

    up.up()


def _push(_: argparse.Namespace) -> None:
    from credit_delivery.cluster import up

    up.push()


def _down(_: argparse.Namespace) -> None:
    from credit_delivery.cluster import up

    up.down()


def _status(_: argparse.Namespace) -> None:
    from credit_delivery.cluster import status

    print(status.report())


def _tools(_: argparse.Namespace) -> None:
    from credit_delivery import tools

    print("\n".join(tools.install()))


def _images(_: argparse.Namespace) -> None:
    from credit_delivery.cluster import images

    for image in images.build(images.DOCKERFILES):
        print(f"{image.reference}  {image.digest}")


def _charts(chosen: argparse.Namespace) -> None:
    from credit_delivery import chart_files

    if not chosen.check:
        chart_files.generate(CHARTS)
    elif stale := chart_files.stale(CHARTS):
        raise ChartError(f"{stale[0]} is stale; run `credit-release charts`")


if __name__ == "__main__":
    main()
