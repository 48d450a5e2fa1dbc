"""Confirmation: a commit that says a model answers healthily in staging. Production takes no model without one.

Who asks again, and finds it is not, takes that back; so what has stood for a day was healthy whenever somebody asked.
Asks running services over HTTP, or takes the word of whoever asked them. Does not know pods or Argo CD.
"""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Sequence

from pydantic import ValidationError

from credit_contract.digest import readable_json
from credit_contract.schema import Frozen
from credit_delivery import quarantine
from credit_delivery.environments import ImageDigest, ModelDigest, ModelPin, Tag, folder, model_file, read_model
from credit_delivery.errors import EnvironmentFileError, RefusedError, WithdrawnError
from credit_delivery.repository import Repository

FOLDER = f"{folder('staging')}/confirmed"
PATIENCE_S = 10.0
WITHDRAWAL = "Withdraw the confirmation of"
"""How the commit begins that takes one back; promote.yml, which starts on a confirmation, looks for it."""


class Confirmation(Frozen):
    """What was healthy: the model, the commit of staging that it ran at, and what was seen, one line each."""

    tag: Tag
    model_digest: ModelDigest
    image_digest: ImageDigest
    commit: str
    seen: tuple[str, ...]


class Observation(Frozen):
    """What a running service said: `ready`, and the model that it answers with."""

    where: str
    ready: bool
    model_digest: str


def observe(url: str) -> Observation:
    """Ask one service at /ready and /model; one that does not answer is not ready."""
    try:
        # One that is not ready answers 503, which raises.
        with urllib.request.urlopen(f"{url}/ready", timeout=PATIENCE_S):  # noqa: S310 - the caller's own URL
            pass
        with urllib.request.urlopen(f"{url}/model", timeout=PATIENCE_S) as response:  # noqa: S310
            digest = str(json.load(response)["model_digest"])
    except (OSError, ValueError, KeyError):
        return Observation(where=url, ready=False, model_digest="")
    return Observation(where=url, ready=True, model_digest=digest)


def confirm(repository: Repository, observations: Sequence[Observation]) -> str | None:
    """Commit that staging's model is healthy; None when that is committed already.

    Raises:
        RefusedError: nobody was asked, one is not ready or answers with another model, or the model is quarantined.
        WithdrawnError: none is ready or one has another model, and it was confirmed before; that is taken back.
    """
    path = model_file("staging")
    pin = read_model(repository.text(path), path)
    reasons = [reason for seen in observations if (reason := _fault(seen, pin))]
    if _lost(observations, pin) and confirmed(repository, pin):
        reasons.append(f"it was before, which {_withdraw(repository, pin, reasons)[:12]} takes back: confirm it anew")
        raise WithdrawnError(f"confirming {pin.tag} in staging", reasons)
    if not observations:
        reasons.append("no service was asked; give --url for each")
    if refusal := quarantine.read(repository).refusal("model", pin.tag, pin.digest):
        reasons.append(refusal)
    if reasons:
        raise RefusedError(f"confirming {pin.tag} in staging", reasons)
    if confirmed(repository, pin):
        return None
    said = Confirmation(
        tag=pin.tag,
        model_digest=pin.modelDigest,
        image_digest=pin.imageDigest,
        commit=repository.log(path)[0].sha,
        seen=tuple(f"{seen.where} is ready and answers with {seen.model_digest}" for seen in observations),
    )
    message = f"Confirm {pin.tag} in staging\n\nModel-Digest: {pin.modelDigest}\n"
    return repository.commit(message, {file(pin.tag): readable_json(said.model_dump(mode="json"))})


def _lost(observations: Sequence[Observation], pin: ModelPin) -> bool:
    """Whether more is wrong than a pod that starts or ends while others answer."""
    ready = [seen for seen in observations if seen.ready]
    return bool(observations) and (not ready or any(_fault(seen, pin) for seen in ready))


def confirmed(repository: Repository, pin: ModelPin, revision: str = "HEAD") -> bool:
    """Whether exactly this model, from this image, was confirmed healthy in staging.

    Raises:
        EnvironmentFileError: the file is not of its form.
    """
    text = repository.read(file(pin.tag), revision)
    if text is None:
        return False
    try:
        said = Confirmation.model_validate_json(text)
    except ValidationError as error:
        raise EnvironmentFileError(f"{file(pin.tag)}: {error.errors()[0]['msg']}; restore it from git") from None
    return (said.tag, said.model_digest, said.image_digest) == (pin.tag, pin.modelDigest, pin.imageDigest)


def file(tag: str) -> str:
    """Where a tag's confirmation is, from the repository's root."""
    return f"{FOLDER}/{tag}.json"


def _withdraw(repository: Repository, pin: ModelPin, reasons: Sequence[str]) -> str:
    (repository.root / file(pin.tag)).unlink()
    why = "\n".join(reasons)
    message = f"{WITHDRAWAL} {pin.tag}\n\n{why}\n\nModel-Digest: {pin.modelDigest}\n"
    return repository.commit(message, {}, file(pin.tag))


def _fault(seen: Observation, pin: ModelPin) -> str | None:
    if not seen.ready:
        return f"{seen.where} is not ready"
    if seen.model_digest != pin.modelDigest:
        return f"{seen.where} answers with {seen.model_digest[:12] or 'nothing'}, git names {pin.modelDigest[:12]}"
    return None
