"""Containers of the images that compose.yaml builds; skipped where there is no Docker, in CI failed."""

from __future__ import annotations

import functools
import json
import os
import shutil
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from credit_contract.bundle import Bundle

from ..scoring_api.toy import make_bundle  # noqa: TID252 - the bundle of the service's own tests

ROOT = Path(__file__).parents[2]
DEADLINE_S = 90


def docker(*arguments: str, check: bool = True) -> str:
    done = subprocess.run(["docker", *arguments], cwd=ROOT, capture_output=True, text=True)
    assert not check or done.returncode == 0, done.stderr
    return done.stdout.strip()


def inspect(what: str) -> dict[str, Any]:
    (found,) = json.loads(docker("inspect", what))
    return dict(found)


def wait_until(good: Callable[[Any], bool], probe: Callable[[], Any]) -> Any:
    """What the probe gives once that is good, or at the deadline."""
    until = time.monotonic() + DEADLINE_S
    while not good(found := probe()) and time.monotonic() < until:
        time.sleep(0.1)
    return found


def get(url: str) -> bytes | None:
    """The body of a 200, else None."""
    try:
        with urllib.request.urlopen(url, timeout=10) as response:
            return bytes(response.read())
    except (OSError, urllib.error.HTTPError):
        return None


@pytest.fixture(scope="session", autouse=True)
def engine() -> None:
    if shutil.which("docker") is None or not docker("version", "--format", "{{.Server.Version}}", check=False):
        (pytest.fail if "CI" in os.environ else pytest.skip)("no Docker here")


@pytest.fixture(scope="session")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    folder = tmp_path_factory.mktemp("bundles")
    made = make_bundle(folder / "toy")
    for path in (*folder.parents[:2], folder, made.path, *made.path.iterdir()):
        path.chmod(0o755)  # for the user of the container
    return made


@pytest.fixture(scope="session")
def build() -> Callable[[str], str]:
    """Builds the image of a service, once; gives its name."""

    @functools.cache
    def built(service: str) -> str:
        docker("compose", "build", "--quiet", service)
        return f"{service}:compose"

    return built


@pytest.fixture(scope="session")
def scoring_api(build: Callable[[str], str]) -> str:
    return build("scoring-api")


@pytest.fixture(scope="module")
def serving(scoring_api: str, bundle: Bundle) -> Iterator[str]:
    """A container as Kubernetes would run it; its id."""
    options = ["--read-only", "--tmpfs=/tmp", "--cap-drop=ALL", "--publish=127.0.0.1:0:8000", "--health-interval=1s"]
    options.append(f"--mount=type=bind,readonly,source={bundle.path},target=/bundle")
    command = ["serve", "--bundle=/bundle", "host=0.0.0.0", "auth=none", "journal.file=/tmp/journal.sqlite"]
    container = docker("run", "--detach", *options, scoring_api, *command)
    yield container
    docker("rm", "--force", container)


def address(container: str, port: int) -> str:
    return f"http://{docker('port', container, str(port)).splitlines()[0]}"
