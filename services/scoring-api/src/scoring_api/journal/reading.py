"""Questions to the journal: one decision, one kept answer, whole chains. Reads only."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import orjson
from sqlalchemy import Connection, select

from credit_contract.decision import ChainHead, StoredApplicant, StoredDecision, StoredMonitoring
from scoring_api.journal import Kept
from scoring_api.journal.rows import KeptRow
from scoring_api.journal.tables import applicants, chain_heads, decisions, kept_answers, monitoring_attributes, outcomes


def kept(connection: Connection, caller: str, key: str) -> Kept | None:
    """The answer kept under a key."""
    columns = kept_answers.c
    row = connection.execute(select(kept_answers).where(columns.caller == caller, columns.key == key)).first()
    return None if row is None else KeptRow(*row).kept()


def decision(connection: Connection, decision_id: str) -> StoredDecision | None:
    """A decision's row."""
    row = connection.execute(select(decisions).where(decisions.c.id == decision_id)).first()
    return None if row is None else StoredDecision(*row)


def applicant(connection: Connection, decision_id: str) -> StoredApplicant | None:
    """The values behind a decision, unless they were deleted."""
    row = connection.execute(select(applicants).where(applicants.c.decision_id == decision_id)).first()
    return None if row is None else StoredApplicant(*row)


def find(connection: Connection, decision_id: str) -> dict[str, Any] | None:
    """A decision with its values, where not deleted, and its outcome, once known; protected attributes stay apart."""
    stored = decision(connection, decision_id)
    if stored is None:
        return None
    outcome = connection.execute(select(outcomes).where(outcomes.c.decision_id == decision_id)).first()
    known = {"outcome": outcome.outcome, "happened_on": outcome.happened_on.isoformat()} if outcome else None
    return {**told(stored, applicant(connection, decision_id)), "outcome": known}


def told(stored: StoredDecision, values: StoredApplicant | None) -> dict[str, Any]:
    """A decision and its values as they are told, before any outcome."""
    return {
        **stored._asdict(),
        "reasons": [{"field": field, "contribution": share} for field, share in orjson.loads(stored.reasons)],
        "fields_not_scored": orjson.loads(stored.fields_not_scored),
        "applicant": orjson.loads(values.applicant) if values else None,
        "reference": values.reference if values else None,
        "outcome": None,
    }


def heads(connection: Connection) -> list[ChainHead]:
    """How far each writer's chain reaches, as the database has it."""
    return [ChainHead(*row) for row in connection.execute(select(chain_heads).order_by(chain_heads.c.writer))]


def chain(
    connection: Connection, writer: str
) -> Iterator[tuple[StoredDecision, StoredApplicant | None, StoredMonitoring | None]]:
    """One writer's decisions in order of sequence, with what is kept apart; streamed."""
    joined = decisions.outerjoin(applicants, applicants.c.decision_id == decisions.c.id).outerjoin(
        monitoring_attributes, monitoring_attributes.c.decision_id == decisions.c.id
    )
    question = select(decisions, applicants, monitoring_attributes).select_from(joined)
    ordered = question.where(decisions.c.writer == writer).order_by(decisions.c.sequence)
    first, second = len(decisions.c), len(decisions.c) + len(applicants.c)
    for row in connection.execution_options(yield_per=2_000).execute(ordered):
        values, attributes = tuple(row[first:second]), tuple(row[second:])
        yield (
            StoredDecision(*row[:first]),
            StoredApplicant(*values) if values[0] is not None else None,
            StoredMonitoring(*attributes) if attributes[0] is not None else None,
        )
