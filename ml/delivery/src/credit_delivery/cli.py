"""The command `credit-release`: one verb per thing that is done. Errors are one line, and exit code 1."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from credit_contract.errors import ContractError
from credit_delivery import commands
from credit_delivery.errors import ChartError, DeliveryError

Verb = Callable[[argparse.Namespace], None]
CHARTS = Path("charts")


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
    charts = add("charts", _charts, "write README.md and values.schema.json of the charts anew")
    charts.add_argument("--check", action="store_true", help="change nothing, exit 1 when a file is stale")
    return parser


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
