from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from sqlalchemy import create_engine, delete

from credit_contract.bundle import DatasetVersion, write_bundle
from credit_contract.decision import ChainHead, DecisionRecord, Provenance
from credit_delivery import record
from credit_delivery.check import check
from credit_delivery.errors import EvidenceError
from credit_delivery.holdout import Holdout, rebuild
from credit_delivery.promotion import merge, propose
from credit_delivery.release import build
from credit_training.dataset import load_dataset
from credit_training.prepare import prepared
from scoring_api.journal import Entry
from scoring_api.journal.engine import open_engine
from scoring_api.journal.rows import Rows
from scoring_api.journal.store import Store
from scoring_api.journal.tables import applicants, outcomes, written

from .world import APPROVER, World, draft

DECIDED = datetime(2026, 1, 5, tzinfo=UTC)
CUT_OFF = "2026-06-01T00:00:00+00:00"


def fill(address: str, people: list[dict[str, object]]) -> None:
    entries, known = [], []
    for number, person in enumerate(people):
        name, late = f"d{number:03}", person.pop("outcome") == "late"
        origin = Provenance(name, written(DECIDED), "branch", None, "t", "d" * 64, "1", "", "", "")
        scored = DecisionRecord(name, origin, 0.25, 600, "approve", "A", (), (), 1)
        entries.append(Entry(scored, person, {"sex": person.pop("sex")}))
        told = {"happened_on": date(2026, 4, 1), "recorded_at": written(DECIDED)}
        known.append({"decision_id": name, "outcome": "defaulted" if late else "paid", **told})
    engine = open_engine(address)
    rows = Rows.empty()
    rows.seal(ChainHead("test"), entries, None)
    Store(engine).write(rows)
    with create_engine(engine.url).begin() as connection:
        connection.execute(outcomes.insert(), known)


def people_of(table: Path) -> list[dict[str, object]]:
    header, *rows = (line.split(",") for line in table.read_text().splitlines())
    people: list[dict[str, object]] = [dict(zip(header, row, strict=True)) for row in rows]
    for person in people:
        for name in ("income", "amount"):
            person[name] = float(str(person[name])) if person[name] else None
    return people


def test_a_candidate_of_the_journal_is_released_and_promoted_until_the_journal_forgets(
    empty: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    address, yaml = f"sqlite:///{tmp_path / 'journal.db'}", str(tmp_path / "lender.yaml")
    fill(address, people_of(tmp_path / "data/lender.csv"))
    monkeypatch.setenv("JOURNAL_URL", address)
    monkeypatch.setenv("CREDIT_HOME", str(tmp_path / "home"))
    asked = {"DATASET": yaml, "CUT_OFF": CUT_OFF, "PERFORMANCE_DAYS": "90"}
    for name, value in asked.items():
        monkeypatch.setenv(f"RETRAIN_{name}", value)
    spec = load_dataset("journal")
    (version,) = spec.versions
    learned = prepared(spec, version, tmp_path / "home")
    for name in asked:
        monkeypatch.delenv(f"RETRAIN_{name}")
    schema = spec.feature_schema(version)
    made = draft(schema, spec.policy_for(schema), learned.dataset, 0.0, -2.0)
    bundle = write_bundle(made, tmp_path / "bundles" / "retrained").path

    def again(dataset: DatasetVersion) -> Holdout:
        # This lender is no shipped dataset: it is named by its file.
        return rebuild(dataset.model_copy(update={"name": yaml}), empty.root)

    build(empty.repository, "retrained", bundle, again)
    assert record.read(empty.repository, "retrained").dataset == learned.dataset
    base = empty.repository.head()
    merge(empty.repository, propose(empty.repository, "staging", "retrained", again), APPROVER)
    assert "tag: retrained" in empty.read("environments/staging/model.yaml")
    assert check(empty.repository, base, again) == ["staging: model retrained"]
    monkeypatch.delenv("JOURNAL_URL")
    with pytest.raises(EvidenceError, match="was learned from the journal: set JOURNAL_URL"):
        check(empty.repository, base, again)
    monkeypatch.setenv("JOURNAL_URL", address)
    with create_engine(address).begin() as connection:
        connection.execute(delete(applicants).where(applicants.c.decision_id < "d050"))
    with pytest.raises(EvidenceError, match="the journal has forgotten applicants since; retrain"):
        again(learned.dataset)
