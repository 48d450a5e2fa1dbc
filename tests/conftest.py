"""What several areas share, a browser and a database server, and how tests are dealt to workers.

By file, so that what a module shares is made once; the slowest files first.
"""

import os
import shutil

import pytest

SLOWEST = ("tests/training/test_run.py", "tests/drift_monitor/", "tests/scoring_api/")


def pytest_collection_modifyitems(items):
    items.sort(
        key=lambda item: next((i for i, slow in enumerate(SLOWEST) if item.nodeid.startswith(slow)), len(SLOWEST))
    )


@pytest.fixture(scope="module")
def chromium():
    path = shutil.which("chromium") or shutil.which("google-chrome")
    if path is None:
        (pytest.fail if "CI" in os.environ else pytest.skip)("no Chromium on PATH; Debian's package is called chromium")
    from playwright.sync_api import sync_playwright  # not there where the infrastructure is tested

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox", "--disable-dev-shm-usage"])
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def running_cluster():
    from .scoring_api.journal.postgres import Cluster

    cluster = Cluster.create()
    cluster.start()
    yield cluster
    cluster.remove()
