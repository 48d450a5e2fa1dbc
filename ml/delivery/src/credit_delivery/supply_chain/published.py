"""Released model images, in a registry under the digest of their record: scanned, attested, signed. Builds nothing."""

from __future__ import annotations

import json
import os
from pathlib import Path
from tempfile import TemporaryDirectory

from credit_delivery import record
from credit_delivery.errors import CommandFailedError, ReleaseError
from credit_delivery.programs import run, succeeds
from credit_delivery.record import ReleaseRecord
from credit_delivery.repository import Repository
from credit_delivery.supply_chain import attestations

# The policy controller (0.13) does not read signatures in cosign 3's own format yet; `make sign` does the same.
LEGACY = ("--new-bundle-format=false", "--use-signing-config=false")
IMAGE = "credit-model"
SCANNER = "GRYPE"
"""The setting that says where grype is, when it is not on PATH."""

HOLED = 2
"""How grype ends when it found what it was to fail on; anything else, such as no list of holes, is no scan."""


def publish(root: Path, registry: str) -> list[str]:
    """A line for each release; what is in `registry` already is left as it is.

    Raises:
        ReleaseError: a release was never pushed, the registry has another image under its tag than its
            record says, it has a severe hole that can be fixed, or was not scanned.
        CommandFailedError: docker or cosign could not.
    """
    repository = Repository(root)
    tags = [Path(path).stem for path in repository.names(record.FOLDER) if path.endswith(".json")]
    target = f"{registry.rstrip('/')}/{IMAGE}"
    return [_publish(repository, record.read(repository, tag), target) for tag in sorted(tags)]


def _publish(repository: Repository, release: ReleaseRecord, target: str) -> str:
    there = _digest(f"{target}:{release.tag}")
    if there is None:
        if "/" not in release.image:
            raise ReleaseError(f"{release.tag} was built without --registry and is on no registry; build it again")
        source = f"{release.image}@{release.image_digest}"
        # An index around the one manifest would have another digest than the record and the environments name.
        copy = ["docker", "buildx", "imagetools", "create", "--prefer-index=false"]
        run([*copy, "--tag", f"{target}:{release.tag}", source])
        there = _digest(f"{target}:{release.tag}")
    if there != release.image_digest:
        raise ReleaseError(f"{target}:{release.tag} is {there}, its record says {release.image_digest}: do not run it")
    image = f"{target}@{release.image_digest}"
    # The signature comes last: where there is one everything is, and a copy that failed halfway is finished here.
    if not succeeds(["cosign", "download", "signature", image]):
        _scan(image)
        _attest(repository, release, image)
        run(["cosign", "sign", "--yes", *LEGACY, image])
    return f"{target}:{release.tag}  {there}"


def _scan(image: str) -> None:
    """Ask for holes in what is in the registry, as grype knows them today.

    Raises:
        ReleaseError: there is a severe one that can be fixed, or nobody could tell.
    """
    try:
        run([os.environ.get(SCANNER, "grype"), f"registry:{image}", "--only-fixed", "--fail-on", "high"])
    except CommandFailedError as error:
        raise ReleaseError(f"{'' if error.code == HOLED else 'not scanned: '}{error}") from None


def _attest(repository: Repository, release: ReleaseRecord, image: str) -> None:
    """Put what is said about the image beside it, in the place of what was said before."""
    with TemporaryDirectory(prefix="credit-attest-") as folder:
        for kind, predicate in attestations.make(repository, release, image).items():
            path = Path(folder, kind)
            path.write_text(json.dumps(predicate), encoding="utf-8")
            command = ["cosign", "attest", "--yes", *LEGACY, "--replace", "--type", kind, "--predicate", str(path)]
            run([*command, image])


def _digest(reference: str) -> str | None:
    """What the registry has under a name, or None."""
    try:
        said = run(["docker", "buildx", "imagetools", "inspect", "--format", "{{json .Manifest}}", reference])
    except CommandFailedError:
        return None
    return str(json.loads(said)["digest"])
