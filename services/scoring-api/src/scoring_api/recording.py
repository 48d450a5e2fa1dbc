"""From an answer to what the journal keeps of it: a record for each applicant. Does not know how it is kept."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache
from time import perf_counter, time_ns

from credit_contract.decision import DecisionRecord, GivenReason, Provenance
from scoring_api.answer import Answer
from scoring_api.ask import Ask
from scoring_api.journal import Entry


def entries_of(answer: Answer, ask: Ask, image_digest: str) -> list[Entry]:
    """An entry for each applicant, in their order."""
    provenance = _provenance(answer, ask, image_digest)
    latency_us = round((perf_counter() - ask.started) * 1e6)
    scores, batch = answer.scores, answer.batch
    entries = []
    for row, (decision_id, values, monitoring) in enumerate(
        zip(answer.ids(), batch.values(), batch.monitoring(), strict=True)
    ):
        record = DecisionRecord(
            id=decision_id,
            provenance=provenance,
            pd=scores.pd[row],
            score=scores.score[row],
            decision=scores.decision[row],
            band=scores.band[row],
            reasons=tuple(GivenReason(why.field, why.contribution) for why in answer.reasons[row]),
            fields_not_scored=batch.not_scored,
            latency_us=latency_us,
        )
        entries.append(Entry(record, values, monitoring))
    return entries


def _provenance(answer: Answer, ask: Ask, image_digest: str) -> Provenance:
    bundle = answer.model.bundle
    return Provenance(
        request_id=ask.request_id,
        time=_now(),
        caller=ask.caller,
        reference=ask.reference,
        model_tag=answer.model.tag,
        model_digest=bundle.digest,
        policy_version=bundle.policy.version,
        policy_digest=bundle.policy_digest,
        image_digest=image_digest,
        commit=bundle.manifest.commit,
    )


def _now() -> str:
    """The time as the record writes it: UTC, ISO 8601, microseconds."""
    second, microsecond = divmod(time_ns() // 1_000, 1_000_000)
    return f"{_second(second)}.{microsecond:06d}Z"


@lru_cache(maxsize=2)
def _second(second: int) -> str:
    return datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%S")
