"""The command `scoring-api`. Errors are one line on standard error and exit code 2; nothing else is decided here."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from datetime import date
from pathlib import Path

from scoring_api import access, logs, settings
from scoring_api.errors import ServiceError, SettingsError
from scoring_api.settings import Settings


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a command."""
    chosen = _parser().parse_args(arguments)
    try:
        code = chosen.run(chosen)
    except ServiceError as error:
        print(f"scoring-api: {error}", file=sys.stderr)
        sys.exit(2)
    sys.exit(code)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="scoring-api", description="Serve a credit scoring bundle.")
    commands = parser.add_subparsers(required=True, dest="command", metavar="command")
    serve = commands.add_parser("serve", help="answer requests until stopped")
    serve.add_argument("--bundle", type=Path, help="directory of the bundle (setting `bundle`)")
    serve.add_argument("--tag", help="what the release calls the bundle (setting `tag`)")
    serve.add_argument("--settings", type=Path, help="YAML file of settings")
    serve.add_argument(
        "overrides", nargs="*", metavar="key=value", help="any setting, such as limits.max_applicants=10"
    )
    serve.set_defaults(run=_serve)
    key = commands.add_parser("key", help="make an API key and the line by which the service knows it")
    key.add_argument("name")
    key.add_argument("roles", help=f"one or more of {', '.join(sorted(access.ROLES))}, joined by +")
    key.set_defaults(run=_key)
    score = commands.add_parser("score", help="score a Parquet file of applicants, without reasons and records")
    score.add_argument("file", type=Path)
    score.add_argument("--bundle", type=Path, required=True, help="directory of the bundle to score with")
    score.add_argument("--out", type=Path, help="Parquet file to write; by default FILE-scored.parquet beside FILE")
    score.set_defaults(run=_score)
    _add_journal(commands.add_parser)
    return parser


def _add_journal(add: Callable[..., argparse.ArgumentParser]) -> None:
    verify = add("verify", help="find changed, removed, reordered and cut-off decisions; exit code 1 if there are any")
    verify.add_argument("--log", type=Path, metavar="FILE", help="a service's log: the chain heads in it count too")
    replay = add("replay", help="score a recorded decision again with bundle=DIR; exit code 1 unless bit-equal")
    replay.add_argument("decision_id")
    retention = add("retention", help="delete the values of applicants decided before a day; the chain stays")
    retention.add_argument("--before", type=date.fromisoformat, required=True, metavar="YYYY-MM-DD")
    migrate = add("migrate", help="bring the journal's tables up to date; serve does it too where it may")
    for command in (verify, replay, retention, migrate):
        command.add_argument("--settings", type=Path, help="YAML file of settings")
        command.add_argument(
            "overrides", nargs="*", metavar="key=value", help="any setting, such as journal.volume=DIR"
        )
        command.set_defaults(run=_in_journal)


def _serve(chosen: argparse.Namespace) -> None:
    from scoring_api import server  # all of HTTP, which takes longer than most other commands

    overrides = list(chosen.overrides)
    named = {name: getattr(chosen, name) for name in ("bundle", "tag")}
    overrides += [f"{name}={json.dumps(str(value))}" for name, value in named.items() if value is not None]

    def read() -> Settings:
        loaded = settings.load(chosen.settings, overrides)
        if not loaded.bundle.is_dir():
            raise SettingsError(f"bundle {loaded.bundle} is no directory; make one with `credit-train run`")
        return loaded

    logs.configure(read().log_level)
    server.make_server(read).run()


def _score(chosen: argparse.Namespace) -> None:
    from scoring_api import bulk  # loads DuckDB, which no other command needs

    out = chosen.out or chosen.file.with_name(f"{chosen.file.stem}-scored.parquet")
    print(bulk.score_file(chosen.bundle, chosen.file, out))


def _in_journal(chosen: argparse.Namespace) -> int:
    from scoring_api.journal import commands  # loads SQLAlchemy, a third of the time that a small file takes

    return commands.run(chosen)


def _key(chosen: argparse.Namespace) -> None:
    key, line = access.new_key(chosen.name, chosen.roles)
    access.parse_keys([line], "key")
    print(f"hand out:  {key}\nkeep:      {line}")
