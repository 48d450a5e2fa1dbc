"""The journal's commands: verify, replay, retention, migrate. Each prints what it found and gives the exit code."""

from __future__ import annotations

import argparse
import contextlib
import os
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, time
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


def run(chosen: argparse.Namespace) -> int:
    """Run the command that was chosen.

    Raises:
        ServiceError: it cannot be done.
    """
    return COMMANDS[chosen.command](chosen)


def _verify(chosen: argparse.Namespace) -> int:
    loaded, engine = _opened(chosen)
    with _answering(), engine.connect() as connection:
        verification = Verification(connection, loaded.journal.volume, heads.told(chosen.log) if chosen.log else ())
        broken = 0
        for one in verification:
            broken += 1
            print(one)
    outside = f"{len(verification.told)} heads in the log, {len(verification.on_volume)} on the volume"
    print(f"{verification.decisions} decisions of {verification.writers} writers read, {outside}, {broken} breaks")
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


COMMANDS = {"verify": _verify, "replay": _replay, "retention": _retention, "migrate": _migrate}
