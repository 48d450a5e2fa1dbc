"""Decisions and outcomes over HTTP, with the journal on: what is answered can be looked up, and only there."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from credit_contract.bundle import Bundle
from scoring_api.media import CSV, JSON, PARQUET

from .conftest import Serve
from .test_parquet import parquet
from .test_service import TENSORS, sample
from .toy import BAD, GOOD


@pytest.fixture(scope="module")
def recording(serve: Serve, tmp_path_factory: pytest.TempPathFactory) -> httpx.Client:
    return serve(journal={"file": tmp_path_factory.mktemp("journal") / "journal.sqlite"}, image_digest="sha256:1")


@pytest.fixture(scope="module")
def away(serve: Serve, tmp_path_factory: pytest.TempPathFactory) -> httpx.Client:
    """One without a database, and without a volume."""
    return serve(journal={"file": tmp_path_factory.mktemp("journal.sqlite")})


def decided(client: httpx.Client) -> str:
    return str(client.post("/v1/score", json=BAD).json()["results"][0]["id"])


def today() -> str:
    return f"{datetime.now(UTC):%Y-%m-%d}"


def test_a_decision_is_recorded_as_it_was_answered(recording: httpx.Client, bundle: Bundle) -> None:
    people = [{**GOOD, "sex": "f"}, {**BAD, "monitoring_attributes": {"sex": "m"}}]
    told = recording.post("/v1/score", json=people).json()
    for person, result in zip((GOOD, BAD), told["results"], strict=True):
        record = recording.get(f"/decisions/{result['id']}").json()
        for name in ("id", "pd", "score", "decision", "band"):
            assert record[name] == result[name]
        assert record["applicant"] == person
        assert record["model_digest"] == bundle.digest
        assert (record["request_id"], record["image_digest"]) == (told["request_id"], "sha256:1")
        assert record["reasons"] == [{k: why[k] for k in ("field", "contribution")} for why in result["reasons"]]
        assert record["fields_not_scored"] == ["sex"]
        assert record["outcome"] is None
        assert "sex" not in record["applicant"]


@pytest.mark.parametrize("listed", [True, False])
def test_of_a_name_that_comes_twice_the_last_value_is_scored_and_recorded(
    recording: httpx.Client, listed: bool
) -> None:
    body = json.dumps(BAD).replace("{", '{"late_payments": 0, ')
    headers = {"content-type": "application/json"}
    told = recording.post("/v1/score", content=f"[{body}]" if listed else body, headers=headers).json()["results"][0]
    assert told["pd"] == recording.post("/v1/score", json=BAD).json()["results"][0]["pd"]
    assert recording.get(f"/decisions/{told['id']}").json()["applicant"] == BAD


@pytest.mark.parametrize("form", ["columns", "csv", "tensors"])
def test_every_form_is_recorded(recording: httpx.Client, form: str) -> None:
    if form == "columns":
        columns = {"columns": [*BAD], "rows": [[*BAD.values()]]}
        decision_id = recording.post("/v1/score", json=columns).json()["columns"]["id"][0]
    elif form == "csv":
        line = ",".join(map(str, BAD.values()))
        headers = {"content-type": "text/csv"}
        answer = recording.post("/predict", content=f"{','.join(BAD)}\n{line}\n", headers=headers)
        decision_id = answer.text.splitlines()[1].split(",")[1]
    else:
        numbers = {"name": "numbers", "datatype": "FP32", "shape": [1, 3], "data": [6, 12.5, 1.4]}
        categories = {"name": "categories", "datatype": "INT64", "shape": [1, 2], "data": [1, 2]}
        told = recording.post("/v2/models/toy/infer", json={"inputs": [numbers, categories]}).json()
        decision_id = {output["name"]: output["data"] for output in told["outputs"]}["id"][0]
    assert recording.get(f"/decisions/{decision_id}").json()["applicant"] == pytest.approx(BAD, abs=1e-6)


def test_a_retry_is_no_second_decision(recording: httpx.Client) -> None:
    first, again = (recording.post("/v1/score", json=GOOD, headers={"Idempotency-Key": "order-1"}) for _ in range(2))
    assert again.content == first.content
    assert again.headers["idempotent-replayed"] == "true"


def file_of(person: dict[str, Any], form: str) -> bytes:
    if form == CSV:
        return f"{','.join(person)}\n{','.join(map(str, person.values()))}\n".encode()
    return parquet([person]) if form == PARQUET else json.dumps(person).encode()


@pytest.mark.parametrize("form", [JSON, CSV, PARQUET, "prediction"])
def test_a_retry_on_another_route_is_none_either(recording: httpx.Client, form: str) -> None:
    path = "/api/prediction?cus_id=C-1" if form == "prediction" else "/predict"
    headers = {"content-type": JSON if form == "prediction" else form, "Idempotency-Key": f"order-{form}"}
    first, again = (recording.post(path, content=file_of(BAD, form), headers=headers) for _ in range(2))
    assert (first.status_code, again.content) == (200, first.content)
    assert (first.headers.get("idempotent-replayed"), again.headers["idempotent-replayed"]) == (None, "true")
    assert again.headers.get("content-disposition") == first.headers.get("content-disposition")
    changed = file_of({**BAD, "late_payments": 5}, form)
    other = recording.post(path.replace("C-1", "C-2"), content=changed, headers=headers)
    assert (other.status_code, other.json()["code"]) == (409, "conflict")


def test_tensors_under_a_key_are_refused_rather_than_decided_twice(recording: httpx.Client) -> None:
    refused = recording.post("/v2/models/toy/infer", json={"inputs": []}, headers={"Idempotency-Key": "order-2"})
    assert (refused.status_code, "Idempotency-Key" in refused.json()["detail"]) == (422, True)


def test_an_outcome_is_told_once(recording: httpx.Client) -> None:
    decision_id = decided(recording)
    paid = {"decision_id": decision_id, "outcome": "paid", "date": today()}
    for _ in range(2):
        assert recording.post("/outcomes", json=paid).json() == {"recorded": 1, "unknown_decisions": []}
    contradiction = recording.post("/outcomes", json={**paid, "outcome": "defaulted"})
    assert (contradiction.status_code, contradiction.json()["code"]) == (409, "conflict")
    assert recording.get(f"/decisions/{decision_id}").json()["outcome"]["outcome"] == "paid"


def test_outcomes_come_as_lists_and_files_too(recording: httpx.Client) -> None:
    ids = [decided(recording) for _ in range(2)]
    listed = [{"decision_id": i, "outcome": "defaulted", "date": today()} for i in (ids[0], "nobody")]
    assert recording.post("/outcomes", json=listed).json() == {"recorded": 1, "unknown_decisions": ["nobody"]}
    file = f"decision_id,outcome,date\n{ids[1]},paid,{today()}\n".encode()
    assert recording.post("/outcomes", files={"file": ("outcomes.csv", file)}).json()["recorded"] == 1


@pytest.mark.parametrize(
    ("content", "media_type", "status"),
    [
        (b"{", "application/json", 400),
        (b"[]", "application/json", 422),
        (b"[3]", "application/json", 422),
        (b'{"decision_id": "a", "outcome": "late", "date": "2026-01-01"}', "application/json", 422),
        (b'{"decision_id": "a", "outcome": "paid", "date": "2999-01-01"}', "application/json", 422),
        (b"decision_id,outcome,date\na,paid\n", "text/csv", 422),
        (b"decision_id,outcome,outcome,date\na,paid,defaulted,2026-01-01\n", "text/csv", 400),
        (b"\xff", "text/csv", 400),
        (b"", "text/plain", 415),
    ],
)
def test_an_outcome_that_is_none_is_refused(
    recording: httpx.Client, content: bytes, media_type: str, status: int
) -> None:
    answer = recording.post("/outcomes", content=content, headers={"content-type": media_type})
    assert answer.status_code == status


def test_each_field_of_an_outcome_that_is_wrong_has_its_path(recording: httpx.Client) -> None:
    wrong = {"decision_id": "a", "outcome": "late", "when": "2026-01-01"}
    single, listed = (recording.post("/outcomes", json=body).json() for body in (wrong, [wrong]))
    found = [("/when", "unknown_field"), ("/outcome", "category"), ("/date", "missing")]
    assert [(fault["path"], fault["code"]) for fault in single["problems"]] == found
    assert [(fault["path"], fault["code"]) for fault in listed["problems"]] == [(f"/0{p}", c) for p, c in found]


def test_an_outcome_from_before_its_decision_is_refused(recording: httpx.Client) -> None:
    decision_id = decided(recording)
    paid, early = ({"decision_id": decision_id, "outcome": "paid", "date": day} for day in (today(), "2020-01-01"))
    for body, path in ((early, "/date"), ([{**paid, "decision_id": "nobody"}, early], "/1/date")):
        refused = recording.post("/outcomes", json=body)
        assert (refused.status_code, refused.json()["code"]) == (422, "invalid_outcome")
        assert [(fault["path"], fault["code"]) for fault in refused.json()["problems"]] == [(path, "range")]
    assert recording.get(f"/decisions/{decision_id}").json()["outcome"] is None


def test_an_unknown_decision_is_not_found(recording: httpx.Client) -> None:
    assert recording.get("/decisions/nobody").json()["code"] == "not_found"


def test_without_a_database_and_without_a_volume_nothing_is_answered(away: httpx.Client) -> None:
    assert away.get("/health").status_code == 200
    assert (away.get("/ready").status_code, away.get("/ready").json()["code"]) == (503, "not_ready")
    answer = away.post("/v1/score", json=GOOD)
    assert (answer.status_code, answer.json()["code"]) == (503, "journal_unavailable")
    assert answer.headers["retry-after"]


@pytest.mark.parametrize(
    ("path", "body", "approved", "declined"),
    [
        ("/v1/score", [GOOD, BAD, GOOD], 2, 1),
        ("/v1/score", [BAD] * 10, 0, 10),
        ("/v1/score", [GOOD] * 300, 300, 0),
        ("/v1/score?explain=true", GOOD, 1, 0),
        ("/predict", GOOD, 1, 0),
        ("/v2/models/toy/infer", {"inputs": TENSORS}, 0, 1),
    ],
)
def test_who_is_told_a_decision_is_counted_once_and_nobody_else(
    recording: httpx.Client, away: httpx.Client, bundle: Bundle, path: str, body: Any, approved: int, declined: int
) -> None:
    def counted(client: httpx.Client) -> list[float]:
        model = f'model="{bundle.digest[:12]}"'
        decided = [f'decisions_total{{decision="{decision}",{model}}}' for decision in ("approve", "decline")]
        return [sample(client, line) for line in (*decided, f"score_count{{{model}}}")]

    before = counted(recording)
    headers = {} if path.startswith("/v2") else {"Idempotency-Key": f"{path}{approved}"}
    for some in ({}, headers, headers) if headers else ({},):
        assert recording.post(path, json=body, headers=some).status_code == 200
        assert away.post(path, json=body, headers=some).status_code == 503
    times = 2 if headers else 1
    found = [now - then for now, then in zip(counted(recording), before, strict=True)]
    assert found == [times * approved, times * declined, times * (approved + declined)]
    assert counted(away) == [0, 0, 0]


def test_without_a_journal_outcomes_have_nowhere_to_go(client: httpx.Client) -> None:
    assert client.get("/decisions/x").status_code == 404
    assert (
        client.post("/outcomes", json={"decision_id": "x", "outcome": "paid", "date": "2026-01-31"}).status_code == 422
    )
