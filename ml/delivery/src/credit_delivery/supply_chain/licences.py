"""Licences of what is locked: read from what is installed, compared with `licences.yaml`. Knows no law but that."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterable, Iterator, Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

import yaml

from credit_contract.schema import Frozen
from credit_delivery.supply_chain.locks import Lock, Package, canonical

FILE = Path(__file__).with_name("licences.yaml")
UNKNOWN = "NOASSERTION"
"""SPDX's word for a licence that nobody has said."""


class Accepted(Frozen):
    """Packages, by a pattern of names, whose licences are not on the list, and why that is well here."""

    packages: str
    licences: frozenset[str]
    why: str

    def fits(self, package: str) -> bool:
        """Whether this is about the package."""
        return fnmatch.fnmatchcase(package, self.packages)


class Policy(Frozen):
    """What may be depended on.

    `allowed` are SPDX identifiers, `spellings` turns what authors write into one of them, `known` is for packages that
    do not say their licence or are not installed here, `accepted` are decisions about single packages.
    """

    allowed: frozenset[str]
    spellings: dict[str, str]
    known: dict[str, str]
    accepted: tuple[Accepted, ...]

    def fault(self, package: str, licence: str) -> str | None:
        """Why this licence may not be, or None."""
        if licence == UNKNOWN:
            return f"{package}: says no licence; look it up and add it to `known` in {FILE.name}"
        accepted = any(one.fits(package) and licence in one.licences for one in self.accepted)
        if accepted or self._allows(licence):
            return None
        return f"{package}: {licence} is not allowed; use another package, or accept it in {FILE.name} with a reason"

    def _allows(self, expression: str) -> bool:
        names = [name.strip() for name in re.split(r"[()]|\bAND\b|\bOR\b", expression)]
        held = [name in self.allowed for name in names if name]
        return all(held) if " AND " in expression else any(held)


def policy(path: Path = FILE) -> Policy:
    """The rules as they are in the file."""
    return Policy.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))


def licences(packages: Iterable[Package], installed: Mapping[str, Any], rules: Policy) -> dict[str, str]:
    """SPDX expression by package name, NOASSERTION where it is not to be had."""
    return {
        package.name: rules.known.get(package.name) or _said(installed.get(package.name), rules.spellings)
        for package in packages
    }


def installed(root: Path) -> dict[str, Any]:
    """Metadata of everything in this environment and the one of infra/pulumi, by name."""
    elsewhere = [str(path) for path in root.glob(".venv-infra/lib/python*/site-packages")]
    found = [*metadata.distributions(path=elsewhere), *metadata.distributions()]
    return {canonical(one.metadata["Name"]): one.metadata for one in found}


def faults(locks: Iterable[Lock], found: Mapping[str, str], rules: Policy) -> list[str]:
    """One line for each package that may not be depended on, and for each rule that nothing needs any more."""
    names = {package.name for lock in locks for package in lock.packages}
    reasons = [reason for name in sorted(names) if (reason := rules.fault(name, found[name]))]
    stale = sorted(set(rules.known) - names)
    stale += [one.packages for one in rules.accepted if not any(map(one.fits, names))]
    return reasons + [f"{name}: in {FILE.name}, but nothing depends on it; remove it there" for name in stale]


def _said(about: Any, spellings: Mapping[str, str]) -> str:
    if about is None:
        return UNKNOWN
    if expression := about.get("License-Expression"):
        return str(expression)
    classified = [spellings[name] for name in _classifiers(about) if name in spellings]
    free = (about.get("License") or "").strip().splitlines()[:1]
    return " AND ".join(dict.fromkeys(classified)) or spellings.get(free[0] if free else "", UNKNOWN)


def _classifiers(about: Any) -> Iterator[str]:
    for classifier in about.get_all("Classifier") or []:
        if classifier.startswith("License :: "):
            yield classifier.rpartition(" :: ")[2]
