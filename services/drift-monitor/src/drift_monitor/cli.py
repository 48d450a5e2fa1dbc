"""The command `drift-monitor`. Exit codes: 0 ok or watch, 3 retrain, 4 stop, 2 when it could not be told.

Of the archive: 1 when the journal is not what was archived.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from drift_monitor.errors import MonitorError, SettingsError
from drift_monitor.settings import load
from drift_monitor.verdict import EXIT_CODES

COULD_NOT_TELL = 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; errors are one line on stderr."""
    options = _parser().parse_args(arguments)
    try:
        return int(options.command(options))
    except MonitorError as error:
        print(f"drift-monitor: {error}", file=sys.stderr)
        return COULD_NOT_TELL


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="drift-monitor", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="command")
    run = commands.add_parser("run", help="judge windows once, publish reports, exit by the worst verdict")
    run.set_defaults(command=_run)
    run.add_argument("--from", dest="start", type=_moment, help="first moment, UTC (default: where the last run ended)")
    run.add_argument("--to", dest="end", type=_moment, help="moment after the last, UTC (default: now)")
    serve = commands.add_parser("serve", help="judge windows at every interval, and show verdicts, metrics and a page")
    serve.set_defaults(command=_serve)
    for command in (run, serve):
        command.add_argument("--settings", type=Path, help="YAML file of settings")
        command.add_argument("overrides", nargs="*", metavar="key=value", help="any setting, such as limits.psi=0.2")
    archive = commands.add_parser("archive", help="add new decisions to the archive; exit code 1 if old ones changed")
    verify = commands.add_parser("verify", help="compare every decision with the archive; exit code 1 if any differs")
    for command in (archive, verify):
        command.add_argument("url", help="the archive: a folder, or a URL such as s3://bucket/prefix")
        command.set_defaults(command=_with_archive, adds=command is archive)
    return parser


def _run(options: argparse.Namespace) -> int:
    from drift_monitor.run import run

    settings, now = load(options.settings, options.overrides), datetime.now(UTC)
    made, verdicts = run(settings, os.environ.get("JOURNAL_URL"), options.start, options.end or now, now=now)
    for verdict in verdicts:
        print(f"{verdict.window}  {verdict.decisions:>9,}  {verdict.because}")
    if verdicts:
        said = f"{made.windows} windows in {made.seconds:.1f} s, verdict {made.verdict}"
        print(f"{said}; reports in {settings.reports.folder}")
    elif options.start is None:
        print("no new window")
    else:
        raise SettingsError("no whole window lies between --from and --to: nothing was judged")
    return EXIT_CODES[made.verdict]


def _serve(options: argparse.Namespace) -> int:
    from drift_monitor.server import serve

    settings = load(options.settings, options.overrides)
    file = [] if options.settings is None else ["--settings", str(options.settings)]
    return serve(settings, [*file, *options.overrides])


def _with_archive(options: argparse.Namespace) -> int:
    from drift_monitor.archive import Archive
    from drift_monitor.archiving import Archiving, Comparison
    from drift_monitor.chains import Chains
    from drift_monitor.journal import reading

    kind = Archiving if options.adds else Comparison
    broken = 0
    with reading(os.environ.get("JOURNAL_URL")) as connection:
        made = kind(Chains(connection), Archive(options.url))
        for one in made:
            broken += 1
            print(one)
    print(f"{made}, {broken} breaks")
    return int(broken > 0)


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
