"""The small lender's repository: once bare, once with three releases, each test with a copy of its own."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import chdir
from pathlib import Path

import pytest

from .world import World, make, moved


@pytest.fixture(autouse=True, scope="session")
def _surroundings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """No settings of this machine's person or forge, and the docker that stands in on PATH."""
    folder = tmp_path_factory.mktemp("bin")
    store = tmp_path_factory.mktemp("docker")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
        patch.setenv("DOCKER_STORE", str(store))
        patch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
        patch.setenv("GIT_CONFIG_SYSTEM", os.devnull)
        for name in ("GITHUB_TOKEN", "GITHUB_API_URL", "GITHUB_REPOSITORY", "CREDIT_HOME"):
            patch.delenv(name, raising=False)
        yield folder


@pytest.fixture(scope="session")
def bare(tmp_path_factory: pytest.TempPathFactory, _surroundings: Path) -> World:
    folder = tmp_path_factory.mktemp("world")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CREDIT_DATA_DIR", str(folder / "data"))
        return make(folder, _surroundings)


@pytest.fixture(scope="session")
def released(bare: World, tmp_path_factory: pytest.TempPathFactory) -> World:
    made = moved(bare, tmp_path_factory.mktemp("released"))
    with chdir(made.root):
        made.release("a")
        made.release("b", intercept=0.2)
        made.release("c", intercept=-0.3, slope=-2.5)
    return made


@pytest.fixture(scope="session")
def two_promoted(released: World, tmp_path_factory: pytest.TempPathFactory) -> World:
    made = moved(released, tmp_path_factory.mktemp("promoted"))
    with chdir(made.root):
        made.promote("staging", "a")
        made.promote("staging", "b")
    return made


@pytest.fixture
def empty(bare: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    world = moved(bare, tmp_path)
    monkeypatch.chdir(world.root)
    return world


@pytest.fixture
def world(released: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    """Releases a, b and c; no environment runs any."""
    world = moved(released, tmp_path)
    monkeypatch.chdir(world.root)
    return world


@pytest.fixture
def staged(two_promoted: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    """Staging ran release a and runs b."""
    world = moved(two_promoted, tmp_path)
    monkeypatch.chdir(world.root)
    return world
