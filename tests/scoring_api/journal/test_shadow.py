"""A challenger in shadow: recorded beside, never answered, and never in the way."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import onnxruntime
import pytest
from sqlalchemy import select

from credit_contract.applicant import encode
from credit_contract.bundle import Bundle
from credit_contract.schema import FeatureSchema, Field
from scoring_api.journal.engine import open_engine
from scoring_api.journal.tables import shadow_scores
from tests.scoring_api.conftest import Serve
from tests.scoring_api.test_service import sample
from tests.scoring_api.toy import BAD, GOOD, HOUSING, POLICY, SCHEMA, bundle_of, expected_pd, graph

LATE, INCOME, UTILISATION, OWNED, STATUS = (SCHEMA[f.name] for f in SCHEMA.fields[:5])
PEOPLE = [GOOD, BAD, {**GOOD, "housing": "lodger", "income": None}]
NOWHERE = "postgresql://journal@127.0.0.1:1/none"


def changed(field: Field, **values: Any) -> Field:
    return Field.model_validate({**field.model_dump(), **values})


REORDERED = changed(OWNED, categories=("free", "own", "rent"))


def challenging(folder: Path, fields: tuple[Field, ...], model: bytes) -> Bundle:
    schema = FeatureSchema(dataset="toy", version="v2", fields=fields)
    session = onnxruntime.InferenceSession(model)
    reasons = {field.name: field.name for field in schema.scored_fields}
    policy = POLICY.model_copy(update={"version": "2026-02", "reasons": reasons})
    rows = [{**GOOD, "late_payments": n % 6, "utilisation": n / 40, "income": n * 3.0, "sex": "f"} for n in range(40)]

    def pd_of(people: list[dict[str, Any]]) -> np.ndarray[Any, np.dtype[np.float64]]:
        return np.asarray(session.run(["pd"], encode(schema, people).feed())[0], dtype=np.float64)

    return bundle_of(folder, schema, policy, model, rows, pd_of)


@pytest.fixture(scope="module")
def challenger(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """The served function of the same fields, all in another order."""
    fields = (UTILISATION, LATE, INCOME, REORDERED, STATUS)
    return challenging(
        tmp_path_factory.mktemp("challenger") / "bundle", fields, graph((2, 0, 1), HOUSING[[0, 3, 2, 1]])
    )


def until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def recorded(url: str) -> dict[str, Any]:
    with open_engine(url).connect() as connection:
        return {row.decision_id: row for row in connection.execute(select(shadow_scores))}


def dropped(client: httpx.Client, reason: str) -> float:
    return sample(client, f'shadow_dropped_total{{reason="{reason}"}}')


def test_the_challenger_is_recorded_beside_and_never_answered(
    serve: Serve, bundle: Bundle, challenger: Bundle, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JOURNAL_URL", url)
    client = serve(journal={}, shadow={"bundle": challenger.path})
    assert client.get("/model").json()["challenger_digest"] == challenger.digest
    told = client.post("/v1/score", json=PEOPLE).json()
    assert told["model_digest"] == bundle.digest
    ids = [result["id"] for result in told["results"]]
    until(lambda: len(recorded(url)) == len(PEOPLE))
    rows = [recorded(url)[name] for name in ids]
    assert [row.pd for row in rows] == pytest.approx(expected_pd(PEOPLE).tolist(), abs=1e-6)
    assert {row.model_digest for row in rows} == {challenger.digest}
    label = f'model="{challenger.digest[:12]}"'
    until(lambda: sample(client, f'shadow_decisions_total{{decision="decline",{label},other="decline"}}') == 1)
    assert sample(client, f"shadow_pd_difference_count{{{label}}}") == len(PEOPLE)
    assert sample(client, f'shadow_pd_difference_bucket{{le="0.001",{label}}}') == len(PEOPLE)


def test_nothing_waits_for_a_challenger_that_cannot_be_recorded(
    serve: Serve, challenger: Bundle, volume: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JOURNAL_URL", NOWHERE)
    client = serve(journal={"volume": volume}, shadow={"bundle": challenger.path})
    assert client.post("/v1/score", json=PEOPLE).status_code == 200
    until(lambda: dropped(client, "journal") == len(PEOPLE))
    assert client.post("/v1/score", json=GOOD).status_code == 200


def test_what_finds_no_room_is_counted_and_answered_all_the_same(serve: Serve, challenger: Bundle) -> None:
    client = serve(shadow={"bundle": challenger.path})
    lines = [",".join(GOOD), *[",".join(map(str, GOOD.values()))] * 10_001]
    answer = client.post("/predict", content="\n".join(lines), headers={"content-type": "text/csv"})
    assert answer.status_code == 200
    assert dropped(client, "queue") == 10_001


def test_a_challenger_that_needs_more_than_is_served_is_refused(serve: Serve, tmp_path: Path) -> None:
    sex = changed(SCHEMA["sex"], role="used", reason="Sex")
    narrow = changed(LATE, maximum=6)
    known = changed(OWNED, categories=("rent", "own"), aliases={})
    given = changed(INCOME, optional=False)
    needed = {
        "sex": ((LATE, INCOME, UTILISATION, OWNED, sex), "is not scored by the served model"),
        "late_payments": ((narrow, INCOME, UTILISATION, OWNED, STATUS), "takes values there that are refused here"),
        "housing": ((LATE, INCOME, UTILISATION, known, STATUS), "has categories there that are unknown here"),
        "income": ((LATE, given, UTILISATION, OWNED, STATUS), "may be absent there, not here"),
    }
    for name, (fields, words) in needed.items():
        made = challenging(tmp_path / name, fields, graph())
        ready = serve(shadow={"bundle": made.path}).get("/ready")
        assert (ready.status_code, f"field {name} {words}" in ready.json()["detail"]) == (503, True), ready.text


def test_a_damaged_challenger_is_refused(serve: Serve, challenger: Bundle, tmp_path: Path) -> None:
    damaged = tmp_path / "damaged"
    shutil.copytree(challenger.path, damaged)
    (damaged / "model.onnx").write_bytes(b"nothing")
    ready = serve(shadow={"bundle": damaged}).get("/ready")
    assert (ready.status_code, "model.onnx" in ready.json()["detail"]) == (503, True)
