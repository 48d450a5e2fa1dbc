"""Take README's screenshots in the Chromium of this machine: MLflow's comparison and the API's page.

Needs a run in the embedded store (`make demo`). Starts both servers on free ports and stops them again.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

from mlflow import MlflowClient
from playwright.sync_api import Page, sync_playwright

from credit_training.files import home
from credit_training.serving import free_port

HERE = Path(__file__).parent
BIN = Path(sys.executable).parent
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]
LARGEST = 300_000
RUNS = 6
CONTENDERS = "tags.algorithm LIKE '%'"
COMPARED = "^(auc|ks|ece|log_loss)$"


def main() -> None:
    """Write one PNG per page beside this file."""
    dataset = os.environ.get("DATASET", "taiwan")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=FLAGS)
        page = browser.new_page(viewport={"width": 1360, "height": 800})
        port = free_port()
        with server([str(BIN / "credit-train"), "mlflow", "--port", str(port)], f"http://127.0.0.1:{port}/health"):
            compare(page, port, dataset)
        port = free_port()
        bundle = home() / "bundles" / dataset / "candidate"
        command = [
            "serve",
            "--bundle",
            str(bundle),
            "--tag",
            f"{dataset}-candidate",
            "auth=none",
            "journal.keep=false",
            f"port={port}",
        ]
        with server([str(BIN / "scoring-api"), *command], f"http://127.0.0.1:{port}/ready"):
            decide(page, port)
            save(page, "api.png")
        browser.close()


def compare(page: Page, port: int, dataset: str) -> None:
    """MLflow's comparison of the newest run's contenders."""
    client = MlflowClient(f"http://127.0.0.1:{port}")
    experiment = client.get_experiment_by_name(f"credit-{dataset}")
    if experiment is None:
        sys.exit(f"no experiment credit-{dataset} in the store; run `make demo` first")
    newest = client.search_runs([experiment.experiment_id], CONTENDERS, order_by=["start_time DESC"], max_results=RUNS)
    only = quote(f"attributes.run_id IN ({', '.join(repr(run.info.run_id) for run in newest)})")
    page.set_viewport_size({"width": 1360, "height": 1040})
    runs = f"#/experiments/{experiment.experiment_id}/runs?compareRunsMode=CHART&searchFilter={only}"
    page.goto(f"http://127.0.0.1:{port}/{runs}")
    charts = page.get_by_placeholder("Search metric charts")
    charts.wait_for(timeout=120_000)
    charts.fill(COMPARED)
    page.get_by_role("button", name="Close", exact=True).last.click()
    page.get_by_text("log_loss", exact=True).wait_for()
    page.wait_for_timeout(3000)
    save(page, "mlflow.png")


def decide(page: Page, port: int) -> None:
    """The service's page with its riskiest example declined."""
    page.set_viewport_size({"width": 1360, "height": 900})
    page.goto(f"http://127.0.0.1:{port}/")
    example = page.get_by_label("Start from an example")
    example.locator("option").nth(1).wait_for(state="attached")
    example.select_option(index=example.locator("option").count() - 1)
    page.get_by_role("button", name="Decide").click()
    page.locator("#decision").wait_for()
    page.get_by_label("How the score moves along").select_option(index=2)
    page.evaluate("scrollTo(0, 0)")
    page.wait_for_timeout(500)


def chromium() -> str:
    """The browser's path."""
    found = shutil.which("chromium") or shutil.which("google-chrome")
    if found is None:
        sys.exit("no Chromium on PATH; Debian's package is called chromium")
    return found


def save(page: Page, name: str) -> None:
    """The page as a PNG of at most 300 kB."""
    target = HERE / name
    page.screenshot(path=target)
    size = target.stat().st_size
    if size > LARGEST:
        sys.exit(f"{target.name} has {size} bytes, more than {LARGEST}")
    print(f"{target.name}: {size} bytes")


@contextmanager
def server(command: list[str], ready: str, patience_s: float = 240) -> Iterator[None]:
    """A server for as long as it is needed."""
    process = subprocess.Popen(  # noqa: S603
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        until = time.monotonic() + patience_s
        while not answers(ready):
            if process.poll() is not None or time.monotonic() > until:
                sys.exit(f"{command[0]} did not answer on {ready}")
            time.sleep(0.2)
        yield
    finally:
        stop(process)


def stop(process: subprocess.Popen[Any]) -> None:
    """End a server that was started here."""
    process.terminate()
    process.wait(timeout=30)


def answers(url: str) -> bool:
    """Whether a GET gets 200."""
    try:
        with urllib.request.urlopen(url, timeout=2) as response:  # noqa: S310
            return bool(response.status == 200)
    except (urllib.error.URLError, OSError):
        return False


if __name__ == "__main__":
    main()
