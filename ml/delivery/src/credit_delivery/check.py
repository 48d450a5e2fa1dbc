"""The check of a pull request: every refusal of `promote`, and the evidence recomputed, for whatever changes what runs.

So a file typed by hand gets no further than one written by `promote`. Does not know who asks for the merge.
"""

from __future__ import annotations

import json

from credit_delivery import layout, quarantine, record
from credit_delivery.bump import frozen_reason
from credit_delivery.environments import (
    ENVIRONMENTS,
    ImagePin,
    ModelPin,
    Name,
    Pin,
    folder,
    image_file,
    read_pin,
    released,
    subject,
)
from credit_delivery.errors import EnvironmentFileError, RefusedError
from credit_delivery.evidence import differences
from credit_delivery.history import evidence_file
from credit_delivery.holdout import Rebuild
from credit_delivery.promotion import failed_gates, recompute, refusals
from credit_delivery.repository import Repository
from credit_delivery.rollback import rolls_back

GENERATED = "var"
"""Where programs look for what they made before; a change that brought something along there would be its own judge."""


def check(repository: Repository, base: str, rebuild: Rebuild) -> list[str]:
    """Judge what differs from the commit `base` in what environments run; gives a line for each change that may pass.

    What one `rollback` at `base` would have written, its entry in the quarantine too, needs no new evidence. Freeze,
    quarantine and confirmations count as they are at `base`: a change cannot allow itself.

    Raises:
        RefusedError: with every reason.
        EnvironmentFileError: a file is not of its form.
    """
    lines: list[str] = []
    reasons = [f"{path} is tracked: nothing generated is in a change" for path in repository.tracked(GENERATED)]
    reasons += layout.faults(repository, base)
    for environment in ENVIRONMENTS:
        for path in filter(subject, repository.names(folder(environment))):
            text = repository.text(path)
            if text == repository.read(path, base):
                continue
            pin = read_pin(text, path)
            faults = _faults(repository, environment, path, pin, base, rebuild)
            reasons += [f"{environment}: {fault}" for fault in faults]
            lines.append(f"{environment}: {subject(path)} {pin.tag}")
    if reasons:
        raise RefusedError(f"what changed since {base}", reasons)
    return lines


def _faults(repository: Repository, environment: Name, path: str, pin: Pin, base: str, rebuild: Rebuild) -> list[str]:
    if refusal := quarantine.read(repository, base).refusal(subject(path) or "", pin.tag, pin.digest):
        return [refusal]
    if rolls_back(repository, environment, path, base):
        return []
    if isinstance(pin, ImagePin):
        return _image_faults(repository, environment, path, pin, base)
    return _model_faults(repository, environment, pin, base, rebuild)


def _image_faults(repository: Repository, environment: Name, path: str, pin: ImagePin, base: str) -> list[str]:
    found = [frozen_reason(repository, environment, base)]
    if environment == "production":
        staged = image_file("staging", subject(path) or "")
        if pin not in _named_before(repository, staged, base):
            found.append(f"{subject(path)} {pin.tag} was never in staging")
    return [reason for reason in found if reason]


def _model_faults(repository: Repository, environment: Name, pin: ModelPin, base: str, rebuild: Rebuild) -> list[str]:
    release = record.find(repository, pin.tag)
    if release is None or release.pin != pin:
        return [f"model.yaml names {pin.tag} with digests that are not those of {record.file(pin.tag)}"]
    reasons = refusals(repository, environment, release, base)
    path = evidence_file(environment, pin.tag)
    try:
        promised = json.loads(repository.read(path) or "")
    except ValueError:
        return [*reasons, f"{path} is missing or broken: `credit-release promote` writes it"]
    document = recompute(repository, environment, release, rebuild, base)
    reasons += [f"gate failed: {loser}" for loser in failed_gates(document)]
    differing = differences(promised, document)
    return reasons + [f"evidence is not what was recomputed: {field}" for field in differing]


def _named_before(repository: Repository, path: str, revision: str) -> list[Pin]:
    """What the file ever named until then; versions that are not of its form named nothing."""
    pins: list[Pin] = []
    for commit in repository.log(path, revision=revision):
        try:
            pins.append(read_pin(repository.read(path, commit.sha) or "", path))
        except EnvironmentFileError:
            continue
    return [pin for pin in pins if released(pin)]
