"""Measure, keep the figures under var/bench, and write the tables and plots that docs hold.

Servers can be measured in parts (`--only`): each part replaces its own figures and leaves the others'. With `--small`
everybody serves the network of `network` instead of a bundle, and the figures have a page of their own.
"""

from __future__ import annotations

import argparse
import datetime
import json
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from bench import network, report
from bench.applicants import People
from bench.checks import WrongAnswerError
from bench.contenders import CONTENDERS, WORK, Contender
from bench.measure import Plan, measure
from bench.process import StartError
from credit_contract.digest import sha256_bytes

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
README = ROOT / "README.md"
START, END = "<!-- benchmarks -->\n", "<!-- /benchmarks -->"


def main() -> int:
    """Measure what is asked for and write it down."""
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument("bundle", type=Path, help="the bundle whose graph everybody serves")
    parser.add_argument("--small", action="store_true", help="a made-up network of 23-64-32-1 in the bundle's place")
    names = [contender.name for contender in CONTENDERS]
    parser.add_argument("--only", nargs="+", metavar="SERVER", help=f"some of: {', '.join(names)}")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=4)
    parser.add_argument("--write", action="store_true", help="write docs/benchmarks.md, its plot and README's table")
    asked = parser.parse_args()
    if unknown := set(asked.only or ()) - set(names):
        parser.error(f"--only {sorted(unknown)[0]}: servers are {', '.join(names)}")
    chosen = [one for one in CONTENDERS if asked.only is None or one.name in asked.only]
    name = "bench-small" if asked.small else "bench"
    kept = WORK / f"{name}.json"
    WORK.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix="bench-") as folder:
        bundle = network.make(Path(folder) / "small") if asked.small else asked.bundle.resolve()
        figures = _measured(chosen, bundle, asked.rounds, asked.seconds, kept)
    print(report.page(figures, name))
    if asked.write:
        _write(figures, name)
    return 0


def _measured(chosen: list[Contender], bundle: Path, rounds: int, seconds: int, kept: Path) -> dict[str, Any]:
    people = People.made(bundle)
    plan = Plan(bundle, people.approved(), people.mixed(), seconds)
    figures = json.loads(kept.read_text()) if kept.exists() else {"servers": {}}
    graph = sha256_bytes(people.bundle.model)
    if figures.get("graph") != graph:  # of another graph: not to be compared
        figures = {"graph": graph, "servers": {}}
    schema = people.bundle.schema
    figures |= {
        "dataset": schema.dataset,
        "fields": len(schema.scored_fields),
        "graph_kb": round(len(people.bundle.model) / 1000),
        "machine": report.machine(),
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "rounds": rounds,
        "seconds": seconds,
    }
    fresh: dict[str, Any] = {one.name: {"rounds": []} for one in chosen if _prepared(one, figures["servers"])}
    for number in range(rounds):
        for one in chosen:
            if one.name not in fresh or "failed" in fresh[one.name]:
                continue
            try:
                fresh[one.name]["rounds"].append(measure(one, plan))
            except (StartError, WrongAnswerError, OSError, subprocess.CalledProcessError) as error:
                fresh[one.name] = {"failed": str(error)}
            print(f"round {number + 1}: {one.name}", _shown(fresh[one.name]), file=sys.stderr, flush=True)
    figures["servers"] |= fresh
    kept.write_text(json.dumps(figures, indent=1))
    return figures


def _prepared(one: Contender, servers: dict[str, Any]) -> bool:
    try:
        one.prepare()
    except subprocess.CalledProcessError:
        servers[one.name] = {"failed": "its requirements cannot be installed here"}
        return False
    return True


def _shown(figures: dict[str, Any]) -> str:
    if "failed" in figures:
        return str(figures["failed"])
    last = figures["rounds"][-1]
    return ", ".join(f"{last[size]['cpu_us']:.0f} µs at {size}" for size in report.SIZES if size in last)


def _write(figures: dict[str, Any], name: str) -> None:
    (DOCS / f"{name.replace('bench', 'benchmarks')}.md").write_text(report.page(figures, name))
    report.plot(figures, DOCS / "figures" / f"{name}.svg")
    if name != "bench":
        return
    before, found, rest = README.read_text().partition(START)
    if not found:
        raise SystemExit(f"{README.name}: add {START.strip()} and {END} where the table belongs")
    README.write_text(before + START + report.summary(figures) + END + rest.partition(END)[2])


if __name__ == "__main__":
    sys.exit(main())
