"""A server as a tree of processes on one core: started, its CPU time and memory read, stopped. Linux only."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")
SERVER_CORE, LOAD_CORE = 0, 1
PATIENCE_S = 90.0


class StartError(Exception):
    """A server did not begin to listen; the words are its last ones."""


class Server:
    """A running server and everything it started."""

    def __init__(self, process: subprocess.Popen[bytes], port: int, began: float) -> None:
        self.port = port
        self._process = process
        self._began = began

    def age_s(self) -> float:
        """Seconds since its start."""
        return time.perf_counter() - self._began

    def cpu_s(self) -> float:
        """CPU seconds of the tree so far, of ended children too."""
        return cpu_s(self._process.pid)

    def memory_mb(self) -> float:
        """Proportional set size of the tree."""
        return sum(_pss(pid) for pid in tree(self._process.pid)) / 1024

    def processes(self) -> int:
        """How many there are."""
        return len(tree(self._process.pid))


@contextmanager
def serving(
    command: Sequence[str], environment: Mapping[str, str], port: int, folder: Path, log: Path
) -> Iterator[Server]:
    """Run `command` in `folder` on the server's core until the block ends.

    Raises:
        StartError: it ended, or did not listen in time.
    """
    began = time.perf_counter()
    with log.open("wb") as words:
        process = subprocess.Popen(  # noqa: S603 our own commands
            ["taskset", "-c", str(SERVER_CORE), *command],  # noqa: S607
            env={**os.environ, **environment},
            cwd=folder,
            stdout=words,
            stderr=words,
            start_new_session=True,
        )
    try:
        while not _listens(port):
            if process.poll() is not None or time.perf_counter() - began > PATIENCE_S:
                raise StartError((log.read_text(errors="replace").strip().splitlines() or ["no word"])[-1])
            time.sleep(0.01)
        yield Server(process, port, began)
    finally:
        _stop(process)


def tree(root: int) -> list[int]:
    """A process and its descendants."""
    found = [root]
    for pid in found:
        with suppress(OSError):
            for task in Path(f"/proc/{pid}/task").iterdir():
                found += map(int, (task / "children").read_text().split())
    return found


def cpu_s(root: int) -> float:
    """CPU seconds of a process, its descendants, and those of them that ended."""
    total = 0
    for pid in tree(root):
        with suppress(OSError):
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            total += sum(map(int, fields[11:15]))
    return total / TICKS


def busy_s() -> float:
    """CPU seconds that this machine has spent on anything."""
    user, nice, system, _, _, irq, softirq, *_ = map(int, Path("/proc/stat").read_text().split("\n")[0].split()[1:])
    return (user + nice + system + irq + softirq) / TICKS


def _pss(pid: int) -> int:
    with suppress(OSError):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1])
    return 0


def _listens(port: int) -> bool:
    with socket.socket() as end:
        return end.connect_ex(("127.0.0.1", port)) == 0


def _stop(process: subprocess.Popen[bytes]) -> None:
    left = tree(process.pid)
    process.terminate()
    with suppress(subprocess.TimeoutExpired):
        process.wait(10)
    for pid in {*left, *tree(process.pid)}:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    process.wait()
