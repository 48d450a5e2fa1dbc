"""Where a model image comes from, as SLSA v1 provenance (slsa.dev/spec/v1.0/provenance): commits, data, versions.

Says what the release record and the bundle say; whoever signs it vouches for having compared them.
"""

from __future__ import annotations

from typing import Any

from credit_delivery.record import ReleaseRecord
from credit_delivery.repository import Commit
from credit_delivery.supply_chain.image_content import Content

TYPE = "https://slsa.dev/provenance/v1"
DIRTY = "-dirty"
PROGRAM = "ml/delivery/src/credit_delivery/release.py"
BASE = "pkg:docker/python@3.11-slim-bookworm"


def predicate(release: ReleaseRecord, content: Content, recorded: Commit, source: str, finished: str) -> dict[str, Any]:
    """The predicate; `source` is the repository's address, `recorded` the commit that brought the record into it."""
    manifest, data = content.manifest, release.dataset
    # The record is committed on top of the code that judged the candidate and built the image.
    built = (recorded.parents or (recorded.sha,))[0]
    return {
        "buildDefinition": {
            "buildType": f"{source}/blob/{built}/{PROGRAM}",
            "externalParameters": {"tag": release.tag, "dataset": {"name": data.name, "version": data.version}},
            "internalParameters": {
                "bundle_protocol": manifest.protocol,
                "config_sha256": manifest.config_sha256,
                "libraries": manifest.libraries,
                "seeds": manifest.seeds,
            },
            "resolvedDependencies": [
                _code("training", source, manifest.commit),
                _code("release", source, built),
                {"name": "dataset", "digest": {"sha256": data.sha256}, "annotations": {"version": data.version}},
                {"name": "hold-out", "digest": {"sha256": data.holdout_sha256}},
                {"name": "model", "digest": {"sha256": release.model_digest}},
                {"name": "base", "uri": BASE},
            ],
        },
        "runDetails": {
            "builder": {"id": f"{source}/blob/{built}/{PROGRAM}"},
            "metadata": {"invocationId": f"{source}/commit/{recorded.sha}", "finishedOn": finished},
        },
    }


def statement(release: ReleaseRecord, said: dict[str, Any]) -> dict[str, Any]:
    """The predicate as an in-toto statement about the image, as it is signed."""
    digest = {"sha256": release.image_digest.removeprefix("sha256:")}
    return {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": release.image, "digest": digest}],
        "predicateType": TYPE,
        "predicate": said,
    }


def _code(name: str, source: str, commit: str) -> dict[str, Any]:
    clean = commit.removesuffix(DIRTY)
    found: dict[str, Any] = {"name": name, "uri": f"git+{source}@{clean}", "digest": {"gitCommit": clean}}
    # Such a model can be released from a working tree; nobody shall take it for that commit.
    return found if clean == commit else found | {"annotations": {"uncommitted changes": True}}
