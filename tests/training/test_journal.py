import secrets
from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import create_engine

from credit_contract.decision import ChainHead, DecisionRecord, Provenance
from credit_training.cli import main
from credit_training.dataset import load_dataset
from credit_training.errors import SourceError
from credit_training.prepare import prepared
from scoring_api.journal import Entry
from scoring_api.journal.engine import open_engine
from scoring_api.journal.rows import Rows
from scoring_api.journal.store import Store
from scoring_api.journal.tables import applicants, outcomes, written

CUT_OFF = datetime(2026, 6, 1, tzinfo=UTC)
VERSION = "journal-20260601T000000Z-90d"
OLD = CUT_OFF - timedelta(days=100)
APPLICANT = {"requested_amount": 9000, "term_months": 24, "purpose": "car", "channel": "branch", "net_income": None,
             "employment_type": "permanent", "employment_years": 2.5, "housing": "tenant", "region": "north",
             "savings_balance": 100, "previous_customer": "no", "existing_debt": 0, "monthly_obligations": 0,
             "open_loans": 0, "card_utilisation": None, "delinquencies_12m": 0, "months_since_delinquency": None,
             "inquiries_6m": 1, "oldest_account_months": 50}  # fmt: skip


@pytest.fixture(params=["sqlite", "postgresql"])
def journal(request, tmp_path, monkeypatch):
    address = f"sqlite:///{tmp_path / 'journal.db'}"
    if request.param == "postgresql":
        address = request.getfixturevalue("running_cluster").make_database(f"t{secrets.token_hex(6)}")
    monkeypatch.setenv("JOURNAL_URL", address)
    monkeypatch.setenv("RETRAIN_DATASET", "simulated")
    monkeypatch.setenv("RETRAIN_CUT_OFF", CUT_OFF.isoformat())
    monkeypatch.setenv("RETRAIN_PERFORMANCE_DAYS", "90")
    return address


def decision(name, at=OLD, caller="branch-7", pd=0.25, monitored=None, **changed):
    origin = Provenance(name, written(at), caller, None, "t", "d" * 64, "1", "", "", "")
    record = DecisionRecord(name, origin, pd, 600, "approve", "A", (), (), 1)
    return Entry(record, {**APPLICANT, **changed}, monitored or {})


def fill(address, entries, known):
    """A journal with outcomes: name, what became of it, when that was recorded."""
    engine = open_engine(address)
    rows = Rows.empty()
    rows.seal(ChainHead("test"), entries, None)
    Store(engine).write(rows)
    rows = [
        {"decision_id": name, "outcome": outcome, "happened_on": date(2026, 5, 1), "recorded_at": written(at)}
        for name, outcome, at in known
    ]
    with create_engine(engine.url).begin() as connection:
        connection.execute(outcomes.insert(), rows)


def test_only_what_had_matured_at_the_cut_off_is_learned_from(journal, tmp_path):
    hour = timedelta(hours=1)
    border = CUT_OFF - timedelta(days=90)
    pairs = [(f"old-{n}", "defaulted" if n % 3 == 0 else "paid") for n in range(24)]
    entries = [decision(name, term_months=12 + n) for n, (name, _) in enumerate(pairs)]
    entries += [
        decision("young", at=border, term_months=90),
        decision("told later", term_months=91),
        decision("never told", term_months=92),
        decision("nobody", caller="golden-check", term_months=93),
    ]
    known = [(name, outcome, CUT_OFF - hour) for name, outcome in pairs]
    known += [("young", "paid", CUT_OFF - hour), ("told later", "paid", CUT_OFF), ("nobody", "paid", OLD)]
    fill(journal, entries, known)
    found = prepared(load_dataset("journal"), VERSION, tmp_path).frame
    assert sorted(found["term_months"]) == [12 + n for n in range(24)]
    assert found["_target"].sum() == 8


def test_it_is_the_portfolio_as_the_service_recorded_it(journal, tmp_path):
    entries = [decision(f"d{n:02}", pd=n / 40, monitored={"sex": "male"} if n % 2 else {}, term_months=12 + n)
               for n in range(24)]  # fmt: skip
    fill(journal, entries, [(f"d{n:02}", "defaulted" if n % 4 == 0 else "paid", OLD) for n in range(24)])
    data = prepared(load_dataset("journal"), VERSION, tmp_path)
    shipped = load_dataset("simulated")
    scored = [field.name for field in data.spec.feature_schema(VERSION).scored_fields]
    assert scored == [field.name for field in shipped.feature_schema("v2").scored_fields]
    assert (data.spec.name, data.spec.policy) == ("simulated", shipped.policy)
    assert data.frame["sex"].value_counts().to_dict() == {"male": 12}
    assert data.frame["net_income"].isna().all()
    assert data.frame["_decided_pd"].tolist() == [n / 40 for n in range(24)]
    assert {str(day.date()) for day in data.frame["_time"]} == {OLD.date().isoformat()}


def test_its_version_names_all_that_it_takes_to_rebuild_the_hold_out(journal, tmp_path, monkeypatch, capsys):
    entries = [decision(f"d{n:02}", term_months=12 + n) for n in range(60)]
    known = [(f"d{n:02}", "defaulted" if n % 3 == 0 else "paid", OLD) for n in range(60)]
    fill(journal, [*entries, decision("told later")], [*known, ("told later", "paid", CUT_OFF)])
    learned = prepared(load_dataset("journal"), VERSION, tmp_path)
    for name in ("DATASET", "CUT_OFF", "PERFORMANCE_DAYS"):
        monkeypatch.delenv(f"RETRAIN_{name}")
    monkeypatch.setenv("CREDIT_HOME", str(tmp_path / "elsewhere"))
    again = ["holdout", "dataset=simulated", f"versions=[{learned.dataset.version}]", "--out", str(tmp_path / "h.npz")]
    assert main(again) == 0
    assert learned.holdout_sha256 in capsys.readouterr().out


def test_what_the_journal_forgot_is_not_remembered_here(journal, tmp_path):
    pairs = [(f"d{n:02}", "defaulted" if n % 3 == 0 else "paid", OLD) for n in range(60)]
    fill(journal, [decision(name, term_months=12 + n) for n, (name, *_) in enumerate(pairs)], pairs)
    before = prepared(load_dataset("journal"), VERSION, tmp_path)
    with create_engine(open_engine(journal).url).begin() as connection:
        connection.execute(applicants.delete())
    with pytest.raises(SourceError, match="no decision in the journal had matured"):
        prepared(load_dataset("journal"), VERSION, tmp_path)
    assert len(before.frame) == 60


def test_a_journal_without_matured_outcomes_is_one_line(journal, tmp_path):
    fill(journal, [decision("d")], [("d", "paid", CUT_OFF)])
    with pytest.raises(SourceError, match="no decision in the journal had matured"):
        prepared(load_dataset("journal"), VERSION, tmp_path)


@pytest.mark.parametrize("address", ["mysql://root:secret@host/x", "nonsense:secret", "sqlite:////no/such/secret.db"])
def test_a_journal_that_cannot_be_read_is_one_line_without_its_address(address, tmp_path, monkeypatch):
    for name, value in {"DATASET": "simulated", "CUT_OFF": "2026-06-01T00:00Z", "PERFORMANCE_DAYS": "90"}.items():
        monkeypatch.setenv(f"RETRAIN_{name}", value)
    monkeypatch.setenv("JOURNAL_URL", address)
    with pytest.raises(SourceError, match=r"journal|JOURNAL_URL") as caught:
        prepared(load_dataset("journal"), VERSION, tmp_path)
    assert "secret" not in str(caught.value)


def test_a_journal_that_is_not_there_is_not_made(tmp_path, monkeypatch):
    for name, value in {"DATASET": "simulated", "CUT_OFF": "2026-06-01T00:00Z", "PERFORMANCE_DAYS": "90"}.items():
        monkeypatch.setenv(f"RETRAIN_{name}", value)
    monkeypatch.setenv("JOURNAL_URL", f"sqlite:///{tmp_path / 'journal.db'}")
    with pytest.raises(SourceError, match="unable to open database file; check JOURNAL_URL"):
        prepared(load_dataset("journal"), VERSION, tmp_path / "home")
    assert not list(tmp_path.glob("journal*"))


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"RETRAIN_CUT_OFF": None}, "takes RETRAIN_CUT_OFF from the environment; set it"),
        (
            {"RETRAIN_DATASET": None, "JOURNAL_URL": None},
            "takes RETRAIN_DATASET, JOURNAL_URL from the environment; set them",
        ),
        ({"RETRAIN_CUT_OFF": "yesterday"}, "cut_off: 'yesterday' is no time; give one as 2026-10-01T00:00Z"),
    ],
)
def test_what_a_retraining_run_was_not_told_is_one_line_that_says_what_to_set(changed, said, monkeypatch, capsys):
    told = {"RETRAIN_DATASET": "simulated", "RETRAIN_CUT_OFF": "2026-06-01T00:00Z", "RETRAIN_PERFORMANCE_DAYS": "90"}
    for name, value in ({"JOURNAL_URL": "sqlite:///journal.db"} | told | changed).items():
        monkeypatch.setenv(name, value) if value else monkeypatch.delenv(name, raising=False)
    assert main(["config", "dataset=journal"]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("credit-train config: journal.yaml")
    assert said in line
