"""The image `credit-model:<tag>`: built from a bundle, pushed where a registry is named. Knows Docker only."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from credit_delivery.cluster.images import build_model
from credit_delivery.errors import ReleaseError
from credit_delivery.programs import run


@dataclass(frozen=True, slots=True)
class ModelImage:
    """Where it is and which one it is: a registry's digest once it is pushed, this machine's image id before."""

    repository: str
    digest: str


def build(tag: str, bundle: Path, registry: str) -> ModelImage:
    """Build it; push it to `registry` (a prefix such as `ghcr.io/team/`) unless that is empty.

    Raises:
        CommandFailedError: Docker could not.
        ReleaseError: the registry did not say which digest it has.
    """
    image = build_model(tag, bundle)
    if not registry:
        return ModelImage(image.name, image.digest)
    repository = f"{registry.rstrip('/')}/{image.name}"
    run(["docker", "tag", image.reference, f"{repository}:{tag}"])
    run(["docker", "push", "--quiet", f"{repository}:{tag}"])
    known = json.loads(run(["docker", "image", "inspect", "--format", "{{json .RepoDigests}}", f"{repository}:{tag}"]))
    for reference in known or []:
        name, _, digest = reference.partition("@")
        if name == repository:
            return ModelImage(repository, digest)
    raise ReleaseError(f"{repository}:{tag} was pushed, but Docker does not know its digest; build it again")
