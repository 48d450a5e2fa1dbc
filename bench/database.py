"""A PostgreSQL of the measurement's own, on the load's core."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.process import LOAD_CORE, cpu_s
from credit_training.serving import free_port

DEBIAN = sorted(Path("/usr/lib/postgresql").glob("*/bin"))


class Database:
    """A running cluster with an empty database."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._port = free_port()
        found = shutil.which("initdb")
        self._programs = Path(found).resolve().parent if found else DEBIAN[-1]
        self._run("initdb", "--auth=trust", "--username=journal", "-D", str(folder / "data"))
        options = f"-p {self._port} -k {folder} -c listen_addresses=127.0.0.1"
        self._run("pg_ctl", "-D", str(folder / "data"), "-l", str(folder / "log"), "-o", options, "-w", "start")

    @property
    def url(self) -> str:
        """For JOURNAL_URL."""
        return f"postgresql://journal@127.0.0.1:{self._port}/postgres"

    def cpu_s(self) -> float:
        """CPU seconds of all its processes so far."""
        return cpu_s(int((self._folder / "data" / "postmaster.pid").read_text().split()[0]))

    def stop(self) -> None:
        """End it."""
        self._run("pg_ctl", "-D", str(self._folder / "data"), "-m", "fast", "-w", "stop")

    def _run(self, program: str, *arguments: str) -> None:
        subprocess.run(  # noqa: S603 our own commands
            ["taskset", "-c", str(LOAD_CORE), str(self._programs / program), *arguments],  # noqa: S607
            check=True,
            stdout=subprocess.DEVNULL,
            user="postgres" if os.geteuid() == 0 else None,  # PostgreSQL refuses root
            cwd=self._folder,
        )


@contextmanager
def running() -> Iterator[Database]:
    """A database until the block ends.

    Raises:
        FileNotFoundError, IndexError: PostgreSQL is not installed.
    """
    with tempfile.TemporaryDirectory(prefix="bench-pg-") as name:
        if os.geteuid() == 0:
            os.chown(name, pwd.getpwnam("postgres").pw_uid, -1)
        database = Database(Path(name))
        try:
            yield database
        finally:
            database.stop()
