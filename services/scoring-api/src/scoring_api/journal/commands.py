"""The journal's commands: verify, replay, retention, migrate. Each prints what it found and gives the exit code."""

from __future__ import annotations

import argparse
import contextlib
import os
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Any

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from credit_contract.applicant import encode
from credit_contract.errors import BundleError
from scoring_api import model as models, settings
from scoring_api.errors import JournalUnavailableError, SettingsError
from scoring_api.journal import heads, schema
from scoring_api.journal.engine import VARIABLE, journal_url, open_engine
from scoring_api.journal.replay import replay
from scoring_api.journal.retention import erase
from scoring_api.journal.verify import Verification
from scoring_api.settings import Settings


def register(add: Callable[..., argparse.ArgumentParser]) -> None:
    """Add the commands to a parser's subparsers; each sets `run`, which gives the exit code."""
    verify = add("verify", help="find changed, removed, reordered and cut-off decisions; exit code 1 if there are any")
    verify.add_argument("--log", type=Path, metavar="FILE", help="a service's log: the chain heads in it count too")
    verify.set_defaults(run=_verify)
    again = add("replay", help="score a recorded decision again with bundle=DIR; exit code 1 unless bit-equal")
    again.add_argument("decision_id")
    again.set_defaults(run=_replay)
    retention = add("retention", help="delete the values of applicants decided before a day; the chain stays")
    retention.add_argument("--before", type=date.fromisoformat, required=True, metavar="YYYY-MM-DD")
    retention.set_defaults(run=_retention)
    migrate = add("migrate", help="bring the journal's tables up to date; serve does it too where it may")
    migrate.set_defaults(run=_migrate)
    for command in (verify, again, retention, migrate):
        command.add_argument("--settings", type=Path, help="YAML file of settings")
        command.add_argument(
            "overrides", nargs="*", metavar="key=value", help="any setting, such as journal.volume=DIR"
        )


def _verify(chosen: argparse.Namespace) -> int:
    loaded, engine = _opened(chosen)
    with _answering(), engine.connect() as connection:
        verification = Verification(connection, loaded.journal.volume, heads.told(chosen.log) if chosen.log else ())
        broken = 0
        for one in verification:
            broken += 1
            print(one)
    print(f"{verification.decisions} decisions of {verification.writers} writers read, {broken} breaks")
    return 1 if broken else 0


def _replay(chosen: argparse.Namespace) -> int:
    loaded, engine = _opened(chosen)
    try:
        model = models.load(loaded.bundle, loaded.tag)
    except BundleError as error:
        raise SettingsError(str(error)) from None

    def rescore(applicant: Mapping[str, Any]) -> tuple[float, str]:
        pd = float(model.pd(encode(model.bundle.schema, [applicant]))[0])
        return pd, model.bundle.policy.decide(pd)

    with _answering(), engine.connect() as connection:
        result = replay(connection, chosen.decision_id, model.bundle.digest, rescore)
    print(result)
    return 0 if result.bit_equal and result.same_decision else 1


def _retention(chosen: argparse.Namespace) -> int:
    _, engine = _opened(chosen)
    with _answering():
        erased = erase(engine, datetime.combine(chosen.before, time(), UTC), datetime.now(UTC))
    print(f"values of {erased} applicants decided before {chosen.before} deleted")
    return 0


def _migrate(chosen: argparse.Namespace) -> int:
    _, engine = _opened(chosen)
    with _answering():
        done = schema.upgrade(engine)
    print(f"the journal's tables are {'now' if done else 'already'} of revision {schema.HEAD}")
    return 0


def _opened(chosen: argparse.Namespace) -> tuple[Settings, Engine]:
    loaded = settings.load(chosen.settings, chosen.overrides)
    return loaded, open_engine(journal_url(os.environ, loaded.journal.file))


@contextlib.contextmanager
def _answering() -> Iterator[None]:
    try:
        yield
    except SQLAlchemyError as error:
        kind = type(error).__name__
        raise JournalUnavailableError(f"the journal does not answer ({kind}); check {VARIABLE}") from None
