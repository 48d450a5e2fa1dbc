"""Finds and calls other programs: the one place that starts a process. Knows nothing of what they do."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from credit_delivery.errors import CommandFailedError

FOLDER = Path("var/tools")
"""Where `make tools` puts what is not on PATH."""
SERVERS = Path("/usr/lib/postgresql")
"""Where Debian puts a database server's programs, by its version, on nobody's PATH."""


def find(name: str) -> str | None:
    """Path of a program on PATH, under var/tools, or Debian's of a database server."""
    return shutil.which(name) or shutil.which(name, path=os.pathsep.join(map(str, [FOLDER, *SERVERS.glob("*/bin")])))


def run(
    command: Sequence[str],
    given: str | None = None,
    environment: Mapping[str, str] | None = None,
    folder: Path | None = None,
) -> str:
    """Run a program to its end with `given` as its input; gives what it printed.

    Raises:
        CommandFailedError: it is missing, or ended with another code than 0.
    """
    path = find(command[0])
    if path is None:
        raise CommandFailedError(command, 127, f"{command[0]} is not on PATH")
    result = subprocess.run(  # noqa: S603
        [path, *command[1:]],
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


@contextmanager
def beside(command: Sequence[str]) -> Iterator[IO[str]]:
    """A program that runs as long as the context; gives what it prints.

    Raises:
        CommandFailedError: it is missing.
    """
    path = find(command[0])
    if path is None:
        raise CommandFailedError(command, 127, f"{command[0]} is not on PATH")
    with subprocess.Popen([path, *command[1:]], stdout=subprocess.PIPE, text=True) as process:  # noqa: S603
        assert process.stdout is not None
        try:
            yield process.stdout
        finally:
            process.terminate()
