"""One cluster for all cases: made before the first, deleted after the last."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from credit_delivery.cluster import images, nodes
from credit_delivery.errors import DeliveryError

from . import diagnosis
from .world import ROOT, Platform

LONG_LOAD_S = 300.0


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--keep", action="store_true", help="take the cluster that is there, and leave it")


@pytest.fixture(scope="session")
def platform(request: pytest.FixtureRequest) -> Iterator[Platform]:
    keep = request.config.getoption("--keep")
    # The loop's image takes minutes and gigabytes: only for whoever asks for that case.
    full = any(item.get_closest_marker("full") for item in request.session.items)
    try:
        nodes.check()
        there, made = nodes.exists(), Platform(load_s=LONG_LOAD_S if full else 0.0)
        if not there:
            images.build([*images.SERVICES, *([images.TRAINING] if full else [])])
    except DeliveryError as error:
        pytest.exit(f"{error}\n{getattr(error, 'output', '')[-2000:]}", 1)
    if there and not keep:
        pytest.exit("a cluster is there already: `make down`, or take it with ARGS=--keep", 1)
    began = time.monotonic()
    try:
        if not there:
            credit_release("up", *(["--training"] if full else []))
            made.note("up: all Applications Synced and Healthy, images being there, s", round(time.monotonic() - began))
        made.remember()
        yield made
        made.note("whole run, s", round(time.monotonic() - began))
    finally:
        if request.session.testsfailed or sys.exc_info()[0]:
            print(diagnosis.report(), flush=True)
        subprocess.run(
            ["docker", "image", "prune", "--all", "--force", "--filter", "label=made-by=e2e"], capture_output=True
        )
        if not keep:
            credit_release("down")


def credit_release(verb: str, *arguments: str) -> None:
    """Its lines go to the terminal, for whoever waits."""
    program = Path(sys.executable).with_name("credit-release")
    done = subprocess.run([program, verb, *arguments], cwd=ROOT)
    if done.returncode:
        pytest.exit(f"credit-release {verb} failed; its last lines say why", done.returncode)
