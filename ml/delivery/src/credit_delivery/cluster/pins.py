"""What CI would have committed after building images: where environments name them, if nothing speaks against it.

Does not build, and knows no cluster.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable

from credit_delivery import quarantine
from credit_delivery.bump import frozen_reason
from credit_delivery.cluster.images import Image
from credit_delivery.environments import ENVIRONMENTS, image_file, read_image, released, with_pin
from credit_delivery.errors import RefusedError
from credit_delivery.repository import Repository


def pins(
    repository: Repository, built: Iterable[Image], say: Callable[[str], None], *, running: bool
) -> dict[str, str]:
    """Every environment's files that name these images, by path.

    Where it is `running` already, an environment that is frozen, or that an image is quarantined from, keeps what it
    names, and that is said. At its start what git names is of another cluster, and is not to be had here.

    Raises:
        RefusedError: an image is quarantined, and there is no other to run.
    """
    listed, files = quarantine.read(repository), {}
    for environment, image in itertools.product(ENVIRONMENTS, built):
        path = image_file(environment, image.name)
        text = repository.text(path)
        named = read_image(text, path)
        if named == image.pin:
            continue
        refusal = listed.refusal(image.name, image.tag, image.digest)
        reason = refusal or frozen_reason(repository, environment)
        if reason and running and released(named):
            say(f"{environment} keeps {image.name} {named.tag}: {reason}")
        elif refusal:
            raise RefusedError(f"{image.reference} for {environment}", [refusal])
        else:
            files[path] = with_pin(text, image.pin, path)
    return files
