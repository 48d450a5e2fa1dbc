import json
from dataclasses import replace
from pathlib import Path

import pytest

from credit_contract.bundle import write_bundle
from credit_simulator import Event, Scenario
from drift_monitor.cli import main
from drift_monitor.document import Index, WindowVerdict
from drift_monitor.verdict import read_table

MONTHS = ["--from", "2021-01-01", "--to", "2021-03-01"]


@pytest.fixture
def lender(portfolio, tmp_path):
    """Runs the monitor on a scenario; gives the exit code and the published verdicts."""

    def run(scenario=None, *, overrides=(), period=MONTHS, change=lambda table: table, digest=None):
        scenario = scenario or Scenario(seed=11, start="2021-01", months=2, applicants_per_month=2000)
        files = portfolio.decide(portfolio, scenario, tmp_path / "history", digest)
        change(files.table).to_parquet(files.decisions)
        folder = tmp_path / "reports"
        code = main(
            [
                "run",
                *period,
                f"bundles=[{portfolio.bundle.path}]",
                f"files.decisions={files.decisions}",
                f"files.outcomes={files.outcomes}",
                f"reports.folder={folder}",
                "reports.sample=0",
                "windows.every=month",
                *overrides,
            ]
        )
        return code, [json.loads(path.read_text()) for path in sorted(folder.glob("*/verdict.json"))]

    return run


def test_no_shift_is_ok_and_exits_with_0(lender, tmp_path, capsys):
    code, verdicts = lender()
    assert code == 0
    assert [verdict["verdict"] for verdict in verdicts] == ["ok", "ok"]
    index = json.loads((tmp_path / "reports" / "index.json").read_text())
    assert [line["window"] for line in index["windows"]] == [verdict["window"] for verdict in verdicts]
    assert "2 windows" in capsys.readouterr().out


def test_without_a_shift_all_is_ok_throughout_also_when_outcomes_mature(lender):
    scenario = Scenario(seed=11, start="2021-01", months=18, applicants_per_month=2000)
    code, verdicts = lender(scenario, period=["--from", "2021-01-01", "--to", "2022-07-01"])
    assert [(verdict["verdict"], verdict["because"]) for verdict in verdicts if verdict["verdict"] != "ok"] == []
    assert (code, len(verdicts), verdicts[-1]["maturity"]["realised"]["outcomes"] > 500) == (0, 18, True)


def test_a_gate_that_judged_nothing_does_not_pass(lender, capsys):
    code, verdicts = lender(period=["--from", "2021-01-10", "--to", "2021-02-10"])
    assert (code, verdicts) == (2, [])
    assert "no whole window" in capsys.readouterr().err


def test_a_broken_upstream_field_stops_within_one_window_and_exits_with_4(lender):
    broken = Event(kind="broken_field", start=1, field="net_income", fault="scaled")
    code, verdicts = lender(Scenario(seed=11, start="2021-01", months=2, applicants_per_month=2000, events=(broken,)))
    assert code == 4
    assert [verdict["verdict"] for verdict in verdicts] == ["ok", "stop"]
    assert "net_income" in verdicts[1]["because"]
    assert "out of range" in verdicts[1]["because"]


def test_a_new_channel_is_watched_within_one_window(lender):
    launch = Event(kind="new_channel", start=1, strength=0.25)
    code, verdicts = lender(Scenario(seed=11, start="2021-01", months=2, applicants_per_month=2000, events=(launch,)))
    assert code == 0
    assert [verdict["verdict"] for verdict in verdicts] == ["ok", "watch"]
    assert "marketplace" in verdicts[1]["because"]


def test_a_shock_asks_for_retraining_when_its_outcomes_mature(lender):
    shock = Event(kind="macro_shock", start=2)
    scenario = Scenario(seed=11, start="2021-01", months=18, applicants_per_month=2000, events=(shock,))
    code, verdicts = lender(scenario, period=["--from", "2021-01-01", "--to", "2022-07-01"])
    called = [verdict["verdict"] for verdict in verdicts]
    assert code == 3
    assert set(called[:12]) <= {"ok", "watch"}  # nobody's performance window is complete
    assert "retrain" in called[12:15]
    matured = verdicts[14]["maturity"]
    assert matured["realised"]["default_rate"] > matured["realised"]["expected_default_rate"]
    assert 0 < matured["censored"] < 1


def test_the_estimate_is_blind_to_concept_shift_and_matured_outcomes_are_not(lender):
    shift = Event(kind="concept_shift", start=0)
    scenario = Scenario(seed=11, start="2021-01", months=14, applicants_per_month=2000, events=(shift,))
    _, verdicts = lender(scenario, period=["--from", "2021-01-01", "--to", "2022-03-01"])
    before, after = verdicts[:12], verdicts[12:]
    assert {verdict["verdict"] for verdict in before} == {"ok"}
    assert all(verdict["promised"]["gini"]["value"] > 0.5 for verdict in before)
    assert {verdict["verdict"] for verdict in after} == {"retrain"}
    assert all(verdict["maturity"]["default_rate_error"] < -0.02 for verdict in after)


@pytest.mark.parametrize(("name", "document"), [("verdict", WindowVerdict), ("index", Index)])
def test_documents_keep_their_form(name, document):
    kept = json.loads(Path(f"services/drift-monitor/schemas/{name}.schema.json").read_text())
    assert document.model_json_schema(mode="serialization") == kept, (
        "where keys were only added, write the file anew; else raise schema_version too"
    )


def test_a_published_verdict_has_the_form_of_its_schema(lender):
    _, verdicts = lender()
    schema = json.loads(Path("services/drift-monitor/schemas/verdict.schema.json").read_text())
    assert set(verdicts[0]) == set(schema["properties"])
    assert set(verdicts[0]["findings"][0]) == set(schema["$defs"]["Finding"]["properties"])
    assert verdicts[0]["start"].endswith("Z")


def test_the_same_window_judged_twice_gives_the_same_bytes(lender, tmp_path):
    lender()
    first = {path: path.read_bytes() for path in (tmp_path / "reports").glob("*/verdict.json")}
    lender()
    assert first == {path: path.read_bytes() for path in (tmp_path / "reports").glob("*/verdict.json")}


def test_a_model_whose_bundle_is_unknown_is_watched_and_not_compared(lender):
    _, verdicts = lender(digest="e" * 64)
    assert {verdict["verdict"] for verdict in verdicts} == {"watch"}
    assert "eeeeeeeeeeee" in verdicts[0]["because"]
    assert verdicts[0]["shifts"] == []


@pytest.fixture
def only(tmp_path):
    """A verdict table that retrains on one kind of evidence and knows no other."""

    def write(evidence):
        table = tmp_path / "table.yaml"
        table.write_text(f"version: 1\nrules: [{{when: [{evidence}], verdict: retrain}}]\n")
        return f"verdict_table={table}"

    return write


# A new channel throughout, which is drift; the same applicants turn bad more often, which shows in January only, when
# the first vintage is complete.
DRIFT_THEN_LOSS = Scenario(
    seed=11,
    start="2021-01",
    months=13,
    applicants_per_month=2000,
    events=(Event(kind="new_channel", start=0, strength=0.25), Event(kind="concept_shift", start=0)),
)
DECEMBER_AND_JANUARY = ["--from", "2021-12-01", "--to", "2022-02-01"]


@pytest.mark.parametrize(
    ("evidence", "called"), [("drift", ["retrain", "retrain"]), ("matured_loss", ["ok", "retrain"])]
)
def test_retraining_on_drift_alone_or_on_loss_alone_is_a_table_of_ones_own(lender, only, evidence, called):
    code, verdicts = lender(DRIFT_THEN_LOSS, overrides=[only(evidence)], period=DECEMBER_AND_JANUARY)
    assert code == 3
    assert [verdict["verdict"] for verdict in verdicts] == called
    assert all({"psi"} <= {f["check"] for f in verdict["findings"] if f["fired"]} for verdict in verdicts)


def test_the_shipped_table_says_what_drift_and_loss_lead_to():
    rules = {tuple(rule.when): rule.verdict for rule in read_table().rules}
    assert rules[("drift",)] == "watch"
    assert rules[("drift", "estimated_loss")] == rules[("matured_loss",)] == "retrain"
    assert rules[("quality",)] == rules[("calibration",)] == "stop"


@pytest.mark.parametrize(
    ("override", "named"),
    [
        ("limits.pis=0.2", "limits.psi"),
        ("limits.psi=-1", "limits.psi"),
        ("bundles=[nowhere]", "bundles"),
        ("verdict_table=nowhere.yaml", "nowhere.yaml"),
        ("windows.every=fortnight", "windows.every"),
        ("limits.constant_fields=[no_such_field]", "limits.constant_fields"),
        ("files.decisions=null", "files.outcomes"),
        ("reports.folder=gopher://host/drift", "reports.folder"),
        ("retraining={by: github, repository: bank/scoring}", "retraining.by"),
        ("windows.decisions=50", "windows.decisions"),
        ("windows.decisions=10000000000", "windows.decisions"),
        ("interval_minutes=1000000000", "interval_minutes"),
        ("performance.days=800000", "performance.days"),
        ("performance.pooled_windows=10000000", "performance.pooled_windows"),
        ("reports.keep_days=100000000000", "reports.keep_days"),
        ("reports.folder=s3://", "reports.folder"),
        ("reports.folder=s3:///drift", "reports.folder"),
        ("retraining.cool_down_hours=1.0e+300", "retraining.cool_down_hours"),
        ("limits.stale_hours=1.0e+300", "limits.stale_hours"),
        ("limits.psi=.inf", "limits.psi"),
    ],
)
def test_wrong_settings_are_refused_with_the_key(portfolio, tmp_path, override, named, capsys, monkeypatch):
    monkeypatch.delenv("GITHUB_TOKEN", raising=False)
    files = ["files.decisions=decisions.parquet", "files.outcomes=outcomes.parquet"]
    given = [f"bundles=[{portfolio.bundle.path}]", *files, f"reports.folder={tmp_path}"]
    assert main(["run", *MONTHS, *given, override]) == 2
    error = capsys.readouterr().err
    assert named in error
    assert error.count("\n") == 1


def test_a_window_too_small_to_be_judged_is_refused_and_one_that_is_just_large_enough_is_not(lender):
    code, verdicts = lender(overrides=["windows.decisions=1900", "limits.smallest_window=1900"])
    assert (code, len(verdicts)) == (0, 2)
    assert lender(overrides=["windows.decisions=1900", "limits.smallest_window=1901"])[0] == 2


def test_bundles_of_two_portfolios_are_refused(portfolio, tmp_path, capsys):
    other = replace(portfolio.draft, schema=portfolio.draft.schema.model_copy(update={"dataset": "taiwan"}))
    bundles = f"bundles=[{portfolio.bundle.path},{write_bundle(other, tmp_path / 'other').path}]"
    assert main(["run", *MONTHS, bundles, "files.decisions=decisions.parquet", f"reports.folder={tmp_path}"]) == 2
    assert "setting bundles: of simulated and of taiwan" in capsys.readouterr().err


def test_a_table_with_unknown_evidence_is_refused_with_its_place(lender, tmp_path, capsys):
    table = tmp_path / "table.yaml"
    table.write_text("version: 1\nrules: [{when: [vibes], verdict: stop}]\n")
    assert lender(overrides=[f"verdict_table={table}"])[0] == 2
    assert "rules.0.when.0" in capsys.readouterr().err


def test_a_table_that_is_no_text_is_refused_with_its_name(lender, tmp_path, capsys):
    table = tmp_path / "table.yaml"
    table.write_bytes(b"version: 1 \xff")
    assert lender(overrides=[f"verdict_table={table}"])[0] == 2
    error = capsys.readouterr().err
    assert (str(table) in error, error.count("\n")) == (True, 1)


def test_the_report_agrees_with_the_verdict_and_names_its_sample(lender, tmp_path):
    _, verdicts = lender(overrides=["reports.sample=2000"])
    folder = tmp_path / "reports" / verdicts[0]["window"]
    metrics = json.loads((folder / "report.json").read_text())["metrics"]
    told = {m["config"]["column"]: m["value"] for m in metrics if m["config"]["type"].endswith("ValueDrift")}
    for shift in verdicts[0]["shifts"]:
        assert told[shift["name"]] == pytest.approx(shift["psi"], abs=0.02)
    assert "2,000 of 2,000 decisions" in Path(folder / "report.html").read_text()


def test_text_of_the_data_stays_text_in_the_report(lender, tmp_path):
    hostile = "</script><script>document.title='taken'</script>"

    def change(table):
        return table.assign(channel=table.channel.where(table.index % 2 == 0, hostile))

    code, verdicts = lender(change=change, overrides=["reports.sample=500"])
    assert code == 4
    assert hostile in verdicts[0]["because"]
    page = (tmp_path / "reports" / verdicts[0]["window"] / "report.html").read_text()
    assert hostile not in page
    assert "&lt;/script&gt;" in page
