"""`environments/quarantine.yaml`: models and images that no way may lead back into an environment.

Rollbacks add entries; taking one out is a person's pull request. Does not know who asks.
"""

from __future__ import annotations

from typing import Annotated

import yaml
from pydantic import Field as Constraint, ValidationError

from credit_contract.schema import Frozen
from credit_delivery.environments import Name
from credit_delivery.errors import EnvironmentFileError
from credit_delivery.repository import Repository

FILE = "environments/quarantine.yaml"
HEADER = """\
# Written by credit-release (rollback), not by hand. Nothing listed here gets into an environment again: promote, bump
# and build refuse it, and so does the check of pull requests. Taking an entry out is a decision for a pull request.
"""


class Entry(Frozen):
    """One bad thing: `what` is `model` or an application. Without a digest, the tag alone is bad (it names nothing)."""

    what: str
    tag: str
    digest: str | None
    environment: Name
    reason: Annotated[str, Constraint(min_length=1)]

    def covers(self, what: str, tag: str, digest: str) -> bool:
        """Whether it is this one; a digest is bad under any tag."""
        same = tag == self.tag if self.digest is None else digest == self.digest
        return same and what == self.what


class Quarantine(Frozen):
    """All entries, oldest first."""

    quarantined: tuple[Entry, ...] = ()

    def refusal(self, what: str, tag: str, digest: str) -> str | None:
        """Why this must not run, or None."""
        for entry in self.quarantined:
            if entry.covers(what, tag, digest):
                return f"{what} {tag} is quarantined since it failed in {entry.environment}: {entry.reason}"
        return None

    def adding(self, entry: Entry) -> Quarantine:
        """With one more entry, unless its like is there."""
        if any((old.what, old.tag, old.digest) == (entry.what, entry.tag, entry.digest) for old in self.quarantined):
            return self
        return Quarantine(quarantined=(*self.quarantined, entry))

    def text(self) -> str:
        """The file."""
        content = yaml.safe_dump(self.model_dump(mode="json"), sort_keys=False, allow_unicode=True, width=1000)
        return HEADER + content


def read(repository: Repository, revision: str = "HEAD") -> Quarantine:
    """The quarantine at a commit; empty while there is no file.

    Raises:
        EnvironmentFileError: the file is not of its form: nothing may pass then.
    """
    text = repository.read(FILE, revision)
    if text is None:
        return Quarantine()
    try:
        return Quarantine.model_validate(yaml.safe_load(text))
    except (yaml.YAMLError, ValidationError) as error:
        why = error.errors()[0]["msg"] if isinstance(error, ValidationError) else "not YAML"
        raise EnvironmentFileError(f"{FILE}: {why}; restore it from git") from None
