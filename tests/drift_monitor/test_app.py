import json
import math
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from credit_simulator import Event, Scenario
from drift_monitor.app import create_app
from drift_monitor.cli import main
from drift_monitor.errors import SettingsError
from drift_monitor.settings import Retraining, load

HOSTILE = "</script><script>document.title='taken'</script>"


@pytest.fixture(scope="module")
def site(portfolio, tmp_path_factory):
    """A monitor that has published fourteen months, one of them with text that means harm."""
    folder = tmp_path_factory.mktemp("site")
    launch = Event(kind="new_channel", start=12, strength=0.25)
    scenario = Scenario(seed=14, start="2021-01", months=14, applicants_per_month=1000, events=(launch,))
    files = portfolio.decide(portfolio, scenario, folder / "history")
    harmed = (files.table.decided_at >= "2022-02-01") & (files.table.index % 2 == 0)
    files.table.assign(channel=files.table.channel.mask(harmed, HOSTILE)).to_parquet(files.decisions)
    overrides = [
        f"bundles=[{portfolio.bundle.path}]",
        f"files.decisions={files.decisions}",
        f"files.outcomes={files.outcomes}",
        f"reports.folder={folder / 'reports'}",
        "windows.every=month",
    ]
    main(["run", "--to", "2022-01-01", *overrides, "reports.sample=0"])
    main(["run", "--to", "2022-03-01", *overrides, "reports.sample=300"])
    return load(None, overrides)


@pytest.fixture(scope="module")
def client(site):
    with TestClient(create_app(site)) as client:
        yield client


def metric(client, name):
    text = client.get("/metrics").text
    found = re.findall(rf"^drift_monitor_{re.escape(name)} (\S+)$", text, re.MULTILINE)
    return float(found[0]) if found else None


def test_windows_are_there_as_json(client):
    index = client.get("/api/windows").json()
    assert [line["start"][:7] for line in index["windows"]][-2:] == ["2022-01", "2022-02"]
    last = client.get(f"/api/windows/{index['windows'][-1]['window']}").json()
    assert last["verdict"] == "stop"
    assert last["maturity"]["realised"]["outcomes"] > 100


def test_metrics_say_what_the_last_window_says(client):
    last = client.get(f"/api/windows/{client.get('/api/windows').json()['windows'][-1]['window']}").json()
    assert metric(client, 'verdict{verdict="stop"}') == 1
    assert metric(client, 'verdict{verdict="ok"}') == 0
    assert metric(client, "window_decisions") == 1000
    psi = {shift["name"]: shift["psi"] for shift in last["shifts"]}
    assert metric(client, 'psi{field="channel"}') == pytest.approx(psi["channel"])
    assert metric(client, 'estimated{figure="gini"}') == pytest.approx(last["promised"]["gini"]["value"])
    assert metric(client, 'realised{figure="gini"}') == pytest.approx(last["maturity"]["realised"]["gini"])
    assert metric(client, 'estimate_error{figure="gini"}') == pytest.approx(last["maturity"]["gini_error"])
    assert metric(client, 'promised{figure="gini"}') == pytest.approx(last["maturity"]["promised"]["gini"]["value"])
    assert metric(client, "matured_share") == pytest.approx(last["maturity"]["matured"])
    outcomes = last["maturity"]["realised"]["outcomes"]
    assert metric(client, "vintage_decisions") * metric(client, "matured_share") == pytest.approx(outcomes)
    assert metric(client, "stale") == 0


def test_beside_realised_figures_stands_what_was_promised_to_the_same_decisions(client):
    line = client.get("/api/windows").json()["windows"][-1]
    vintage = client.get(f"/api/windows/{line['window']}").json()["maturity"]
    assert line["vintage_promised_gini"] == vintage["promised"]["gini"]["value"]
    assert line["realised_gini"] == vintage["realised"]["gini"]
    assert line["promised_gini"] > line["promised_approved_gini"] > 0
    page = client.get("/").text
    chart = page[page.index("Gini of matured vintages") :].partition("</figure>")[0]
    assert re.findall(r'<text x="\d+" y="10"[^>]*>([^<]+)<', chart) == ["promised to the same", "realised"]


def test_a_report_that_grew_old_is_stale(site, client):
    path = Path(site.reports.folder) / "index.json"
    kept = path.read_text()
    index = json.loads(kept)
    for hours in (-3, 3):
        index["run"]["finished"] = (datetime.now(UTC) + timedelta(hours=hours)).isoformat()
        path.write_text(json.dumps(index))
        assert metric(client, "stale") == 1
    path.write_text(kept[: len(kept) // 2])
    assert metric(client, "window_decisions") == 1000
    assert client.get("/ready").status_code == 503
    path.write_text(kept)
    assert metric(client, "stale") == 0


def test_a_verdict_that_cannot_be_read_hides_no_window(site, client):
    last = client.get("/api/windows").json()["windows"][-1]["window"]
    path = Path(site.reports.folder) / last / "verdict.json"
    kept = path.read_text()
    path.write_text(kept[: len(kept) // 2])
    with TestClient(create_app(site)) as restarted:
        page = restarted.get("/").text
        assert page.count('<tr id="') == 14
        assert f"{last}/verdict.json: document: Invalid JSON" in page
        assert metric(restarted, "stale") == 1
        path.write_text(kept)
        assert 'id="away"' not in restarted.get("/").text
        assert metric(restarted, "window_decisions") == 1000


def test_without_a_report_the_exporter_is_alive_and_stale(portfolio, tmp_path):
    settings = load(None, [f"bundles=[{portfolio.bundle.path}]", f"reports.folder={tmp_path / 'none'}"])
    with TestClient(create_app(settings)) as client:
        assert client.get("/health").json() == {"status": "alive"}
        assert client.get("/ready").status_code == 200
        assert metric(client, "stale") == 1
        assert client.get("/api/windows").status_code == 404
        assert "Nothing was published yet" in client.get("/").text


@pytest.mark.parametrize("path", ["/nowhere", "/api/windows/20200101T000000Z-abc", "/api/windows/..%2Findex.json",
                                  "/windows/20200101T000000Z-abc/index.json"])  # fmt: skip
def test_what_is_not_there_is_a_problem_document(client, path):
    answer = client.get(path)
    assert (answer.status_code, answer.headers["content-type"]) == (404, "application/problem+json")
    assert answer.json()["status"] == 404


def test_the_page_shows_windows_timelines_and_hostile_text_as_text(client):
    page = client.get("/").text
    assert page.count("<svg") == 4
    assert page.count('<tr id="') == 14
    assert HOSTILE not in page
    assert "&lt;/script&gt;" in page
    assert 'class="verdict stop"' in page


def test_documentation_needs_nothing_from_elsewhere(client):
    page = client.get("/docs").text
    assert "http" not in re.sub(r"window\.location|http-equiv", "", page)
    for asset in re.findall(r'(?:src|href)="(/docs/assets/[^"]+)"', page):
        assert client.get(asset).status_code == 200


def test_settings_that_no_run_could_use_are_refused_at_start(tmp_path):
    with pytest.raises(SettingsError, match="bundles"):
        create_app(load(None, [f"bundles=[{tmp_path}]"]))


def test_every_metric_has_the_prefix(client):
    names = re.findall(r"^# TYPE (\S+)", client.get("/metrics").text, re.MULTILINE)
    assert names
    assert all(name.startswith("drift_monitor_") for name in names)


def test_a_server_without_a_source_of_decisions_is_refused_at_start(site, monkeypatch):
    unfed = load(None, [f"bundles=[{site.bundles[0]}]"])
    monkeypatch.delenv("JOURNAL_URL", raising=False)
    with pytest.raises(SettingsError, match="JOURNAL_URL"):
        create_app(unfed, [])
    monkeypatch.setenv("JOURNAL_URL", "oracle://somewhere")
    with pytest.raises(SettingsError, match="JOURNAL_URL must be"):
        create_app(unfed, [])


def test_a_server_that_would_call_github_without_a_token_is_refused_at_start(site, monkeypatch):
    monkeypatch.delenv("GITHUB_TOKEN", raising=False)
    calling = site.model_copy(update={"retraining": Retraining(by="github", repository="bank/scoring")})
    with pytest.raises(SettingsError, match=r"retraining\.by.*GITHUB_TOKEN"):
        create_app(calling, [])


def test_groups_are_shown_by_their_approval_rates(client):
    last = client.get(f"/api/windows/{client.get('/api/windows').json()['windows'][-1]['window']}").json()
    (sex,) = (row for row in last["fairness"] if row["attribute"] == "sex")
    for group in sex["groups"]:
        shown = metric(client, f'approval_rate{{attribute="sex",group="{group["name"]}"}}')
        assert shown == pytest.approx(group["approval_rate"])


def watched(portfolio, folder, happened, setting):
    """Settings and overrides of a monitor of one month's decisions, to which something happened."""
    scenario = Scenario(seed=12, start="2021-01", months=1, applicants_per_month=1500)
    files = portfolio.decide(portfolio, scenario, folder / "history")
    happened(files.table).to_parquet(files.decisions)
    overrides = [
        f"bundles=[{portfolio.bundle.path}]", f"files.decisions={files.decisions}", setting,
        f"reports.folder={folder / 'reports'}", "reports.sample=0",
    ]  # fmt: skip
    return load(None, overrides), overrides


@pytest.fixture
def two_models(portfolio, tmp_path):
    """A month in which the model changed to one that nobody has a bundle of, once the other had been stopped."""

    def changed(table):
        later = table.decided_at >= "2021-01-20"
        broken = table.assign(income_is_gone=1).drop(columns="net_income")
        return broken.assign(model_digest=broken.model_digest.mask(later, "f" * 64))

    return watched(portfolio, tmp_path, changed, "windows.every=month")


def test_where_two_models_decided_the_metrics_show_the_one_that_is_worse_off(two_models):
    settings, overrides = two_models
    assert main(["run", "--from", "2021-01-01", "--to", "2021-02-01", *overrides]) == 4
    with TestClient(create_app(settings)) as client:
        assert client.get("/api/windows").json()["windows"][-1]["verdict"] == "watch"
        assert metric(client, 'verdict{verdict="stop"}') == 1
        assert metric(client, "expected_loss") > 0
        main(["run", "--to", "2021-04-01", *overrides])
        assert math.isnan(metric(client, "expected_loss"))
        assert "no new window" not in client.get("/").text
        main(["run", "--to", "2021-04-01", *overrides])
        assert "no new window" in client.get("/").text


@pytest.fixture
def closed_on_sundays(portfolio, tmp_path):
    """A field was lost on the last day of January; afterwards nobody decides, which is no failure for three days."""

    def lost(table):
        return table.assign(channel=table.channel.mask(table.decided_at >= "2021-01-31", "fax"))

    return watched(portfolio, tmp_path, lost, "limits.stale_hours=72.5")


def test_a_day_without_anybody_takes_no_stop_back(closed_on_sundays):
    settings, overrides = closed_on_sundays
    assert main(["run", "--from", "2021-01-30", "--to", "2021-02-03", *overrides]) == 4
    with TestClient(create_app(settings)) as client:
        assert [line["verdict"] for line in client.get("/api/windows").json()["windows"]] == ["ok", "stop", "ok", "ok"]
        assert metric(client, 'verdict{verdict="stop"}') == 1
        assert metric(client, "window_decisions") > 0
        main(["run", "--to", "2021-02-04", *overrides])
        assert metric(client, "window_decisions") == 0


def test_a_silence_that_is_over_pages_nobody_also_before_the_first_whole_window(portfolio, tmp_path):
    scenario = Scenario(seed=12, start="2021-01", months=1, applicants_per_month=1500)
    files = portfolio.decide(portfolio, scenario, tmp_path / "history")
    overrides = [
        f"bundles=[{portfolio.bundle.path}]", f"files.decisions={files.decisions}", "windows.decisions=5000",
        f"reports.folder={tmp_path / 'reports'}", "reports.sample=0",
    ]  # fmt: skip
    with TestClient(create_app(load(None, overrides))) as client:
        assert main(["run", "--to", "2021-02-04", *overrides]) == 4
        assert metric(client, 'verdict{verdict="stop"}') == 1
        files.table.assign(decided_at=files.table.decided_at + timedelta(days=4)).to_parquet(files.decisions)
        assert main(["run", "--to", "2021-02-04", *overrides]) == 0
        assert not metric(client, 'verdict{verdict="stop"}')
