"""Which model answered when, who approved it and on what evidence: from git alone.

Reads the first-parent line: the time of a change is when it was merged. What ran is Argo CD's to say (`status`).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from credit_delivery import quarantine, record
from credit_delivery.confirmation import confirmed
from credit_delivery.environments import (
    ModelPin,
    Name,
    facts_file,
    folder,
    frozen,
    model_file,
    read_model,
    read_pin,
    released,
    subject,
)
from credit_delivery.errors import EnvironmentFileError, RepositoryError
from credit_delivery.repository import Commit, Repository
from credit_delivery.rollback import ROLLED_BACK

APPROVED = "Approved-by"
How = Literal["promotion", "rollback", "by hand"]


@dataclass(frozen=True, slots=True)
class Change:
    """From `time` on, `pin` is what git named; None where the file was not of its form.

    `approver` merged the promotion; for the other ways it is who committed. `evidence` is the path of the file that
    the commit brought, `reason` what a rollback gave.
    """

    time: datetime
    commit: str
    how: How
    pin: ModelPin | None
    approver: str
    evidence: str | None
    reason: str | None

    def line(self) -> str:
        """The change in one line."""
        when = f"{self.time.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
        what = f"{self.pin.tag} {self.pin.modelDigest[:12]}" if self.pin else "a broken file"
        parts = [f"{self.how} by {self.approver}", f"commit {self.commit[:12]}"]
        parts += [f"evidence {self.evidence}"] if self.evidence else []
        parts += [f"because {self.reason}"] if self.reason else []
        return f"{when}  {what}  {', '.join(parts)}"


def history(repository: Repository, environment: Name, revision: str = "HEAD") -> list[Change]:
    """Every change of an environment's model, newest first.

    Raises:
        RepositoryError: the environment has no history.
    """
    path = model_file(environment)
    log = repository.log(path, revision=revision)
    if not log:
        raise RepositoryError(f"{path} has no history at {revision}")
    return [_change(repository, environment, commit) for commit in log]


def at(changes: list[Change], time: datetime) -> Change:
    """What git named at a moment, given `history`.

    Raises:
        RepositoryError: the environment did not exist yet.
    """
    moment = time if time.tzinfo else time.replace(tzinfo=UTC)
    for change in changes:
        if change.time <= moment:
            return change
    raise RepositoryError(f"git names no model at {moment.isoformat()}: the first is of {changes[-1].time.isoformat()}")


def evidence_file(environment: Name, tag: str) -> str:
    """Where a promotion keeps its evidence, from the repository's root."""
    return f"{folder(environment)}/evidence/{tag}.json"


def _change(repository: Repository, environment: Name, commit: Commit) -> Change:
    path = model_file(environment)
    try:
        pin = read_model(repository.read(path, commit.sha) or "", path)
    except EnvironmentFileError:
        pin = None
    evidence = evidence_file(environment, pin.tag) if pin else None
    if evidence and repository.read(evidence, commit.sha) is None:
        evidence = None
    rolled_back = commit.trailer(ROLLED_BACK)
    how: How = "rollback" if rolled_back else "promotion" if commit.merge and evidence else "by hand"
    reason = commit.message.split("\n\n")[1].strip() if rolled_back else None
    approver = commit.trailer(APPROVED) or commit.author
    return Change(commit.time, commit.sha, how, pin, approver, evidence, reason)


@dataclass(frozen=True, slots=True)
class Desired:
    """What git wants of one file of an environment now; `remarks` are what somebody should know of it."""

    environment: Name
    what: str
    tag: str
    digest: str
    since: datetime
    remarks: tuple[str, ...]


def desired(repository: Repository, environment: Name) -> list[Desired]:
    """What git wants of an environment now: its model, then its images."""
    paths = [path for path in repository.names(folder(environment)) if subject(path)]
    paths.sort(key=lambda path: (subject(path) != "model", path))
    return [_desired(repository, environment, path) for path in paths]


def _desired(repository: Repository, environment: Name, path: str) -> Desired:
    pin = read_pin(repository.read(path) or "", path)
    what = subject(path) or path
    remarks = [
        None if released(pin) else "nothing is released here yet",
        quarantine.read(repository).refusal(what, pin.tag, pin.digest),
    ]
    if isinstance(pin, ModelPin) and released(pin):
        known = record.find(repository, pin.tag)
        if known is None or known.pin != pin:
            remarks.append("is no release: digests are not the ones of its record")
        if environment == "staging" and confirmed(repository, pin):
            remarks.append("confirmed healthy")
    text = repository.read(facts_file(environment))
    if text and frozen(text, facts_file(environment)):
        remarks.append("frozen")
    since = repository.log(path)[0].time
    return Desired(environment, what, pin.tag, pin.digest, since, tuple(filter(None, remarks)))
