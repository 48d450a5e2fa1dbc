"""Every error of this package, each one line that says what was wrong, where, and what to do.

DeliveryError
├── ChartError        a chart's files contradict each other or are stale
├── CommandFailedError     a program that we call ended badly
├── ToolsMissingError      a program, port or memory that a step needs is not there
└── ClusterError      the cluster did not become what git says
"""

from __future__ import annotations

from collections.abc import Sequence


class DeliveryError(Exception):
    """Base of all; the command line prints it and ends with 1."""


class ChartError(DeliveryError):
    """A chart's files contradict each other or are stale."""


class CommandFailedError(DeliveryError):
    """A program ended badly; `output` is the end of what it said."""

    def __init__(self, command: Sequence[str], code: int, output: str) -> None:
        self.output = output.strip()
        last = self.output.splitlines()[-1] if self.output else "it said nothing"
        super().__init__(f"`{' '.join(command)}` ended with {code}: {last}")


class ToolsMissingError(DeliveryError):
    """Everything that is missing, one per line, each with how to get it."""


class ClusterError(DeliveryError):
    """A step on the cluster failed; `more` is the command that shows why."""

    def __init__(self, message: str, more: str) -> None:
        super().__init__(f"{message}\n  more: {more}")
