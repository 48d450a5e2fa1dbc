"""How a change alters what Argo CD would apply: each application of ours in each environment, and the bootstrap that
makes and fences them, rendered at two commits.

Renders as in the cloud. Asks no cluster, so it does not know what is really there.
"""

from __future__ import annotations

import difflib
import tarfile
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import yaml

from credit_delivery.environments import ENVIRONMENTS
from credit_delivery.errors import CommandFailedError
from credit_delivery.programs import run

BOOTSTRAP = Path("argocd/bootstrap/values.yaml")
PLATFORM = Path("argocd/platform")
FOLDERS = ("argocd", "charts", "environments")
LONGEST = 60_000
"""Characters; GitHub takes 65,536 in one comment."""

Rendered = dict[str, str]
"""YAML by `environment/application`, `platform/application` or `bootstrap/environment`."""


def difference(root: Path, base: str) -> str:
    """Markdown for a pull request: what changes between the commit `base` and the files at `root`.

    Raises:
        CommandFailedError: git does not know the commit, or the files at `root` do not render.
    """
    with tempfile.TemporaryDirectory(prefix="credit-manifests-") as folder:
        before = _rendered(_exported(root, base, Path(folder)), forgiving=True)
    after = _rendered(root)
    parts = [_part(name, before.get(name, ""), after.get(name, "")) for name in sorted(before | after)]
    changed = [part for part in parts if part]
    if not changed:
        return f"Rendered manifests are those of `{base[:12]}`.\n"
    head = f"{len(changed)} of {len(parts)} applications change against `{base[:12]}`.\n\n"
    return _cut(head + "\n".join(changed))


def _exported(root: Path, base: str, folder: Path) -> Path:
    archive = folder / "base.tar"
    there = [name for name in FOLDERS if run(["git", "ls-tree", "--name-only", base, name], folder=root)]
    run(["git", "archive", "--output", str(archive), base, *there], folder=root)
    with tarfile.open(archive) as content:
        content.extractall(folder, filter="data")
    return folder


def _rendered(root: Path, *, forgiving: bool = False) -> Rendered:
    """What does not render in a base that is forgiven counts as not there: the change may be its repair."""
    rendered = {}
    for name, command, values in _applications(root):
        try:
            rendered[name] = run(command, values, folder=root)
        except CommandFailedError:
            if not forgiving:
                raise
    return rendered


def _applications(root: Path) -> Iterator[tuple[str, list[str], str]]:
    """Name, Helm's command, and what it reads from its input."""
    if not (root / BOOTSTRAP).exists():
        return
    settings = yaml.safe_load((root / BOOTSTRAP).read_text(encoding="utf-8"))
    for environment in ENVIRONMENTS:
        for application in settings["applications"]:
            values = [f"environments/{environment}/{file}" for file in application["values"]]
            yield f"{environment}/{application['name']}", _template(application["name"], environment, values, {}), ""
        told = f"repository=REPOSITORY,environments={{{environment}}}"
        bootstrap = ["helm", "template", "bootstrap", str(BOOTSTRAP.parent), "--namespace", "argocd", "--set", told]
        yield f"bootstrap/{environment}", bootstrap, ""
    for path in sorted((root / PLATFORM).glob("*.yaml")):
        item = yaml.safe_load(path.read_text(encoding="utf-8"))
        if "chart" not in item:
            values = [file.removeprefix("/") for file in item.get("valueFiles", [])]
            files = {file["name"]: file["path"].removeprefix("/") for file in item.get("fileParameters", [])}
            command = _template(item["name"], item["namespace"], [*values, "-"], files)
            yield f"platform/{item['name']}", command, yaml.safe_dump(item["values"])


def _template(application: str, namespace: str, values: Sequence[str], files: Mapping[str, str]) -> list[str]:
    command = ["helm", "template", application, f"charts/{application}", "--namespace", namespace]
    command += [part for file in values for part in ("--values", file)]
    return command + [part for name, file in files.items() for part in ("--set-file", f"{name}={file}")]


def _part(name: str, before: str, after: str) -> str:
    lines = difflib.unified_diff(before.splitlines(), after.splitlines(), "before", "after", lineterm="")
    if not (diff := "\n".join(lines)):
        return ""
    added = diff.count("\n+") - 1
    removed = diff.count("\n-")
    return f"<details><summary>{name}: +{added} −{removed}</summary>\n\n```diff\n{diff}\n```\n</details>\n"


def _cut(page: str) -> str:
    if len(page) <= LONGEST:
        return page
    return f"{page[:LONGEST]}\n```\n</details>\n\nToo long for a comment: `make manifests` shows the rest.\n"
