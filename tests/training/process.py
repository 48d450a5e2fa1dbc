"""`credit-train` as a process of its own, forked from one that has loaded what a run needs: loading takes longer."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
from pathlib import Path

from credit_training.cli import main

FORKED = multiprocessing.get_context("forkserver")
FORKED.set_forkserver_preload(["credit_training.run"])


def run_until(command: list[str], moment: str, sent: signal.Signals, pipe: Path) -> tuple[int, str]:
    """How a verb ended, and what it said on stderr, when a signal came once it had said a certain thing."""
    os.mkfifo(pipe)
    process = FORKED.Process(target=_run, args=(command, dict(os.environ), pipe))
    process.start()
    assert process.pid
    with pipe.open("rb", buffering=0) as stream:
        said = b""
        while moment.encode() not in said:
            more = stream.read(4096)
            assert more, f"ended before {moment!r}: {said.decode()}"
            said += more
        os.kill(process.pid, sent)
        said += stream.readall()
    process.join()
    assert process.exitcode is not None
    return process.exitcode, said.decode()


def _run(command: list[str], environment: dict[str, str], pipe: Path) -> None:
    os.environ.clear()
    os.environ.update(environment)
    # A shell's background job ignores SIGINT, and so do its children unless they say otherwise.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.dup2(os.open(pipe, os.O_WRONLY), sys.stderr.fileno())
    sys.exit(main(command))
