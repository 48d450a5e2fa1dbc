"""The service as a process of its own, by its command."""

from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path

import httpx

COMMAND = [str(Path(sys.executable).with_name("scoring-api"))]


def start(bundle: Path | None, *overrides: str) -> tuple[subprocess.Popen[str], httpx.Client]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    named = [] if bundle is None else ["--bundle", str(bundle), "--tag", "toy-1"]
    command = [*COMMAND, "serve", *named, "auth=none", f"port={port}", "journal.keep=false", *overrides]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    assert process.stderr
    for line in process.stderr:
        if "running on" in line:
            break
    return process, httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False)
