"""The lock files of the repository: every package that anything here runs on, at one version. Resolves nothing."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from credit_delivery.errors import DeliveryError
from credit_delivery.programs import run

ROOT_NAME = "credit-platform"
PIN = re.compile(r"^(?P<name>[A-Za-z0-9][A-Za-z0-9._-]*)(?:\[[^]]*])?==(?P<version>[^ ;\\]+)")
HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})")


@dataclass(frozen=True, slots=True, order=True)
class Package:
    """A distribution at a version; `hashes` are the sha256 of its files, where the lock says them."""

    name: str
    version: str
    hashes: tuple[str, ...] = ()

    @property
    def purl(self) -> str:
        """Its package URL (github.com/package-url/purl-spec)."""
        return f"pkg:pypi/{self.name}@{self.version}"


@dataclass(frozen=True, slots=True)
class Lock:
    """One lock file; `name` says what is installed from it."""

    name: str
    path: Path
    packages: tuple[Package, ...]


def read_all(root: Path) -> list[Lock]:
    """Every lock that git knows, or that is there to be added.

    Raises:
        DeliveryError: there is none, or one pins nothing.
    """
    listed = run(["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.lock"], folder=root)
    locks = [read(root, Path(path)) for path in sorted(set(listed.splitlines()))]
    if not locks:
        raise DeliveryError(f"{root.resolve()} has no *.lock: run it in the repository's root")
    return locks


def read(root: Path, path: Path) -> Lock:
    """One lock file, as `uv pip compile` writes it.

    Raises:
        DeliveryError: it pins nothing.
    """
    packages = tuple(sorted(set(_packages((root / path).read_text(encoding="utf-8")))))
    if not packages:
        raise DeliveryError(f"{path} pins nothing; write it anew with `make lock`")
    folder = path.parent.as_posix().replace("/", "-")
    whole = ROOT_NAME if folder == "." else folder
    return Lock(whole if path.stem == "requirements" else f"{whole}-{path.stem}", path, packages)


def _packages(text: str) -> Iterator[Package]:
    for line in text.replace("\\\n", " ").splitlines():
        if found := PIN.match(line):
            yield Package(canonical(found["name"]), found["version"], tuple(sorted(HASH.findall(line))))


def canonical(name: str) -> str:
    """A distribution's name as PEP 503 compares it."""
    return re.sub(r"[-_.]+", "-", name).lower()
