"""`python -m credit_delivery.supply_chain VERB`: what `make sbom`, `scan`, `licences` and their like call.

Parses and prints. Errors are one line each, and exit code 1.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from credit_contract.errors import ContractError
from credit_delivery.errors import DeliveryError, RefusedError
from credit_delivery.programs import run
from credit_delivery.repository import Repository
from credit_delivery.supply_chain import (
    advisories,
    attestations,
    licences,
    locks,
    manifests,
    published,
    release_files,
    resolution,
    sbom,
)

Verb = Callable[[argparse.Namespace], None]
VAR = Path("var")
HERE = Path()


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one verb."""
    chosen = _parser().parse_args(arguments)
    try:
        verb: Verb = chosen.verb
        verb(chosen)
    except (ContractError, DeliveryError) as error:
        print(f"{chosen.command}: {error}", file=sys.stderr)
        sys.exit(1)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="supply_chain", description="What leaves this repository, and what it is made of."
    )
    verbs = parser.add_subparsers(dest="command", required=True, metavar="VERB")

    def add(name: str, verb: Verb, summary: str) -> argparse.ArgumentParser:
        command = verbs.add_parser(name, help=summary, description=summary)
        command.set_defaults(verb=verb)
        return command

    add("lock", _lock, "resolve all requirements anew into their lock files")
    add("sbom", _sbom, "write an SPDX bill of materials per lock file into var/sbom")
    add("scan", _scan, f"ask the source that {advisories.SETTING} names for vulnerabilities of what is locked")
    add("licences", _licences, "list and check the licences of what is locked, into var/licences.txt")
    differ = add("manifests", _manifests, "write how manifests differ from those of a commit into var/manifests.md")
    differ.add_argument("base", help="the commit, such as origin/main")
    files = add("release-files", _release_files, "write notes and chart packages of a version into var/release")
    files.add_argument("version", help="the tag, such as v1.2.3")
    attest = add(
        "attestations", _attestations, "write a released model image's bill and provenance into var/attestations"
    )
    attest.add_argument("tag", help="a release in ml/releases")
    publish = add(
        "publish-models", _publish_models, "copy released model images to a registry, scan, attest and sign them"
    )
    publish.add_argument("registry", help="its address, without the image")
    return parser


def _lock(_: argparse.Namespace) -> None:
    print("\n".join(map(str, resolution.resolve(HERE.resolve()))))


def _sbom(_: argparse.Namespace) -> None:
    rules, found = licences.policy(), licences.installed(HERE)
    created = run(
        ["git", "log", "-1", "--date=format-local:%Y-%m-%dT%H:%M:%SZ", "--format=%cd"], environment={"TZ": "UTC"}
    )
    folder = VAR / "sbom"
    folder.mkdir(parents=True, exist_ok=True)
    for lock in locks.read_all(HERE):
        bill = sbom.document(lock, licences.licences(lock.packages, found, rules), created.strip())
        path = folder / f"{lock.name}.spdx.json"
        path.write_text(json.dumps(bill, indent=1) + "\n", encoding="utf-8")
        print(f"{path}: {len(lock.packages)} packages of {lock.path}")


def _scan(_: argparse.Namespace) -> None:
    packages = [package for lock in locks.read_all(HERE) for package in lock.packages]
    findings = advisories.scan(packages, os.environ.get(advisories.SETTING, ""))
    print("\n".join(finding.line() for finding in findings) or f"nothing known of {len(packages)} packages")
    if failing := [finding.line() for finding in findings if finding.fails]:
        raise RefusedError("what is locked", failing)


def _licences(_: argparse.Namespace) -> None:
    rules, every = licences.policy(), locks.read_all(HERE)
    packages = {package.name: package for lock in every for package in lock.packages}
    found = licences.licences(packages.values(), licences.installed(HERE), rules)
    path = VAR / "licences.txt"
    path.parent.mkdir(exist_ok=True)
    path.write_text("".join(f"{name:40} {licence}\n" for name, licence in sorted(found.items())), encoding="utf-8")
    if faults := licences.faults(every, found, rules):
        raise RefusedError("licences of what is locked", faults)
    print(f"{path}: {len(found)} packages, all allowed or accepted")


def _manifests(chosen: argparse.Namespace) -> None:
    page = manifests.difference(HERE, chosen.base)
    path = VAR / "manifests.md"
    path.parent.mkdir(exist_ok=True)
    path.write_text(page, encoding="utf-8")
    print(f"{path}: {page.splitlines()[0]}")


def _release_files(chosen: argparse.Namespace) -> None:
    print("\n".join(map(str, release_files.write(chosen.version, HERE, VAR / "release"))))


def _attestations(chosen: argparse.Namespace) -> None:
    written = attestations.write(Repository(Path.cwd()), chosen.tag, VAR / "attestations" / chosen.tag)
    print("\n".join(map(str, written)))


def _publish_models(chosen: argparse.Namespace) -> None:
    print("\n".join(published.publish(Path.cwd(), chosen.registry)) or "nothing is released yet")


if __name__ == "__main__":
    main()
