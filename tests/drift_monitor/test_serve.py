import json
import os
import signal
import subprocess
import sys
import urllib.request

import pandas as pd
import pytest

from credit_simulator import Event, Scenario
from drift_monitor.cli import main
from tests.drift_monitor.recorded import fill

HOSTILE = "</script><script>document.title='taken'</script>"
NOTHING_TO_REPORT = """
import json, sys
from fastapi.testclient import TestClient
from drift_monitor.app import create_app
from drift_monitor.cli import main
from drift_monitor.settings import load

for settings in json.loads(sys.argv[1]):
    print([main(["run", "--to", day, *settings]) for day in ("2021-02-15", "2021-03-05")])
    with TestClient(create_app(load(None, settings))) as client:
        print(client.get("/").status_code)
print("evidently imported:", "evidently" in sys.modules)
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
    assert page.locator("svg").count() == 4
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


def test_neither_a_run_that_has_nothing_to_report_nor_the_server_imports_evidently(portfolio, tmp_path):
    scenario = Scenario(seed=15, start="2021-01", months=1, applicants_per_month=600)
    files = portfolio.decide(portfolio, scenario, tmp_path / "history")
    files.table.loc[0, "decided_at"] = pd.Timestamp("2021-03-01")  # nobody in February, whose window is due
    files.table.to_parquet(files.decisions)
    address = f"sqlite:///{tmp_path / 'journal.db'}"
    fill(address, files).dispose()
    common = [f"bundles=[{portfolio.bundle.path}]", "windows.every=month", "limits.stale_hours=1000"]
    source = f"files.decisions={files.decisions}"
    sources = [[*common, f"reports.folder={tmp_path / 'a'}", source], [*common, f"reports.folder={tmp_path / 'b'}"]]
    for settings in sources:
        main(["run", "--to", "2021-02-01", *settings, source, "reports.sample=0"])
    command = [sys.executable, "-c", NOTHING_TO_REPORT, json.dumps(sources)]
    environment = os.environ | {"JOURNAL_URL": address}
    said = subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout
    assert said.count("no new window\n20210201T000000Z-empty") == 2
    assert said.count("[0, 0]\n200\n") == 2
    assert said.endswith("evidently imported: False\n")
