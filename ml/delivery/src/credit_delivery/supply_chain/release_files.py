"""The files of a release of the platform: notes out of CHANGELOG.md, and charts as packages of that version."""

from __future__ import annotations

import re
from pathlib import Path

from credit_delivery.errors import ReleaseError
from credit_delivery.programs import run

CHANGELOG = Path("CHANGELOG.md")
CHARTS = Path("charts")
VERSION = re.compile(r"v\d+\.\d+\.\d+")


def write(version: str, root: Path, folder: Path) -> list[Path]:
    """notes.md and a package per chart in `folder`; `version` is the tag, v1.2.3.

    Raises:
        ReleaseError: the tag is of no such form, or the changelog has no section for it.
        CommandFailedError: helm cannot package a chart.
    """
    if not VERSION.fullmatch(version):
        raise ReleaseError(f"{version!r} is no version; use v and three numbers, such as v1.2.3")
    notes = section((root / CHANGELOG).read_text(encoding="utf-8"), version.removeprefix("v"))
    folder.mkdir(parents=True, exist_ok=True)
    page = folder / "notes.md"
    page.write_text(notes, encoding="utf-8")
    number = version.removeprefix("v")
    for chart in sorted((root / CHARTS).glob("*/Chart.yaml")):
        run(["helm", "package", str(chart.parent), "--version", number, "--destination", str(folder)])
    return [page, *sorted(folder.glob(f"*-{number}.tgz"))]


def section(changelog: str, number: str) -> str:
    """What Keep a Changelog's form says below `## [1.2.3]` or `## 1.2.3`, with or without a date.

    Raises:
        ReleaseError: nothing.
    """
    found = re.search(
        rf"^## \[?{re.escape(number)}\]?(?: [^\n]*)?\n(.*?)(?=^## |\Z)", changelog, re.MULTILINE | re.DOTALL
    )
    text = found[1].strip() if found else ""
    if not text:
        raise ReleaseError(f"{CHANGELOG} says nothing of {number}: give what is under Unreleased that heading")
    return text + "\n"
