"""Commits made of the working tree, uncommitted and untracked files included, without touching index or branch.

Knows git and which files of environments/ machines write. Does not know where a commit is pushed to.
"""

from __future__ import annotations

import fnmatch
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from credit_delivery.errors import CommandFailedError, RefusedError
from credit_delivery.programs import run
from credit_delivery.repository import Repository

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


CHANGED_TWICE = (
    "was changed here and in the cluster since the last push: take the cluster's with `git -C var/kind/repository show "
    "main:{path} > {path}`, `make push`, and change it again"
)
LEFT_OUT = (
    "is not sent: the cluster's stays, which `make promote`, `make rollback` and `credit-release bump --kind` write"
)
MESSAGE = "Snapshot of the working tree"
"""By which the last one is found again."""


def commit_tree(main: str = "") -> str:
    """A commit of the working tree on the last snapshot in the cluster's `main`, or on HEAD while there is no main.

    It is the last snapshot itself when nothing differs. Machine-written files stay as they were there.
    """
    last = _last(main) if main else ""
    with _working_tree() as index:
        if last:
            _keep(last, main, index)
        tree = run(["git", "write-tree"], environment=index).strip()
    return _commit(tree, last or run(["git", "rev-parse", "HEAD"]).strip())


def bring(repository: Repository, commit: str, say: Callable[[str], None]) -> None:
    """Merge a snapshot into what the clone of the cluster's git has checked out, and `say` what it leaves out.

    So what changed there since the last snapshot stays: what machines wrote, and what `freeze` and `drift` say in
    people's files.

    Raises:
        RefusedError: the same lines of a file were changed here and there.
    """
    for path in _left_out(commit, repository.head()):
        say(f"{path} {LEFT_OUT}")
    try:
        repository.git("merge", "--quiet", "--no-ff", "--strategy-option=no-renames", "--message", "Push", commit)
    except CommandFailedError:
        files = repository.git("diff", "--name-only", "--diff-filter=U").splitlines()
        if not files:
            raise
        repository.git("merge", "--abort")
        raise RefusedError(
            "the working tree", [f"{path} {CHANGED_TWICE.format(path=path)}" for path in files]
        ) from None


@contextmanager
def _working_tree() -> Iterator[dict[str, str]]:
    """An index of all that is here, as the environment in which git uses it."""
    with tempfile.TemporaryDirectory() as folder:
        index = {"GIT_INDEX_FILE": str(Path(folder) / "index")}
        run(["git", "read-tree", "HEAD"], environment=index)
        run(["git", "add", "--all"], environment=index)
        yield index


def _left_out(commit: str, main: str) -> list[str]:
    """Files that machines write and somebody changed here since the last snapshot, to what `main` does not have."""
    with _working_tree() as index:
        differing = [
            set(run(["git", "diff-index", "--cached", "--name-only", other], environment=index).splitlines())
            for other in (commit, main)
        ]
    # A release that was made in the cluster need not be here.
    return sorted(path for path in set.intersection(*differing) if _machine_written(path) or Path(path).exists())


def _last(main: str) -> str:
    """The last snapshot in the cluster's git; where there is none, what it began with."""
    found = run(["git", "log", "-1", "--topo-order", "--format=%H", f"--grep=^{MESSAGE}$", main]).strip()
    return found or run(["git", "merge-base", "HEAD", main]).strip()


def _keep(last: str, main: str, index: Mapping[str, str]) -> None:
    for path in run(["git", "ls-files"], environment=index).splitlines():
        if _machine_written(path):
            run(["git", "update-index", "--force-remove", path], environment=index)
    for commit, kept in ((last, _machine_written), (main, _release)):
        for line in run(["git", "ls-tree", "-r", commit]).splitlines():
            about, _, path = line.partition("\t")
            if kept(path):
                _set(path, about.split()[2], index)


def _machine_written(path: str) -> bool:
    return any(fnmatch.fnmatch(path, pattern) for pattern in MACHINE_WRITTEN)


def _release(path: str) -> bool:
    return fnmatch.fnmatch(path, RELEASES)


def _set(path: str, blob: str, index: Mapping[str, str]) -> None:
    run(["git", "update-index", "--add", "--cacheinfo", f"100644,{blob},{path}"], environment=index)


def _commit(tree: str, parent: str) -> str:
    if tree == run(["git", "rev-parse", f"{parent}^{{tree}}"]).strip():
        return parent
    return run(["git", "commit-tree", tree, "-p", parent, "-m", MESSAGE], environment=AUTHOR).strip()
