"""Calls other programs: the one place that starts a process. Knows nothing of what they do."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from credit_delivery import tools
from credit_delivery.errors import CommandFailedError


def run(
    command: Sequence[str],
    given: str | None = None,
    environment: Mapping[str, str] | None = None,
    folder: Path | None = None,
) -> str:
    """Run a program to its end with `given` as its input; gives what it printed.

    Raises:
        CommandFailedError: it ended with another code than 0.
    """
    result = subprocess.run(  # noqa: S603
        [tools.find(command[0]) or command[0], *command[1:]],
        input=given,
        env=os.environ | dict(environment or {}),
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    if result.returncode:
        raise CommandFailedError(command, result.returncode, result.stderr or result.stdout)
    return result.stdout


def succeeds(command: Sequence[str], environment: Mapping[str, str] | None = None) -> bool:
    """Whether a program ends well."""
    try:
        run(command, environment=environment)
    except CommandFailedError:
        return False
    return True
