"""What is said about a released model image and signed with it: its bill of materials and its provenance.

Made of the image itself and its release record, which must agree. Signs nothing.
"""

from __future__ import annotations

import json
import os
import re
from datetime import UTC
from pathlib import Path
from typing import Any

from credit_delivery import record
from credit_delivery.errors import ReleaseError, RepositoryError
from credit_delivery.record import ReleaseRecord
from credit_delivery.repository import Commit, Repository
from credit_delivery.supply_chain import image_content, model_bill, provenance
from credit_delivery.supply_chain.image_content import Content

BILL, PROVENANCE = "spdxjson", "slsaprovenance1"
"""Cosign's words for the two types."""


def make(repository: Repository, release: ReleaseRecord, reference: str) -> dict[str, dict[str, Any]]:
    """The predicates of the image at `reference`, by cosign's word for their type.

    Raises:
        ReleaseError: the image is not what the record says.
        RepositoryError: the clone is shallow, or has no address to name.
    """
    content = image_content.read(reference)
    _compare(release, content)
    recorded = _recorded(repository, record.file(release.tag))
    moment = recorded.time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return {
        BILL: model_bill.document(release, content, moment),
        PROVENANCE: provenance.predicate(release, content, recorded, _source(repository), moment),
    }


def write(repository: Repository, tag: str, folder: Path) -> list[Path]:
    """The bill and the provenance of a release, the latter as a whole statement, into `folder`; gives the files.

    Raises:
        ReleaseError, RepositoryError: as `make`.
    """
    release = record.read(repository, tag)
    remote = "/" in release.image
    reference = f"{release.image}@{release.image_digest}" if remote else f"{release.image}:{tag}"
    made = make(repository, release, reference)
    contents = {
        "bill.spdx.json": made[BILL],
        "provenance.intoto.json": provenance.statement(release, made[PROVENANCE]),
    }
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in contents.items():
        (folder / name).write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    return [folder / name for name in contents]


def _compare(release: ReleaseRecord, content: Content) -> None:
    pairs = {
        "model": (content.digest, release.model_digest),
        "commit": (content.manifest.commit, release.commit),
        "dataset": (content.manifest.dataset, release.dataset),
    }
    for what, (found, wanted) in pairs.items():
        if found != wanted:
            raise ReleaseError(f"{release.tag}: the image's {what} is {found}, its record says {wanted}: do not run it")


def _recorded(repository: Repository, path: str) -> Commit:
    """The commit that added the record, on whatever branch that was before it was merged."""
    if repository.git("rev-parse", "--is-shallow-repository").strip() == "true":
        raise RepositoryError("this clone is shallow, and provenance names old commits: `git fetch --unshallow`")
    *_, added = repository.git("log", "--diff-filter=A", "--format=%H", "--", path).split()
    return repository.log(path, revision=added)[0]


def _source(repository: Repository) -> str:
    """The repository's address for a browser, without what a token may have put into it."""
    if name := os.environ.get("GITHUB_REPOSITORY"):
        return f"{os.environ.get('GITHUB_SERVER_URL', 'https://github.com')}/{name}"
    address = repository.git("remote", "get-url", "origin").strip() if repository.has_remote() else ""
    found = re.fullmatch(r"(?:https://|ssh://)?(?:[^@/]+@)?([\w.-]+)[:/](.+?)(?:\.git)?/?", address)
    if found is None:
        raise RepositoryError(f"remote origin is {address or 'not set'}: provenance names where the code can be seen")
    return f"https://{found[1]}/{found[2]}"
