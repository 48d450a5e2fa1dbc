import json
import time
from collections.abc import Callable, Iterator

import pytest

from credit_contract.bundle import Bundle

from .conftest import address, docker, get, inspect, wait_until

OPTIONS = ["--read-only", "--tmpfs=/tmp", "--tmpfs=/reports:uid=10001", "--cap-drop=ALL", "--health-interval=1s"]


@pytest.fixture(scope="module")
def watching(build: Callable[[str], str], bundle: Bundle) -> Iterator[str]:
    """A container of the monitor as Kubernetes would run it, whose journal is away; its id."""
    journal = "--env=JOURNAL_URL=postgresql://reader@127.0.0.1:1/journal"
    mounted = f"--mount=type=bind,readonly,source={bundle.path},target=/bundle"
    published = "--publish=127.0.0.1:0:8090"
    container = docker("run", "--detach", *OPTIONS, journal, mounted, published, build("drift-monitor"))
    yield container
    docker("rm", "--force", container)


def test_on_a_read_only_root_the_monitor_becomes_ready_and_healthy(
    watching: str, record_property: Callable[[str, object], None]
) -> None:
    started = time.monotonic()
    url = address(watching, 8090)
    assert json.loads(wait_until(bool, lambda: get(f"{url}/ready")) or b"{}") == {"status": "ready"}
    record_property("seconds_until_ready", round(time.monotonic() - started, 2))
    assert wait_until("healthy".__eq__, lambda: inspect(watching)["State"]["Health"]["Status"]) == "healthy"


def test_without_a_journal_the_monitor_says_that_nobody_looks(watching: str) -> None:
    url = address(watching, 8090)
    failed = b'drift_monitor_runs_total{result="failed"}'
    text = wait_until(lambda metrics: failed in metrics, lambda: get(f"{url}/metrics") or b"")
    assert failed in text
    assert b"drift_monitor_stale 1.0" in text
