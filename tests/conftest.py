"""What several areas share: a browser, a database server, a guard against outside connections, the dealing to workers.

Dealt by file, so that what a module shares is made once; the slowest files first.
"""

import os
import runpy
import shutil
import sys
import tempfile
from pathlib import Path

import pytest
from hypothesis import settings

OFFLINE = Path(__file__).with_name("offline")
NOTES = tempfile.NamedTemporaryFile(prefix="refused-connections-", mode="w+")  # noqa: SIM115 - until the process ends
os.environ["TESTS_REFUSED_CONNECTIONS"] = NOTES.name
if str(OFFLINE) not in sys.path:  # else Python began with it, as a worker does
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(OFFLINE), os.environ.get("PYTHONPATH")]))
    runpy.run_path(str(OFFLINE / "sitecustomize.py"))

HERE = "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1"
"""For the browser, as `offline` is for Python."""

# A busy machine is no fault of what is tested.
settings.register_profile("unhurried", parent=settings(), deadline=None)
settings.load_profile("unhurried")

SLOWEST = ("tests/training/test_run.py", "tests/drift_monitor/", "tests/scoring_api/")


def pytest_collection_modifyitems(items):
    items.sort(
        key=lambda item: next((i for i, slow in enumerate(SLOWEST) if item.nodeid.startswith(slow)), len(SLOWEST))
    )


@pytest.fixture(autouse=True)
def _only_this_machine():
    yield
    if Path(NOTES.name).stat().st_size:
        said = Path(NOTES.name).read_text().strip()
        NOTES.truncate(0)
        pytest.fail(said)


@pytest.fixture(scope="module")
def chromium():
    path = shutil.which("chromium") or shutil.which("google-chrome")
    if path is None:
        (pytest.fail if "CI" in os.environ else pytest.skip)("no Chromium on PATH: `make tools`")
    from playwright.sync_api import sync_playwright  # not there where the infrastructure is tested

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=path, args=["--no-sandbox", "--disable-dev-shm-usage", HERE]
        )
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def running_cluster():
    from .scoring_api.journal.postgres import Cluster

    cluster = Cluster.create()
    cluster.start()
    yield cluster
    cluster.remove()
