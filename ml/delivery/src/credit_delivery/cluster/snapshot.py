"""Commits made of the working tree, uncommitted and untracked files included, without touching index or branch.

Knows git and which files of environments/ machines write. Does not know where a commit is pushed to.
"""

from __future__ import annotations

import fnmatch
import tempfile
from collections.abc import Mapping
from pathlib import Path

from credit_delivery.programs import run

MACHINE_WRITTEN = (
    "environments/*/model.yaml",
    "environments/*/*.image.yaml",
    "environments/*/evidence/*",
    "environments/staging/confirmed/*",
    "environments/quarantine.yaml",
)
RELEASES = "ml/releases/*"
"""Written once, never changed: those of both sides are kept."""

AUTHOR = {
    f"GIT_{role}_{what}": value
    for role in ("AUTHOR", "COMMITTER")
    for what, value in (("NAME", "make up"), ("EMAIL", "make-up@localhost"))
}


def commit_tree(parent: str, message: str, kept_from: str = "") -> str:
    """A commit on `parent`, or `parent` itself when nothing differs.

    Its tree is the working tree; machine-written files are those of the commit `kept_from` where one is named.
    """
    with tempfile.TemporaryDirectory() as folder:
        index = {"GIT_INDEX_FILE": str(Path(folder) / "index")}
        run(["git", "read-tree", "HEAD"], environment=index)
        run(["git", "add", "--all"], environment=index)
        if kept_from:
            _keep(kept_from, index)
        tree = run(["git", "write-tree"], environment=index).strip()
    return _commit(tree, parent, message)


def _keep(commit: str, index: Mapping[str, str]) -> None:
    for path in run(["git", "ls-files"], environment=index).splitlines():
        if _machine_written(path):
            run(["git", "update-index", "--force-remove", path], environment=index)
    for line in run(["git", "ls-tree", "-r", commit]).splitlines():
        about, _, path = line.partition("\t")
        if _machine_written(path) or fnmatch.fnmatch(path, RELEASES):
            _set(path, about.split()[2], index)


def _machine_written(path: str) -> bool:
    return any(fnmatch.fnmatch(path, pattern) for pattern in MACHINE_WRITTEN)


def _set(path: str, blob: str, index: Mapping[str, str]) -> None:
    run(["git", "update-index", "--add", "--cacheinfo", f"100644,{blob},{path}"], environment=index)


def _commit(tree: str, parent: str, message: str) -> str:
    if tree == run(["git", "rev-parse", f"{parent}^{{tree}}"]).strip():
        return parent
    return run(["git", "commit-tree", tree, "-p", parent, "-m", message], environment=AUTHOR).strip()
