"""From an answer to what the journal keeps of it: a record for each applicant. Does not know how it is kept."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from functools import lru_cache
from itertools import repeat
from time import perf_counter, time_ns

from credit_contract.decision import DecisionRecord, GivenReason, Provenance
from scoring_api.answer import Answer
from scoring_api.ask import Ask
from scoring_api.journal import Entry
from scoring_api.model import ServedModel
from scoring_api.reasons import Reason


def entries_of(answer: Answer, ask: Ask, image_digest: str) -> list[Entry]:
    """An entry for each applicant, in their order."""
    provenance = Provenance(
        ask.request_id, _now(), ask.caller, ask.reference, *_computed_by(answer.model, image_digest)
    )
    latency_us = round((perf_counter() - ask.started) * 1e6)
    scores, batch = answer.scores, answer.batch
    records = map(
        DecisionRecord,
        answer.ids(),
        repeat(provenance),
        scores.pd,
        scores.score,
        scores.decision,
        scores.band,
        map(_given, answer.reasons),
        repeat(batch.not_scored),
        repeat(latency_us),
    )
    return list(map(Entry, records, batch.values(), batch.monitoring()))


def _given(reasons: Sequence[Reason]) -> tuple[GivenReason, ...]:
    return tuple([GivenReason(why.field, why.contribution) for why in reasons]) if reasons else ()


@lru_cache(maxsize=1)
def _computed_by(model: ServedModel, image_digest: str) -> tuple[str, str, str, str, str, str]:
    """The end of a provenance, in its order: the same for every answer of a model."""
    bundle = model.bundle
    policy = bundle.policy.version, bundle.policy_digest
    return model.tag, bundle.digest, *policy, image_digest, bundle.manifest.commit


def _now() -> str:
    """The time as the record writes it: UTC, ISO 8601, microseconds."""
    second, microsecond = divmod(time_ns() // 1_000, 1_000_000)
    return f"{_second(second)}.{microsecond:06d}Z"


@lru_cache(maxsize=2)
def _second(second: int) -> str:
    return datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%S")
