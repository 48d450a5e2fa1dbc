"""Every error of this package, each one line that says what was wrong, where, and what to do."""

from __future__ import annotations

from collections.abc import Sequence


class DeliveryError(Exception):
    """Base of all; the command line prints it and ends with 1."""


class ChartError(DeliveryError):
    """A chart's files contradict each other or are stale."""


class CommandFailedError(DeliveryError):
    """A program ended badly, with `code`; `output` is what it said, `last` its last line."""

    def __init__(self, command: Sequence[str], code: int, output: str) -> None:
        self.code = code
        self.output = output.strip()
        self.last = self.output.splitlines()[-1] if self.output else "it said nothing"
        super().__init__(f"`{' '.join(command)}` ended with {code}: {self.last}")


class ToolsMissingError(DeliveryError):
    """Everything that is missing, one per line, each with how to get it."""


class RepositoryError(DeliveryError):
    """Git does not hold what is asked of it, or a file has changes that would be lost."""


class EnvironmentFileError(DeliveryError):
    """A file below environments/ that is not what it should be; names file and key."""


class ReleaseError(DeliveryError):
    """A release record, bundle or candidate that is missing or is not what it says."""


class EvidenceError(DeliveryError):
    """Champion and challenger cannot be measured on the hold-out."""


class LoadError(DeliveryError):
    """Requests of a load that were not answered with 200, or an address that is none."""


class PullRequestError(DeliveryError):
    """The forge did not open the pull request; the branch is pushed."""


class RefusedError(DeliveryError):
    """A model or image must not go where somebody sends it: every reason, one per line."""

    def __init__(self, what: str, reasons: Sequence[str]) -> None:
        self.reasons = tuple(reasons)
        super().__init__("\n".join([f"{what} is refused:", *(f"  - {reason}" for reason in reasons)]))


class WithdrawnError(RefusedError):
    """A model that was confirmed is not healthy any more; its confirmation is taken back, by a commit."""


class ClusterError(DeliveryError):
    """A step on the cluster failed; `more` is the command that shows why."""

    def __init__(self, message: str, more: str) -> None:
        super().__init__(f"{message}\n  more: {more}")
