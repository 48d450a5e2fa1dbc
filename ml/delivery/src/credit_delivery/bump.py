"""Image bumps and the freeze switch: small commits to files of an environment, each made once however often called.

Does not build images, and does not ask whether one exists.
"""

from __future__ import annotations

from credit_delivery import quarantine
from credit_delivery.environments import (
    ImagePin,
    Name,
    facts_file,
    frozen,
    image_file,
    read_image,
    released,
    with_frozen,
    with_pin,
)
from credit_delivery.errors import RefusedError
from credit_delivery.repository import Repository


def bump(repository: Repository, environment: Name, application: str, pin: ImagePin | None = None) -> str | None:
    """Let an environment run this image, by default the one that staging runs; None when it does already.

    Raises:
        RefusedError: the environment is frozen, the image is quarantined, or staging does not run it.
        RepositoryError: no such application.
        EnvironmentFileError: a file is not of its form.
    """
    staged = _image(repository, "staging", application)
    pin = pin or staged
    path = image_file(environment, application)
    if _image(repository, environment, application) == pin:
        return None
    refusals = [
        frozen_reason(repository, environment),
        quarantine.read(repository).refusal(application, pin.tag, pin.digest),
        None if released(pin) else f"{pin.tag} names no image",
        None if environment == "staging" or pin == staged else f"staging runs {staged.tag}, not {pin.tag}",
    ]
    if reasons := [reason for reason in refusals if reason]:
        raise RefusedError(f"{application} {pin.tag} for {environment}", reasons)
    message = f"Run {application} {pin.tag} in {environment}\n\nImage-Digest: {pin.digest}\n"
    return repository.commit(message, {path: with_pin(repository.text(path), pin, path)})


def freeze(repository: Repository, environment: Name, *, on: bool = True) -> str | None:
    """Stop promotions to an environment, or allow them again; None when it is so already.

    Raises:
        EnvironmentFileError: the file has no line for it.
    """
    path = facts_file(environment)
    text = repository.text(path)
    if frozen(text, path) == on:
        return None
    return repository.commit(f"{'Freeze' if on else 'Unfreeze'} {environment}", {path: with_frozen(text, on, path)})


def frozen_reason(repository: Repository, environment: Name, revision: str = "HEAD") -> str | None:
    """Why nothing may be promoted to the environment, or None."""
    path = facts_file(environment)
    if not frozen(repository.text(path, revision), path):
        return None
    return f"{environment} is frozen; `credit-release freeze --env {environment} --off` when that is over"


def _image(repository: Repository, environment: Name, application: str) -> ImagePin:
    path = image_file(environment, application)
    return read_image(repository.text(path), path)
