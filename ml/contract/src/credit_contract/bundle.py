"""The bundle: a directory that holds a model and all that is needed to trust it. No pickle, no time, no tag.

Knows files and hashes. Does not run the model: `model` is bytes for whoever has an ONNX runtime.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError

from credit_contract.baseline import Baseline
from credit_contract.digest import canonical_json, readable_json, sha256_bytes
from credit_contract.errors import BundleError
from credit_contract.golden import GoldenSet
from credit_contract.policy import Policy
from credit_contract.schema import FeatureSchema, Frozen

Document = TypeVar("Document", bound=Frozen)

PROTOCOL = 1
"""How to bump it (a reader must stay able to read what it once wrote):
    1. raise PROTOCOL, and write the new form here;
    2. move today's reading of the changed file into `_READERS` under the old number, returning today's types;
    3. keep one bundle of the old protocol under tests/contract/bundles/ and read it in a test;
    4. say in CHANGELOG.md what the new number adds. A number is never used twice.
"""
MODEL = "model.onnx"
MANIFEST = "manifest.json"
CONTENTS = (MODEL, "schema.json", "policy.json", "baseline.json", "golden.json", "evaluation.json")


class DatasetVersion(Frozen):
    """Which data: `sha256` covers table, recipe and split; `holdout_sha256` the rows never fitted on."""

    name: str
    version: str
    sha256: str
    holdout_sha256: str


class Manifest(Frozen):
    """What the model digest is the SHA-256 of. Equal inputs give equal bytes."""

    protocol: int
    dataset: DatasetVersion
    commit: str
    config_sha256: str
    seeds: dict[str, int]
    libraries: dict[str, str]
    files: dict[str, str]


@dataclass(frozen=True, slots=True)
class Bundle:
    """A bundle whose every file was verified while it was read; `model` is the ONNX graph, already verified."""

    path: Path
    digest: str
    manifest: Manifest
    schema: FeatureSchema
    policy: Policy
    policy_digest: str
    baseline: Baseline
    golden: GoldenSet
    evaluation: dict[str, Any]
    model: bytes


@dataclass(frozen=True, slots=True)
class Draft:
    """What training hands over to become a bundle."""

    dataset: DatasetVersion
    commit: str
    config_sha256: str
    seeds: Mapping[str, int]
    libraries: Mapping[str, str]
    model: bytes
    schema: FeatureSchema
    policy: Policy
    baseline: Baseline
    golden: GoldenSet
    evaluation: Mapping[str, Any]


def write_bundle(draft: Draft, path: Path) -> Bundle:
    """Write aside, verify by reading back, then rename into place; an equal bundle there is left as it is.

    Raises:
        BundleError: a different bundle is there already, or the draft contradicts itself.
        OSError: the folder cannot be written; nothing half-written stays.
    """
    contents = _contents(draft)
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = Path(tempfile.mkdtemp(prefix=f".{path.name}-", dir=path.parent))
    try:
        for name, content in contents.items():
            _write_durably(aside / name, content)
        written = read_bundle(aside)
        if path.exists():
            if read_bundle(path).digest != written.digest:
                raise BundleError(str(path), "a different bundle is there; remove it or choose another folder")
        else:
            aside.chmod(0o755)
            aside.rename(path)
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    return read_bundle(path)


def read_bundle(path: Path) -> Bundle:
    """Read and verify every file.

    Raises:
        BundleError: with the file and what is wrong: missing, unexpected, truncated or changed (its hash), of a
            protocol that this code cannot read, or contradicting another file.
    """
    if not path.is_dir():
        raise BundleError(str(path), "is not a bundle directory")
    manifest_bytes = _read(path, MANIFEST)
    manifest = _manifest(manifest_bytes)
    strangers = {entry.name for entry in path.iterdir()} - {*manifest.files, MANIFEST}
    if strangers:
        raise BundleError(sorted(strangers)[0], "is not named by the manifest")
    contents = {name: _verified(path, name, sha256) for name, sha256 in manifest.files.items()}
    schema = _parse(FeatureSchema, "schema.json", contents)
    policy = _parse(Policy, "policy.json", contents)
    try:
        policy.check(schema)
    except ValueError as error:
        raise BundleError("policy.json", str(error)) from None
    return Bundle(
        path=path,
        digest=sha256_bytes(manifest_bytes),
        manifest=manifest,
        schema=schema,
        policy=policy,
        policy_digest=manifest.files["policy.json"],
        baseline=_parse(Baseline, "baseline.json", contents),
        golden=_parse(GoldenSet, "golden.json", contents),
        evaluation=_json("evaluation.json", contents["evaluation.json"]),
        model=contents[MODEL],
    )


def _contents(draft: Draft) -> dict[str, bytes]:
    documents = {
        "schema.json": draft.schema,
        "policy.json": draft.policy,
        "baseline.json": draft.baseline,
        "golden.json": draft.golden,
    }
    contents = {MODEL: draft.model}
    contents |= {name: readable_json(document.model_dump(mode="json")).encode() for name, document in documents.items()}
    contents["evaluation.json"] = readable_json(draft.evaluation).encode()
    manifest = Manifest(
        protocol=PROTOCOL,
        dataset=draft.dataset,
        commit=draft.commit,
        config_sha256=draft.config_sha256,
        seeds=dict(draft.seeds),
        libraries=dict(draft.libraries),
        files={name: sha256_bytes(content) for name, content in contents.items()},
    )
    contents[MANIFEST] = (canonical_json(manifest.model_dump(mode="json")) + "\n").encode()
    return contents


def _write_durably(path: Path, content: bytes) -> None:
    with path.open("xb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())


def _read(path: Path, name: str) -> bytes:
    try:
        return (path / name).read_bytes()
    except OSError as error:
        raise BundleError(name, f"cannot be read: {error.strerror}") from None


def _verified(path: Path, name: str, sha256: str) -> bytes:
    content = _read(path, name)
    found = sha256_bytes(content)
    if found != sha256:
        raise BundleError(name, f"hash mismatch: the manifest says {sha256[:12]}, the file has {found[:12]}")
    return content


def _manifest(content: bytes) -> Manifest:
    document = _json(MANIFEST, content)
    protocol = document.get("protocol")
    reader = _READERS.get(protocol) if isinstance(protocol, int) else None
    if reader is None:
        raise BundleError(MANIFEST, f"protocol {protocol!r} cannot be read here, only {sorted(_READERS)}")
    try:
        manifest = reader(document)
    except ValidationError as error:
        raise BundleError(MANIFEST, _first(error)) from None
    if absent := [name for name in CONTENTS if name not in manifest.files]:
        raise BundleError(absent[0], "is not named by the manifest")
    if foreign := [name for name in manifest.files if name not in CONTENTS]:
        raise BundleError(foreign[0], "is no file of a bundle")
    return manifest


_READERS: dict[int, Callable[[dict[str, Any]], Manifest]] = {1: Manifest.model_validate}


def _json(name: str, content: bytes) -> dict[str, Any]:
    try:
        document = json.loads(content)
    except ValueError as error:
        raise BundleError(name, f"is not JSON: {error}") from None
    if not isinstance(document, dict):
        raise BundleError(name, "is not a JSON object")
    return document


def _parse(kind: type[Document], name: str, contents: Mapping[str, bytes]) -> Document:
    try:
        return kind.model_validate_json(contents[name])
    except ValidationError as error:
        raise BundleError(name, _first(error)) from None


def _first(error: ValidationError) -> str:
    first = error.errors()[0]
    return f"{'.'.join(map(str, first['loc'])) or 'document'}: {first['msg']}"
