"""The decision record, its tables, and the hash chain that makes any later change to it show.

Written by the service's journal, read by audit, replay and monitoring. Does not know storage.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Literal, NamedTuple

from credit_contract.digest import canonical_json
from credit_contract.policy import Decision

GENESIS = "0" * 64
GOLDEN_CHECK = "golden-check"
"""The caller who asks about golden applicants after a sync: they are nobody, and nothing is learned from them."""
MOST_MOVED = 100
Fault = Literal["changed", "removed", "reordered", "cut", "values changed", "values missing"]
Paid = Literal["paid", "defaulted"]


class Provenance(NamedTuple):
    """What all decisions of one request share: when, for whom, and exactly what computed them.

    `time` is UTC, ISO 8601 with microseconds and Z. `caller` is the name of the API key; `reference` is what the
    client calls the applicant or request (a customer number), kept with the values and never scored.
    """

    request_id: str
    time: str
    caller: str
    reference: str | None
    model_tag: str
    model_digest: str
    policy_version: str
    policy_digest: str
    image_digest: str
    commit: str


class GivenReason(NamedTuple):
    """A reason as it was told: the field, and its share of PD minus the reference applicant's PD."""

    field: str
    contribution: float


class DecisionRecord(NamedTuple):
    """One applicant's decision, as the service made it.

    `fields_not_scored` were sent and not used. `latency_us` runs from the request's arrival until the record was
    handed to the journal.
    """

    id: str
    provenance: Provenance
    pd: float
    score: int
    decision: Decision
    band: str
    reasons: tuple[GivenReason, ...]
    fields_not_scored: tuple[str, ...]
    latency_us: int


class StoredDecision(NamedTuple):
    """A row of `decisions`, which is only ever added to: a link in the chain of its writer (a process).

    `hash` is the SHA-256 of every other column: one line of text each, in the order of the columns, an absent value as
    an empty line, numbers as Python writes them (so that floats keep every bit). `previous_hash` is that of the row
    before, GENESIS in the first; `sequence` counts 1, 2, 3 ... An applicant's values are outside the chain, which holds
    their salted hash only: when values and salt are deleted, as privacy law asks, the chain still verifies and the hash
    cannot be guessed back.

    `reasons` ([[field, contribution], ...]) and `fields_not_scored` are JSON text. `decided_at` is a timestamp with
    time zone in PostgreSQL and text in SQLite; here and in the hash it is the text of `Provenance.time`.
    """

    id: str
    writer: str
    sequence: int
    decided_at: str
    request_id: str
    caller: str
    model_tag: str
    model_digest: str
    policy_version: str
    policy_digest: str
    image_digest: str
    code_commit: str
    pd: float
    score: int
    decision: str
    band: str
    reasons: str
    fields_not_scored: str
    latency_us: int
    applicant_hash: str
    monitoring_hash: str | None
    previous_hash: str
    hash: str


class StoredApplicant(NamedTuple):
    """A row of `applicants`: what retention deletes. `applicant` is the JSON text of the values, as hashed."""

    decision_id: str
    salt: str
    reference: str | None
    applicant: str


class StoredMonitoring(NamedTuple):
    """A row of `monitoring_attributes`: protected attributes (JSON text), kept apart, deleted by retention too."""

    decision_id: str
    salt: str
    attributes: str


class StoredOutcome(NamedTuple):
    """A row of `outcomes`: what became of a decision. `happened_on` is a date, ISO 8601."""

    decision_id: str
    outcome: Paid
    happened_on: str
    recorded_at: str


TABLES: Mapping[str, tuple[str, ...]] = {
    "decisions": StoredDecision._fields,
    "applicants": StoredApplicant._fields,
    "monitoring_attributes": StoredMonitoring._fields,
    "outcomes": StoredOutcome._fields,
}


class ChainHead(NamedTuple):
    """How far a writer's chain reaches; checkpointed outside the table too, so that a cut tail shows."""

    writer: str
    sequence: int = 0
    hash: str = GENESIS


class Sealed(NamedTuple):
    """A decision in its place in the chain, as the rows that hold it."""

    decision: StoredDecision
    applicant: StoredApplicant
    monitoring: StoredMonitoring | None


class Break(NamedTuple):
    """A place where a chain does not hold, from `sequence` to `through`; `id` names the record, where there is one."""

    writer: str
    sequence: int
    through: int
    id: str | None
    fault: Fault

    def __str__(self) -> str:
        if self.id is not None:
            return f"decision {self.id} is {self.fault} (writer {self.writer}, sequence {self.sequence})"
        span = f"decision {self.sequence}" if self.sequence == self.through else f"{self.sequence} to {self.through}"
        return f"writer {self.writer}: sequence {span} {self.fault}"


def commitment(salt: str, content: str) -> str:
    """Hash of a text under a salt of at least 128 random bits."""
    return hashlib.sha256(f"{salt}\n{content}".encode()).hexdigest()


def applicant_commitment(row: StoredApplicant) -> str:
    """What `applicant_hash` says of a row of values: it covers the reference too."""
    return commitment(row.salt, f"{row.reference or ''}\n{row.applicant}")


def seal(
    head: ChainHead, record: DecisionRecord, values: str, salt: str, monitoring: tuple[str, str] | None = None
) -> tuple[ChainHead, Sealed]:
    """The record's rows as the next of a chain, and the head after it.

    `values` is JSON text; `monitoring` is a salt of its own and JSON text.

    Raises:
        ValueError: the PD is no number.
    """
    if not math.isfinite(record.pd):
        raise ValueError(f"decision {record.id}: the PD must be a number")
    shared = record.provenance
    applicant = StoredApplicant(record.id, salt, shared.reference, values)
    attributes = StoredMonitoring(record.id, *monitoring) if monitoring else None
    linked = (
        record.id,
        head.writer,
        head.sequence + 1,
        shared.time,
        shared.request_id,
        shared.caller,
        *shared[4:],
        record.pd,
        record.score,
        record.decision,
        record.band,
        canonical_json(record.reasons) if record.reasons else "[]",
        _names(record.fields_not_scored),
        record.latency_us,
        applicant_commitment(applicant),
        commitment(attributes.salt, attributes.attributes) if attributes else None,
        head.hash,
    )
    decision = StoredDecision(*linked, row_hash(linked))
    return ChainHead(head.writer, decision.sequence, decision.hash), Sealed(decision, applicant, attributes)


def row_hash(linked: tuple[str | int | float | None, ...]) -> str:
    """The hash of a row of `decisions`, given all columns but the last; no text in them has a line break."""
    lines = "\n".join([value if type(value) is str else "" if value is None else str(value) for value in linked])
    return hashlib.sha256(lines.encode()).hexdigest()


def breaks(writer: str, stored: Iterable[StoredDecision], checkpoints: Iterable[ChainHead] = ()) -> Iterator[Break]:
    """Where one writer's rows, in order of sequence, are not the chain that was written.

    A checkpoint is a head that was once reached: the rows must reach each again, with the same hash; of two that differ
    one cannot be. A row that was changed and given a fitting hash shows by the row after it.
    """
    heads: dict[int, str] = {}
    contradicted = set[int]()
    for head in checkpoints:
        if head.sequence and heads.setdefault(head.sequence, head.hash) != head.hash:
            contradicted.add(head.sequence)
    suspects: list[StoredDecision] = []
    gaps: list[Break] = []
    reached, last_hash, last_id, last_held = 0, GENESIS, None, True
    for row in stored:
        held = row_hash(row[:-1]) == row.hash
        if row.sequence > reached + 1:
            gaps.append(Break(writer, reached + 1, row.sequence - 1, None, "removed"))
        elif held and last_held and row.previous_hash != last_hash:
            at = max(reached, 1)
            yield Break(writer, at, at, last_id or row.id, "changed")
        if not held:
            suspects.append(row)
        elif row.sequence in contradicted or heads.get(row.sequence, row.hash) != row.hash:
            yield Break(writer, row.sequence, row.sequence, row.id, "changed")
        reached, last_hash, last_id, last_held = row.sequence, row.hash, row.id, held
    yield from gaps
    yield from _named(suspects, gaps)
    if max(heads, default=0) > reached:
        yield Break(writer, reached + 1, max(heads), None, "cut")


def _named(suspects: list[StoredDecision], gaps: list[Break]) -> Iterator[Break]:
    """Rows whose hash does not hold: reordered when it holds at the place of another, else changed.

    Places are tried for the first hundred only, as each suspect is hashed anew for each place.
    """
    places = [row.sequence for row in suspects[:MOST_MOVED]] + [gap.sequence for gap in gaps[:MOST_MOVED]]
    for number, row in enumerate(suspects):
        tried = places if number < MOST_MOVED else ()
        moved = any(row_hash(row._replace(sequence=place)[:-1]) == row.hash for place in tried)
        yield Break(row.writer, row.sequence, row.sequence, row.id, "reordered" if moved else "changed")


@lru_cache(maxsize=1024)
def _names(fields: tuple[str, ...]) -> str:
    return canonical_json(fields)
