import json

import numpy as np
import pytest
from fastapi.testclient import TestClient

from credit_simulator import Scenario
from drift_monitor.app import create_app
from drift_monitor.cli import main
from drift_monitor.settings import load


def registered(approved, ratio):
    """Sexes, half of each, such that women are approved this many times as often as men; decisions stay as they are."""
    sexes = np.full(len(approved), "male", dtype=object)
    women = round(approved.sum() * ratio / (1 + ratio))
    sexes[np.flatnonzero(approved)[:women]] = "female"
    sexes[np.flatnonzero(~approved)[: len(approved) // 2 - women]] = "female"
    return sexes


@pytest.fixture(scope="module")
def site(portfolio, tmp_path_factory):
    """Two months: in the first both sexes are approved alike, in the second one at 0.6 of the other."""
    folder = tmp_path_factory.mktemp("fairness")
    scenario = Scenario(seed=11, start="2021-01", months=2, applicants_per_month=2000)
    files = portfolio.decide(portfolio, scenario, folder / "history")
    approved, later = files.table.decision == "approve", files.table.decided_at >= "2021-02-01"
    for month, ratio in ((~later, 1.0), (later, 0.6)):
        files.table.loc[month, "sex"] = registered(approved[month].to_numpy(), ratio)
    files.table.to_parquet(files.decisions)
    overrides = [
        f"bundles=[{portfolio.bundle.path}]", f"files.decisions={files.decisions}", "windows.every=month",
        f"reports.folder={folder / 'reports'}", "reports.sample=0",
    ]  # fmt: skip
    assert main(["run", "--from", "2021-01-01", "--to", "2021-03-01", *overrides]) == 0
    return load(None, overrides), [json.loads(p.read_text()) for p in sorted(folder.glob("reports/*/verdict.json"))]


def test_a_group_approved_at_six_tenths_of_another_is_found_and_changes_no_verdict(site):
    _, verdicts = site
    ratios = [row["adverse_impact_ratio"] for v in verdicts for row in v["fairness"] if row["attribute"] == "sex"]
    assert ratios == pytest.approx([1.0, 0.6], abs=0.005)
    found = [{f["subject"]: f for f in v["findings"] if f["check"] == "adverse_impact"}["sex"] for v in verdicts]
    assert [finding["fired"] for finding in found] == [False, True]
    assert "female (sex) is approved 0.60 times as often as male" in found[1]["sentence"]
    assert [verdict["verdict"] for verdict in verdicts] == ["ok", "ok"]


def test_the_metric_is_the_last_windows_ratio(site):
    settings, _ = site
    with TestClient(create_app(settings)) as client:
        lines = dict(line.rsplit(" ", 1) for line in client.get("/metrics").text.splitlines())
    assert float(lines['drift_monitor_adverse_impact_ratio{attribute="sex"}']) == pytest.approx(0.6, abs=0.005)
