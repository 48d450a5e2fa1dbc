import json
import os
import signal
import socket
import subprocess
import urllib.request
from collections.abc import Callable

import pytest

from credit_contract.bundle import Bundle

from .conftest import ROOT, address, docker, get, inspect, wait_until

BASE = "python:3.11-slim-bookworm"
# 350 MB in all; the published base has about 130 of them. A base of one's own may have more, which is not ours to cut.
OURS = 220_000_000
UNWANTED = {
    "drift-monitor": ["torch", "onnxruntime", "mlflow", "credit_training", "scoring_api"],
    "scoring-api": ["torch", "pandas", "mlflow", "pyarrow", "scipy", "sklearn", "credit_training", "drift_monitor"],
}
EACH = pytest.mark.parametrize("service", UNWANTED)


@EACH
def test_it_runs_as_nobody_in_particular(build: Callable[[str], str], service: str) -> None:
    assert inspect(build(service))["Config"]["User"] == "10001:10001"


@EACH
def test_nothing_in_it_trains_or_installs(build: Callable[[str], str], service: str) -> None:
    program = f"import importlib.util as i; print([name for name in {UNWANTED[service]} if i.find_spec(name)])"
    assert docker("run", "--rm", "--entrypoint=python", build(service), "-c", program) == "[]"


def test_it_adds_less_to_its_base_than_the_budget(scoring_api: str) -> None:
    assert docker("images", "--quiet", BASE) or docker("pull", "--quiet", BASE)  # a builder may keep its own copy alone
    assert inspect(scoring_api)["Size"] - inspect(BASE)["Size"] <= OURS


def test_no_start_compiles_what_it_imports(scoring_api: str) -> None:
    program = (
        "import os, sys, scoring_api.server, alembic.command\n"
        "made = {n: getattr(m, '__cached__', None) for n, m in sys.modules.items()}\n"
        "print([name for name, file in made.items() if file and not os.path.exists(file)])"
    )
    assert docker("run", "--rm", "--read-only", "--entrypoint=python", scoring_api, "-c", program) == "[]"


def test_on_a_read_only_root_it_becomes_ready_and_healthy_and_scores(serving: str, bundle: Bundle) -> None:
    url = address(serving, 8000)
    ready = json.loads(wait_until(bool, lambda: get(f"{url}/ready")))
    assert ready["model_digest"] == bundle.digest
    request = urllib.request.Request(
        f"{url}/v1/score", json.dumps(bundle.golden.applicants).encode(), {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request) as response:
        results = json.load(response)["results"]
    assert [result["pd"] for result in results] == pytest.approx(bundle.golden.pd, abs=1e-6)
    health = wait_until("healthy".__eq__, lambda: inspect(serving)["State"]["Health"]["Status"])
    assert health == "healthy"


def test_told_to_stop_it_ends_well(serving: str) -> None:
    assert wait_until(bool, lambda: get(f"{address(serving, 8000)}/ready"))
    docker("stop", serving)
    state = inspect(serving)["State"]
    assert (state["Status"], state["ExitCode"]) == ("exited", 0)


def test_one_command_runs_it_until_interrupted(scoring_api: str, bundle: Bundle) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    before = docker("ps", "--all", "--quiet", f"--filter=ancestor={scoring_api}")
    command = ["make", "--no-print-directory", "run-image", f"BUNDLE={bundle.path}", f"PORT={port}"]
    running = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, start_new_session=True)
    assert running.stdout is not None
    try:
        assert running.stdout.readline() == f"http://127.0.0.1:{port} answers with {bundle.path} until Ctrl-C\n"
        assert wait_until(bool, lambda: get(f"http://127.0.0.1:{port}/ready"))
    finally:
        os.killpg(running.pid, signal.SIGINT)
        running.communicate()
    assert docker("ps", "--all", "--quiet", f"--filter=ancestor={scoring_api}") == before
