"""The service around the toy bundle, on a real port."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import httpx
import pytest

from credit_contract.bundle import Bundle
from scoring_api.server import make_server
from scoring_api.settings import Settings

from .toy import make_bundle


@pytest.fixture(scope="session")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return make_bundle(tmp_path_factory.mktemp("bundles") / "toy")


Serve = Callable[..., httpx.Client]


@pytest.fixture(scope="module")
def serve(bundle: Bundle) -> Iterator[Serve]:
    """Starts services of this process, each with settings of its own, and gives a client for each."""
    with ExitStack() as running:

        def start(**settings: Any) -> httpx.Client:
            chosen = {
                "bundle": bundle.path,
                "tag": "toy-1",
                "auth": "none",
                "port": 0,
                "journal": {"keep": False},
                **settings,
            }
            return running.enter_context(_running(Settings.model_validate(chosen)))

        yield start


@contextmanager
def _running(settings: Settings) -> Iterator[httpx.Client]:
    server = make_server(lambda: settings)
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        assert thread.is_alive()
        time.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False) as client:
        yield client
    server.should_exit = True
    thread.join()


@pytest.fixture(scope="module")
def client(serve: Serve) -> httpx.Client:
    return serve()
