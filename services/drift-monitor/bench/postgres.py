"""A PostgreSQL of the measurement's own, in a folder that goes with it."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

DEBIAN = sorted(Path("/usr/lib/postgresql").glob("*/bin"))


@contextmanager
def running() -> Iterator[str]:
    """The address of an empty database, until the block ends.

    Raises:
        IndexError: PostgreSQL is not installed.
    """
    found = shutil.which("initdb")
    programs = Path(found).resolve().parent if found else DEBIAN[-1]
    user = "postgres" if os.geteuid() == 0 else None  # PostgreSQL refuses root
    with socket.socket() as free, tempfile.TemporaryDirectory(prefix="bench-pg-") as folder:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        if user is not None:
            os.chown(folder, pwd.getpwnam(user).pw_uid, -1)

        def run(program: str, *arguments: str) -> None:
            command = [str(programs / program), "-D", f"{folder}/data", *arguments]
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL, user=user, cwd=folder)  # noqa: S603

        run("initdb", "--auth=trust", "--username=journal", "--no-sync")
        free.close()
        options = f"-p {port} -k {folder} -c listen_addresses=127.0.0.1 -c max_wal_size=512MB"
        run("pg_ctl", "-l", f"{folder}/log", "-o", options, "-w", "start")
        try:
            yield f"postgresql://journal@127.0.0.1:{port}/postgres"
        finally:
            run("pg_ctl", "-m", "immediate", "-w", "stop")
