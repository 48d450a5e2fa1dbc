"""Known vulnerabilities of what is locked, asked of an advisory source with OSV's API (osv.dev, or a mirror inside).

Without a source nothing was scanned, and that is an error: it is never "nothing found".
"""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from credit_delivery.errors import DeliveryError
from credit_delivery.supply_chain.locks import Package

SETTING = "ADVISORY_SOURCE"
PATIENCE_S = 30.0
MILD = {"LOW", "MODERATE", "MEDIUM"}
"""Severities that fail nothing. One that is not rated counts as high: nobody has said that it is mild."""

HOLED = ("jinja2", "2.4.1")
"""A version that OSV has known to be bad for years: a source that calls it clean knows nothing of the others either."""


@dataclass(frozen=True, slots=True, order=True)
class Finding:
    """One vulnerability of one package; `fixed` are the versions that do not have it."""

    package: str
    version: str
    advisory: str
    severity: str
    fixed: tuple[str, ...]

    @property
    def fails(self) -> bool:
        """High, and there is something to do about it."""
        return bool(self.fixed) and self.severity not in MILD

    def line(self) -> str:
        """For a person."""
        cure = f"fixed in {', '.join(self.fixed)}" if self.fixed else "no fix yet"
        return f"{self.package} {self.version}: {self.advisory}, {self.severity.lower()}, {cure}"


def scan(packages: Iterable[Package], source: str) -> list[Finding]:
    """All findings, each once.

    Raises:
        DeliveryError: there is no source, it does not answer as OSV does, or it does not know what everybody knows.
    """
    if not source:
        raise DeliveryError(
            f"not scanned: {SETTING} names no advisory source; set it to the address of one with OSV's API"
        )
    if not _of(*HOLED, source):
        raise DeliveryError(
            f"not scanned: {source} knows nothing of {' '.join(HOLED)}, which is known to be bad; "
            f"set {SETTING} to a source that has OSV's advisories for PyPI"
        )
    pinned = {(package.name, package.version) for package in packages}
    return sorted({finding for name, version in sorted(pinned) for finding in _of(name, version, source)})


def _of(name: str, version: str, source: str) -> list[Finding]:
    question: dict[str, Any] = {"package": {"name": name, "ecosystem": "PyPI"}, "version": version}
    found: list[Finding] = []
    while True:
        answer = _ask(f"{source.rstrip('/')}/v1/query", question)
        found += [
            _finding(name, version, advisory) for advisory in answer.get("vulns", []) if "withdrawn" not in advisory
        ]
        if not (page := answer.get("next_page_token")):
            return found
        question["page_token"] = page


def _finding(name: str, version: str, advisory: dict[str, Any]) -> Finding:
    fixed = {
        event["fixed"]
        for affected in advisory.get("affected", [])
        if affected.get("package", {}).get("name", "").lower() == name
        for versions in affected.get("ranges", [])
        if versions.get("type") == "ECOSYSTEM"
        for event in versions.get("events", [])
        if "fixed" in event
    }
    severity = str(advisory.get("database_specific", {}).get("severity", "not rated")).upper()
    return Finding(name, version, str(advisory["id"]), severity, tuple(sorted(fixed)))


def _ask(url: str, question: dict[str, Any]) -> dict[str, Any]:
    request = urllib.request.Request(  # noqa: S310 - the source's address is the caller's own
        url, json.dumps(question).encode(), {"Content-Type": "application/json"}
    )
    try:
        with urllib.request.urlopen(request, timeout=PATIENCE_S) as response:  # noqa: S310
            answer = json.load(response)
    except (OSError, ValueError) as error:
        raise DeliveryError(f"not scanned: {url}: {error}") from None
    if not isinstance(answer, dict):
        raise DeliveryError(f"not scanned: {url} answers other than OSV's API")
    return answer
