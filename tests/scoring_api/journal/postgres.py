"""A PostgreSQL cluster of the tests' own: started, stopped, frozen and killed at will."""

from __future__ import annotations

import os
import pwd
import select
import shutil
import signal
import socket
import subprocess
import tempfile
from pathlib import Path

import pytest

DEBIAN = sorted(Path("/usr/lib/postgresql").glob("*/bin"))


class Cluster:
    """Listens on a free port of 127.0.0.1; everybody local may come in."""

    def __init__(self, folder: Path, programs: Path) -> None:
        self._folder, self._programs = folder, programs
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self._run("initdb", "--auth=trust", "--username=journal", "--no-sync", "-D", str(folder / "data"))

    @classmethod
    def create(cls) -> Cluster:
        found = shutil.which("initdb")
        programs = Path(found).resolve().parent if found else DEBIAN[-1] if DEBIAN else None
        if programs is None:
            (pytest.fail if "CI" in os.environ else pytest.skip)("no PostgreSQL server: `make tools`")
        folder = Path(tempfile.mkdtemp(prefix="journal-pg-"))
        if os.geteuid() == 0:  # PostgreSQL refuses root
            os.chown(folder, pwd.getpwnam("postgres").pw_uid, -1)
        return cls(folder, programs)

    def url(self, database: str = "postgres") -> str:
        return f"postgresql://journal@127.0.0.1:{self.port}/{database}"

    def start(self) -> None:
        options = f"-p {self.port} -k {self._folder} -c listen_addresses=127.0.0.1"
        self._run(
            "pg_ctl", "-D", str(self._folder / "data"), "-l", str(self._folder / "log"), "-o", options, "-w", "start"
        )

    def stop(self) -> None:
        self._run("pg_ctl", "-D", str(self._folder / "data"), "-m", "immediate", "-w", "stop")

    def make_database(self, name: str) -> str:
        self._run("createdb", "-h", "127.0.0.1", "-p", str(self.port), "-U", "journal", name)
        return self.url(name)

    def signal(self, number: signal.Signals) -> None:
        """To the postmaster and every process of its."""
        for process in self._processes():
            os.kill(process, number)

    def kill(self) -> None:
        """As by `kill -9` on all of it; returns when all are gone."""
        ends = [os.pidfd_open(process) for process in self._processes()]
        for end in ends:
            signal.pidfd_send_signal(end, signal.SIGKILL)
        for end in ends:
            select.select([end], [], [])
            os.close(end)
        # Where nobody reaps the dead, their number would look alive to the next start.
        for lock in ("data/postmaster.pid", f".s.PGSQL.{self.port}.lock"):
            (self._folder / lock).unlink()

    def remove(self) -> None:
        if (self._folder / "data" / "postmaster.pid").exists():
            self.stop()
        shutil.rmtree(self._folder)

    def _processes(self) -> list[int]:
        postmaster = int((self._folder / "data" / "postmaster.pid").read_text().split()[0])
        children = Path(f"/proc/{postmaster}/task/{postmaster}/children").read_text().split()
        return [postmaster, *map(int, children)]

    def _run(self, program: str, *arguments: str) -> None:
        user = "postgres" if os.geteuid() == 0 else None
        subprocess.run(
            [self._programs / program, *arguments], check=True, stdout=subprocess.DEVNULL, user=user, cwd=self._folder
        )
