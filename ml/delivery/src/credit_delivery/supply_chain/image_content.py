"""What is in a model image, read out of its file system. Knows Docker; runs nothing that is in the image."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import quote

from credit_contract.bundle import Manifest, read_bundle
from credit_delivery.errors import DeliveryError
from credit_delivery.programs import run
from credit_delivery.supply_chain.locks import Package, canonical

MODEL = "/model"
"""Where the image's Dockerfile puts its program and the bundle."""

DEBIAN = "/var/lib/dpkg/status"
PYTHON = "/usr/local/lib/python3.11/site-packages"


@dataclass(frozen=True, slots=True, order=True)
class Component:
    """Something of the base: an interpreter, a Debian package, a distribution of Python."""

    name: str
    version: str
    purl: str


@dataclass(frozen=True, slots=True)
class File:
    """A file that the build put on the base; `path` starts at the image's root."""

    path: str
    sha1: str
    sha256: str


@dataclass(frozen=True, slots=True)
class Content:
    """The bundle's digest and manifest, all files beside and in it, and the base."""

    digest: str
    manifest: Manifest
    files: tuple[File, ...]
    base: tuple[Component, ...]


def read(reference: str) -> Content:
    """The content of an image, which is pulled where it is not at hand.

    Raises:
        BundleError: the bundle in it is damaged.
        CommandFailedError: Docker has no such image, or it has no model.
        DeliveryError: its base is none that this can read.
    """
    with TemporaryDirectory(prefix="credit-image-") as folder:
        container = run(["docker", "create", reference]).strip()
        try:
            for path in (MODEL, DEBIAN, PYTHON):
                run(["docker", "cp", f"{container}:{path}", folder])
        finally:
            run(["docker", "rm", container])
        bundle = read_bundle(Path(folder, "model", "bundle"))
        base = sorted({_interpreter(reference), *_debian(Path(folder, "status")), *_python(Path(folder))})
        return Content(bundle.digest, bundle.manifest, tuple(_files(Path(folder, "model"))), tuple(base))


def _files(folder: Path) -> Iterator[File]:
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        content = path.read_bytes()
        # SPDX 2.3 asks for SHA-1 of every file, whatever else is said.
        sha1 = hashlib.sha1(content, usedforsecurity=False).hexdigest()
        yield File(f"{MODEL}/{path.relative_to(folder).as_posix()}", sha1, hashlib.sha256(content).hexdigest())


def _interpreter(reference: str) -> Component:
    settings = json.loads(run(["docker", "image", "inspect", "--format", "{{json .Config.Env}}", reference]))
    for setting in settings:
        name, _, version = setting.partition("=")
        if name == "PYTHON_VERSION":
            return Component("python", version, f"pkg:generic/python@{version}")
    raise DeliveryError(f"{reference} does not say its Python in PYTHON_VERSION: its base is no official python image")


def _debian(status: Path) -> Iterator[Component]:
    for paragraph in status.read_text(encoding="utf-8").split("\n\n"):
        fields = dict(line.split(": ", 1) for line in paragraph.splitlines() if ": " in line and line[0] != " ")
        if fields.get("Status", "").endswith(" installed"):
            name, version = fields["Package"], fields["Version"]
            where = f"arch={fields['Architecture']}&distro=debian-12"
            yield Component(name, version, f"pkg:deb/debian/{name}@{quote(version, safe='')}?{where}")


def _python(folder: Path) -> Iterator[Component]:
    for found in metadata.distributions(path=[str(folder / "site-packages")]):
        package = Package(canonical(found.metadata["Name"]), found.version)
        yield Component(package.name, package.version, package.purl)
