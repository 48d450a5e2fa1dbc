"""A release: a candidate, judged again on the hold-out, becomes an image and a record in git under a tag.

Changes no environment. Does not train.
"""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
from pydantic import TypeAdapter, ValidationError

from credit_contract.applicant import encode
from credit_contract.gates import GateResult
from credit_contract.golden import GoldenSet
from credit_delivery import bundles, model_image, promotion, quarantine, record
from credit_delivery.environments import Tag
from credit_delivery.errors import RefusedError, ReleaseError
from credit_delivery.evidence import evidence
from credit_delivery.holdout import Rebuild
from credit_delivery.record import Latency, ReleaseRecord
from credit_delivery.repository import Repository
from credit_training.gate_file import load_gates
from scoring_api.model import ServedModel, load

CALLS = 500


def build(repository: Repository, tag: str, bundle: Path, rebuild: Rebuild, registry: str = "") -> ReleaseRecord:
    """Judge a bundle, build its image and commit its record. The same bundle under the same tag gives the same record.

    Raises:
        RefusedError: a gate failed or the model is quarantined.
        ReleaseError: the tag stands for another model, or is of no form that registries take.
        BundleError, EvidenceError, CommandFailedError: the bundle, the hold-out or the image is not as it must be.
    """
    try:
        TypeAdapter(Tag).validate_python(tag)
    except ValidationError as error:
        raise ReleaseError(f"{tag!r} cannot be a tag: {error.errors()[0]['msg']}") from None
    candidate = load(bundle, tag)
    known = record.find(repository, tag)
    if known is not None:
        if known.model_digest != candidate.bundle.digest:
            raise ReleaseError(
                f"{tag} stands for {known.model_digest[:12]} by {record.file(tag)}, this bundle is "
                f"{candidate.bundle.digest[:12]}: a tag is a name for one digest; choose another tag"
            )
        bundles.keep(bundle, repository.root, tag)
        return known
    made = _judged(repository, candidate, bundle, rebuild, registry)
    message = f"Release {tag}\n\nModel-Digest: {made.model_digest}\nImage-Digest: {made.image_digest}\n"
    repository.commit(message, {record.file(tag): made.text()})
    return made


def _judged(
    repository: Repository, candidate: ServedModel, bundle: Path, rebuild: Rebuild, registry: str
) -> ReleaseRecord:
    tag, manifest = candidate.tag, candidate.bundle.manifest
    refusal = quarantine.read(repository).refusal("model", tag, candidate.bundle.digest)
    reasons = [refusal] if refusal else []
    champion = promotion.champion(repository, "production")
    if isinstance(champion, str):
        champion = promotion.champion(repository, "staging")
    gates = load_gates(repository.root / promotion.GATES, manifest.dataset.name, manifest.dataset.version)
    document = evidence(candidate, champion, rebuild(manifest.dataset), gates)
    reasons += [f"gate failed: {loser}" for loser in promotion.failed_gates(document)]
    if reasons:
        raise RefusedError(f"release {tag}", reasons)
    kept = bundles.keep(bundle, repository.root, tag)
    image = model_image.build(tag, kept, registry)
    return ReleaseRecord(
        tag=tag,
        model_digest=candidate.bundle.digest,
        policy_digest=candidate.bundle.policy_digest,
        image=image.repository,
        image_digest=image.digest,
        dataset=manifest.dataset,
        commit=manifest.commit,
        metrics=document["metrics"]["challenger"],
        gates=tuple(map(GateResult.model_validate, document["gates"])),
        latency=latency(candidate),
        parent=None if isinstance(champion, str) else champion.tag,
    )


def latency(model: ServedModel) -> Latency:
    """How long one applicant takes here: each golden applicant alone, in turn."""
    golden: GoldenSet = model.bundle.golden
    people = encode(model.bundle.schema, golden.applicants)
    took = []
    for call in range(CALLS):
        one = people[np.array([call % len(people)])]
        began = time.perf_counter_ns()
        model.pd(one)
        took.append((time.perf_counter_ns() - began) / 1000)
    p50, p99 = np.quantile(took, [0.5, 0.99])
    return Latency(p50_us=round(float(p50), 1), p99_us=round(float(p99), 1))
