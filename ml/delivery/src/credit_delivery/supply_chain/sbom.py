"""Bills of materials in SPDX 2.3, one per lock file. Needs no network; the same lock and commit give the same bytes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from hashlib import sha256
from typing import Any

from credit_delivery.supply_chain.licences import UNKNOWN
from credit_delivery.supply_chain.locks import Lock, Package

DOCUMENT = "SPDXRef-DOCUMENT"
WHOLE = "SPDXRef-Whole"


def document(lock: Lock, licences: Mapping[str, str], created: str) -> dict[str, Any]:
    """The bill of one lock; `created` is the time of the commit, ISO 8601 in UTC with Z."""
    content = sha256(json.dumps([(p.name, p.version, p.hashes) for p in lock.packages]).encode()).hexdigest()
    parts = [_part(package, licences.get(package.name, UNKNOWN)) for package in lock.packages]
    return {
        **preamble(lock.name, content, created),
        "packages": [{"SPDXID": WHOLE, "name": lock.name, **nothing_more("NOASSERTION")}, *parts],
        "relationships": [relation(DOCUMENT, "DESCRIBES", WHOLE)]
        + [relation(WHOLE, "DEPENDS_ON", part["SPDXID"]) for part in parts],
    }


def preamble(name: str, content: str, created: str) -> dict[str, Any]:
    """How every bill begins; `content` is a hash of what it is about, which makes its address its own."""
    return {
        "spdxVersion": "SPDX-2.3",
        "dataLicense": "CC0-1.0",
        "SPDXID": DOCUMENT,
        "name": name,
        "documentNamespace": f"https://spdx.org/spdxdocs/{name}-{content}",
        "creationInfo": {"created": created, "creators": ["Tool: credit-delivery"]},
    }


def external(purl: str) -> dict[str, str]:
    """A package's URL, as a reference."""
    return {"referenceCategory": "PACKAGE-MANAGER", "referenceType": "purl", "referenceLocator": purl}


def _part(package: Package, licence: str) -> dict[str, Any]:
    # A lock's hashes are those of a release's files; which one is installed depends on the machine.
    comment = (
        {"comment": f"files that may be installed, by sha256: {' '.join(package.hashes)}"} if package.hashes else {}
    )
    identity = f"SPDXRef-{package.name}-{sha256(package.purl.encode()).hexdigest()[:8]}"
    return known(identity, package.name, package.version, package.purl, licence) | comment


def known(identity: str, name: str, version: str, purl: str, licence: str) -> dict[str, Any]:
    """A package by its URL, with nothing more looked into."""
    return {
        "SPDXID": identity,
        "name": name,
        "versionInfo": version,
        "externalRefs": [external(purl)],
        **nothing_more(licence),
    }


def nothing_more(licence: str) -> dict[str, Any]:
    """What SPDX wants to be said of a package and nobody here looked into."""
    return {
        "downloadLocation": "NOASSERTION",
        "filesAnalyzed": False,
        "licenseConcluded": "NOASSERTION",
        "licenseDeclared": licence,
        "copyrightText": "NOASSERTION",
    }


def relation(one: str, kind: str, other: str) -> dict[str, str]:
    """One edge, by SPDX's word for its kind."""
    return {"spdxElementId": one, "relationshipType": kind, "relatedSpdxElement": other}
