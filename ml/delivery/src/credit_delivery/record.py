"""The release record `ml/releases/<tag>.json`: what a tag stands for, and how good it was measured to be.

Written once, by `build`. Does not know environments.
"""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator, Field, ValidationError

from credit_contract.bundle import DatasetVersion
from credit_contract.digest import readable_json
from credit_contract.gates import GateResult
from credit_contract.schema import Frozen
from credit_delivery.environments import ImageDigest, ModelDigest, ModelPin, Tag
from credit_delivery.errors import ReleaseError
from credit_delivery.repository import Repository

FOLDER = "ml/releases"
WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")
Image = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._/:-]*$")]


def _named(dataset: DatasetVersion) -> DatasetVersion:
    """The check of a pull request asks for it: it must be one by name, no file that the change brings along."""
    for word in (dataset.name, dataset.version):
        if not WORD.fullmatch(word) or word.endswith((".yaml", ".yml")):
            raise ValueError(f"{word!r} is no name of a dataset or version")
    return dataset


class Estimate(Frozen):
    """A figure with the ends of its 95 % interval."""

    value: float
    low: float
    high: float


class Latency(Frozen):
    """Time to score one applicant with ONNX Runtime where it was built: µs."""

    p50_us: float
    p99_us: float


class ReleaseRecord(Frozen):
    """One release. `image` is the repository of the model image, `parent` the tag that it was measured against.

    `metrics` and `gates` were computed by `build` on the hold-out of `dataset`, rebuilt from its source.
    """

    tag: Tag
    model_digest: ModelDigest
    policy_digest: ModelDigest
    image: Image
    image_digest: ImageDigest
    dataset: Annotated[DatasetVersion, AfterValidator(_named)]
    commit: str
    metrics: dict[str, Estimate]
    gates: tuple[GateResult, ...]
    latency: Latency
    parent: Tag | None

    @property
    def pin(self) -> ModelPin:
        """What an environment says to run it."""
        return ModelPin(tag=self.tag, modelDigest=self.model_digest, imageDigest=self.image_digest)

    def text(self) -> str:
        """The file."""
        return readable_json(self.model_dump(mode="json"))


def file(tag: str) -> str:
    """Where a tag's record is, from the repository's root."""
    return f"{FOLDER}/{tag}.json"


def find(repository: Repository, tag: str, revision: str = "HEAD") -> ReleaseRecord | None:
    """The record of a tag at a commit, or None.

    Raises:
        ReleaseError: it is not of the form, or another tag's.
    """
    text = repository.read(file(tag), revision)
    if text is None:
        return None
    try:
        record = ReleaseRecord.model_validate_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(map(str, first["loc"]))
        raise ReleaseError(f"{file(tag)}: key {key}: {first['msg']}; restore it from git") from None
    if record.tag != tag:
        raise ReleaseError(f"{file(tag)}: is the record of {record.tag}; restore it from git")
    return record


def read(repository: Repository, tag: str, revision: str = "HEAD") -> ReleaseRecord:
    """The record of a tag at a commit.

    Raises:
        ReleaseError: there is none, or it is not of the form.
    """
    record = find(repository, tag, revision)
    if record is None:
        known = [path.rpartition("/")[2].removesuffix(".json") for path in repository.names(FOLDER, revision)]
        there = f"there are {', '.join(known)}" if known else "nothing is released yet: `credit-release build`"
        raise ReleaseError(f"no release {tag}: {file(tag)} is not committed; {there}")
    return record
