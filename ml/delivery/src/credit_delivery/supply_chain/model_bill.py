"""The bill of materials of a model image in SPDX 2.3: its files by their hashes, the bundle they are, and the base."""

from __future__ import annotations

from hashlib import sha1, sha256
from typing import Any

from credit_delivery.record import ReleaseRecord
from credit_delivery.supply_chain.image_content import Component, Content, File
from credit_delivery.supply_chain.sbom import DOCUMENT, WHOLE, external, known, nothing_more, preamble, relation

BUNDLE = "SPDXRef-Bundle"


def document(release: ReleaseRecord, content: Content, created: str) -> dict[str, Any]:
    """The bill; `created` is ISO 8601 in UTC with Z. The same release gives the same bytes."""
    base = [_component(part) for part in content.base]
    files = [_file(file) for file in content.files]
    image = release.image_digest.removeprefix("sha256:")
    return {
        **preamble(f"credit-model-{release.tag}", image, created),
        "packages": [_image(release, image), _bundle(release, content), *base],
        "files": files,
        "relationships": [relation(DOCUMENT, "DESCRIBES", WHOLE), relation(WHOLE, "CONTAINS", BUNDLE)]
        + [relation(WHOLE, "CONTAINS", part["SPDXID"]) for part in base]
        + [relation(BUNDLE, "CONTAINS", file["SPDXID"]) for file in files],
    }


def _image(release: ReleaseRecord, image: str) -> dict[str, Any]:
    return {
        "SPDXID": WHOLE,
        "name": "credit-model",
        "versionInfo": release.tag,
        "primaryPackagePurpose": "CONTAINER",
        "checksums": [{"algorithm": "SHA256", "checksumValue": image}],
        "externalRefs": [external(f"pkg:oci/credit-model@sha256%3A{image}")],
        **nothing_more("NOASSERTION"),
    }


def _bundle(release: ReleaseRecord, content: Content) -> dict[str, Any]:
    """The model: what the digest on every answer is of."""
    commit, data = content.manifest.commit, content.manifest.dataset
    together = sha1("".join(sorted(file.sha1 for file in content.files)).encode(), usedforsecurity=False)
    return {
        "SPDXID": BUNDLE,
        "name": "bundle",
        "versionInfo": release.model_digest,
        **nothing_more("NOASSERTION"),
        "filesAnalyzed": True,
        "packageVerificationCode": {"packageVerificationCodeValue": together.hexdigest()},
        "sourceInfo": f"trained by commit {commit} on {data.name} {data.version}, sha256 {data.sha256}",
    }


def _component(part: Component) -> dict[str, Any]:
    identity = f"SPDXRef-base-{sha256(part.purl.encode()).hexdigest()[:12]}"
    return known(identity, part.name, part.version, part.purl, "NOASSERTION")


def _file(file: File) -> dict[str, Any]:
    return {
        "SPDXID": f"SPDXRef-file-{sha256(file.path.encode()).hexdigest()[:12]}",
        "fileName": f".{file.path}",
        "checksums": [
            {"algorithm": "SHA1", "checksumValue": file.sha1},
            {"algorithm": "SHA256", "checksumValue": file.sha256},
        ],
        "licenseConcluded": "NOASSERTION",
        "copyrightText": "NOASSERTION",
    }
