"""A scoring API of this machine, for as long as it is needed: started on a bundle, asked over HTTP, stopped.

Knows the command and its routes. Does not import the service.
"""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

from credit_training.errors import ServingError

PATIENCE_S = 30.0
HERE = urllib.request.build_opener(urllib.request.ProxyHandler({}))
"""Asks this machine itself, whatever proxy the environment names."""


@dataclass(frozen=True, slots=True)
class Service:
    """A running scoring API."""

    url: str

    def predict(self, applicants: Sequence[dict[str, Any]]) -> dict[str, Any]:
        """What POST /predict answers.

        Raises:
            ServingError: the service refused the applicants, or is gone.
        """
        body = json.dumps(list(applicants)).encode()
        request = urllib.request.Request(  # noqa: S310  the URL is this machine's own
            f"{self.url}/predict", data=body, headers={"Content-Type": "application/json"}
        )
        try:
            with HERE.open(request, timeout=10) as response:
                answer: dict[str, Any] = json.load(response)
                return answer
        except urllib.error.HTTPError as error:
            raise ServingError(f"POST /predict answered {error.code}: {error.read().decode()[:300]}") from None
        except OSError as error:
            raise ServingError(f"POST /predict: {error}") from None


@contextmanager
def serving(bundle: Path, tag: str) -> Iterator[Service]:
    """Start `scoring-api` on a free port, wait until it is ready, and stop it at the end.

    Raises:
        ServingError: the command is not installed, or the service does not become ready.
    """
    command = Path(sys.executable).with_name("scoring-api")
    found = str(command) if command.exists() else shutil.which("scoring-api")
    if found is None:
        raise ServingError("the command scoring-api is not installed in this environment; run `make setup`")
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    with TemporaryFile() as log:
        started = [found, "serve", "--bundle", str(bundle), "--tag", tag, "auth=none", f"port={port}"]
        process = subprocess.Popen(started, stdout=log, stderr=log)  # noqa: S603
        try:
            _wait(process, url)
            yield Service(url)
        except ServingError as error:
            log.seek(0)
            last = log.read().decode(errors="replace").strip().splitlines()[-1:]
            raise ServingError(" ".join([str(error), *last])) from None
        finally:
            process.terminate()
            process.wait(timeout=PATIENCE_S)


def free_port() -> int:
    """A port of this machine that nobody listens on now."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def _wait(process: subprocess.Popen[bytes], url: str) -> None:
    until = time.monotonic() + PATIENCE_S
    while True:
        if process.poll() is not None:
            raise ServingError(f"scoring-api ended with exit code {process.returncode}:")
        try:
            with HERE.open(f"{url}/ready", timeout=2) as response:
                if response.status == 200:
                    return
        except OSError:
            pass
        if time.monotonic() > until:
            raise ServingError(f"scoring-api was not ready on {url} within {PATIENCE_S:.0f} s:")
        time.sleep(0.1)
