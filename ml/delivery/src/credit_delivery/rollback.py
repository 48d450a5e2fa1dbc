"""Rollback: one commit that restores the file before, byte for byte, and quarantines what was bad.

Works from git alone, so that it works while everything else is down. Does not know Argo CD.
"""

from __future__ import annotations

from dataclasses import dataclass

from credit_delivery import quarantine
from credit_delivery.environments import Name, Pin, facts_file, folder, read_pin, released, subject
from credit_delivery.errors import EnvironmentFileError, RepositoryError
from credit_delivery.quarantine import Entry, Quarantine
from credit_delivery.repository import Commit, Repository

ROLLED_BACK = "Rolled-back"


@dataclass(frozen=True, slots=True)
class Rollback:
    """What came of it: `commit` is None when the last change of `path` was this very rollback."""

    path: str
    bad: str
    restored: str
    commit: str | None


def roll_back(
    repository: Repository, environment: Name, reason: str, path: str | None = None, bad: str | None = None
) -> Rollback:
    """Undo the last change of an environment, or of one of its files.

    A second call finds its own commit and makes no other. To go further back, name what is `bad` now: with a tag,
    nothing happens unless that tag is what the file names.

    Raises:
        RepositoryError: there is nothing to go back to, the file has uncommitted changes, or the last commit changed
            more than one file.
    """
    path = path or _last_changed(repository, environment)
    if changed := repository.uncommitted(path, quarantine.FILE):
        raise RepositoryError(f"{', '.join(changed)}: has uncommitted changes; `git restore` or commit them first")
    log = repository.log(path)
    current = repository.read(path)
    if current is None:
        raise RepositoryError(f"{path} is not committed: there is nothing to roll back")
    pin = _pin_or_none(current, path)
    if bad is None and (done := log[0].trailer(ROLLED_BACK)):
        return Rollback(path, done, _name(pin, log[0]), None)
    if bad is not None and (pin is None or pin.tag != bad):
        return Rollback(path, bad, _name(pin, log[0]), None)
    listed = quarantine.read(repository)
    good, before = _last_good(repository, path, log, current, listed)
    restored = _name(before, good)
    name = _name(pin, log[0])
    message = (
        f"Roll back {environment}'s {_what(path)} from {name} to {restored}\n\n{reason}\n\n{ROLLED_BACK}: {name}\n"
    )
    files = {}
    entry = _entry(environment, path, pin, before, reason)
    if entry is not None:
        files[quarantine.FILE] = listed.adding(entry).text()
    repository.restore(path, good.sha)
    return Rollback(path, name, restored, repository.commit(message, files, path))


def rolls_back(repository: Repository, environment: Name, path: str, base: str) -> bool:
    """Whether what changed in a file since the commit `base` is what one rollback there would have written.

    Raises:
        EnvironmentFileError: the quarantine is not of its form.
    """
    current = repository.read(path, base)
    if current is None:
        return False
    log = repository.log(path, revision=base)
    try:
        good, before = _last_good(repository, path, log, current, quarantine.read(repository, base))
    except RepositoryError:
        return False
    listed = quarantine.read(repository)
    entry = _entry(environment, path, _pin_or_none(current, path), before, "found")
    kept_out = entry is None or listed.adding(entry) == listed
    return kept_out and repository.read(path) == repository.read(path, good.sha)


def _last_changed(repository: Repository, environment: Name) -> str:
    """The file of the environment that the newest commit changed: what runs, or what people set for it."""
    there = [path for path in repository.names(folder(environment)) if path != facts_file(environment)]
    log = repository.log(*there)
    if not there or not log:
        raise RepositoryError(f"{folder(environment)} has no history to roll back")
    newest = log[0].sha
    changed = repository.git("diff-tree", "--no-commit-id", "--name-only", "-r", "-m", "--first-parent", newest)
    touched = [path for path in there if path in changed.splitlines()]
    if len(touched) != 1:
        raise RepositoryError(f"commit {newest[:12]} changed {', '.join(touched)}: say which with --file")
    return touched[0]


def _last_good(
    repository: Repository, path: str, log: list[Commit], current: str, listed: Quarantine
) -> tuple[Commit, Pin | None]:
    """The newest commit before whose file may run, and what it names."""
    for commit in log[1:]:
        text = repository.read(path, commit.sha)
        if text is None or text == current:
            continue
        pin = _pin_or_none(text, path)
        if subject(path) is None:
            return commit, None
        if pin is not None and released(pin) and listed.refusal(_what(path), pin.tag, pin.digest) is None:
            return commit, pin
    raise RepositoryError(f"{path}: no earlier version may run: each is quarantined, the same, or names nothing")


def _entry(environment: Name, path: str, bad: Pin | None, good: Pin | None, reason: str) -> Entry | None:
    """What keeps the bad one out and lets the good one in."""
    if bad is None or good is None or (bad.tag, bad.digest) == (good.tag, good.digest):
        return None
    # A typed tag that names nothing may stand beside the good digest.
    digest = None if bad.digest == good.digest else bad.digest
    return Entry(what=_what(path), tag=bad.tag, digest=digest, environment=environment, reason=reason)


def _pin_or_none(text: str, path: str) -> Pin | None:
    """What a file names; None for people's files, and where somebody broke the form: both can be rolled back too."""
    if subject(path) is None:
        return None
    try:
        return read_pin(text, path)
    except EnvironmentFileError:
        return None


def _what(path: str) -> str:
    return subject(path) or path.rpartition("/")[2]


def _name(pin: Pin | None, commit: Commit) -> str:
    """A tag, or the commit of a file that names none."""
    return pin.tag if pin else commit.sha[:12]
