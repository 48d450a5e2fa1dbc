import json
import signal
import subprocess
import sys
import urllib.request

import pytest

from credit_simulator import Event, Scenario
from drift_monitor.cli import main

HOSTILE = "</script><script>document.title='taken'</script>"
WITHOUT_A_NEW_WINDOW = """
import sys
from fastapi.testclient import TestClient
from drift_monitor.app import create_app
from drift_monitor.cli import main
from drift_monitor.settings import load

code = main(["run", "--to", "2021-02-15", *sys.argv[1:]])
with TestClient(create_app(load(None, sys.argv[1:]))) as client:
    page = client.get("/")
print(f"exit code {code}, page {page.status_code}, evidently imported: {'evidently' in sys.modules}")
"""


@pytest.fixture(scope="module")
def address(portfolio, tmp_path_factory):
    """`drift-monitor serve`, once its first run has published."""
    folder = tmp_path_factory.mktemp("serve")
    broken = Event(kind="broken_field", start=1, field="savings_balance", fault="missing")
    scenario = Scenario(seed=15, start="2021-01", months=2, applicants_per_month=600, events=(broken,))
    files = portfolio.decide(portfolio, scenario, folder / "history")
    files.table.assign(channel=files.table.channel.mask(files.table.index % 4 == 0, HOSTILE)).to_parquet(
        files.decisions
    )
    settings = folder / "settings.yaml"
    settings.write_text(
        json.dumps(
            {
                "port": 0,
                "bundles": [str(portfolio.bundle.path)],
                "files": {"decisions": str(files.decisions)},
                "windows": {"every": "month"},
                "reports": {"folder": str(folder / "reports"), "sample": 400, "keep_days": 9999},
            }
        )
    )
    command = [sys.executable, "-m", "drift_monitor", "serve", "--settings", str(settings)]
    server = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    try:
        found, said = None, []
        for line in server.stderr:
            said.append(line)
            found = line.split("Uvicorn running on ")[1].split()[0] if "Uvicorn running on " in line else found
            if "run ended" in line:
                break
        assert found, said
        yield found
    finally:
        server.send_signal(signal.SIGTERM)
        assert server.wait(30) in (0, -signal.SIGTERM)


def test_the_first_run_publishes_and_is_counted(address):
    with urllib.request.urlopen(f"{address}/metrics") as answer:
        text = answer.read().decode()
    assert 'drift_monitor_runs_total{result="published"} 1.0' in text
    assert 'drift_monitor_verdict{verdict="stop"} 1.0' in text


def test_a_person_reads_verdicts_and_opens_the_report(address, chromium):
    page = chromium.new_page()
    errors = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(f"{address}/")
    assert page.locator("svg").count() == 3
    judged = page.locator("tbody tr").filter(has=page.get_by_role("link", name="report"))
    assert judged.locator(".verdict").all_inner_texts() == ["stop", "stop"]
    assert HOSTILE in judged.first.inner_text()
    judged.first.get_by_role("link", name="report").click()
    page.get_by_text("Dataset Drift is detected").first.wait_for()
    assert page.title() != "taken"
    above = page.locator("#sample").inner_text()
    assert "a seeded sample of 400 of 600 decisions" in above
    assert "savings_balance are missing" in above
    assert HOSTILE in above
    assert errors == []


def test_neither_a_run_without_a_new_window_nor_the_server_imports_evidently(portfolio, tmp_path):
    scenario = Scenario(seed=15, start="2021-01", months=1, applicants_per_month=600)
    files = portfolio.decide(portfolio, scenario, tmp_path / "history")
    settings = [
        f"bundles=[{portfolio.bundle.path}]", f"files.decisions={files.decisions}", "windows.every=month",
        f"reports.folder={tmp_path / 'reports'}",
    ]  # fmt: skip
    main(["run", "--to", "2021-02-01", *settings, "reports.sample=0"])
    command = [sys.executable, "-c", WITHOUT_A_NEW_WINDOW, *settings]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    assert said == ["no new window", "exit code 0, page 200, evidently imported: False"]
