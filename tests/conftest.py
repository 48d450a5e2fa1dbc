"""What several areas share: a browser, a database server, a guard against outside connections, the dealing to workers.

All tests at once are dealt by area, so that one worker alone loads torch and another Evidently; any choice of them by
file, so that what a module shares is made once.
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

TESTS = Path(__file__).parent
SECONDS = {"training": 140, "drift_monitor": 120, "scoring_api": 90, "delivery": 45, "charts": 30, "github": 25}
SECONDS |= dict.fromkeys(["cluster", "contract", "repository", "simulator"], 8)
"""About what each area takes."""
COLLECTED = pytest.StashKey[int]()


def pytest_configure(config):
    if config.getoption("numprocesses", None) and config.args_source is config.ArgsSource.TESTPATHS:
        config.option.dist = "each"
        config.option.maxworkerrestart = 0  # another worker would have another share


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node):
    if node.config.option.dist == "each":
        workers = len(node.config.option.tx)
        node.workerinput["areas"] = dealt(workers)[int(node.gateway.id.removeprefix("gw")) % workers]


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_node_collection_finished(node, ids):
    node.config.stash[COLLECTED] = node.config.stash.get(COLLECTED, 0) + len(ids)


@pytest.hookimpl(wrapper=True)
def pytest_runtestloop(session):
    """xdist counts what the last worker collected; where that is nothing, a run of others' tests would have failed."""
    ended = yield
    session.testscollected = session.config.stash.get(COLLECTED, session.testscollected)
    return ended


def pytest_ignore_collect(collection_path, config):
    """Without this each worker would run everything."""
    areas = getattr(config, "workerinput", {}).get("areas")
    if areas is not None and collection_path != TESTS and collection_path.relative_to(TESTS).parts[0] not in areas:
        return True
    return None  # others may still


def dealt(workers):
    """The areas in as many shares, the longest first and each to who has least."""
    shares = [[] for _ in range(workers)]
    areas = [entry.name for entry in TESTS.iterdir()]
    for area in sorted(areas, key=lambda area: (-SECONDS.get(area, 0), area)):
        min(shares, key=lambda share: sum(SECONDS.get(one, 0) for one in share)).append(area)
    return shares


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
