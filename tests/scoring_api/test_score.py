"""POST /v1/score, over HTTP."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from credit_contract.bundle import Bundle

from .conftest import Serve
from .toy import BAD, GOOD, POLICY, expected_pd


def score(client: httpx.Client, body: Any, **headers: str) -> httpx.Response:
    return client.post("/v1/score", json=body, headers=headers)


def test_an_answer_names_what_computed_it(client: httpx.Client, bundle: Bundle) -> None:
    told = score(client, BAD).json()
    assert told["model_digest"] == bundle.digest
    assert told["model_tag"] == "toy-1"
    assert told["policy_version"] == POLICY.version
    assert told["results"][0]["id"].startswith(told["request_id"])


def test_decisions_follow_the_exact_pd(client: httpx.Client) -> None:
    people = [{**GOOD, "late_payments": n, "utilisation": u} for n in range(8) for u in (0.0, 0.4, 0.9, 1.3)]
    results = score(client, people).json()["results"]
    assert [result["pd"] for result in results] == pytest.approx(expected_pd(people).tolist(), abs=1e-6)
    assert [result["decision"] for result in results] == [POLICY.decide(result["pd"]) for result in results]
    assert [result["score"] for result in results] == [POLICY.score(result["pd"]) for result in results]
    assert [result["band"] for result in results] == [POLICY.band(result["pd"]) for result in results]
    assert {result["decision"] for result in results} == {"approve", "refer", "decline"}


def test_columns_are_answered_by_columns(client: httpx.Client) -> None:
    matrix = {"columns": [*GOOD], "rows": [[*GOOD.values()], [*BAD.values()]]}
    columns = score(client, matrix).json()["columns"]
    results = score(client, [GOOD, BAD]).json()["results"]
    for name in ("pd", "score", "decision", "band", "reasons"):
        assert columns[name] == [result[name] for result in results]


def test_fields_that_are_not_scored_are_named_and_change_nothing(client: httpx.Client) -> None:
    plain = score(client, BAD).json()
    more = score(client, {**BAD, "sex": "m", "duration": 7, "monitoring_attributes": {"sex": "f"}}).json()
    assert plain["fields_not_scored"] == []
    assert more["fields_not_scored"] == ["sex", "duration"]
    assert [{**result, "id": ""} for result in more["results"]] == [{**r, "id": ""} for r in plain["results"]]


def test_an_approved_applicant_has_reasons_only_when_asked(client: httpx.Client) -> None:
    approved = {**GOOD, "late_payments": 2}
    assert score(client, approved).json()["results"][0]["reasons"] == []
    explained = client.post("/v1/score?explain=true", json=approved).json()["results"][0]
    assert explained["decision"] == "approve"
    assert [reason["field"] for reason in explained["reasons"]] == ["late_payments"]


@pytest.mark.parametrize("path", ["/v1/score", "/predict"])
def test_a_question_that_is_none_is_a_problem_that_does_not_repeat_it(client: httpx.Client, path: str) -> None:
    answer = client.post(f"{path}?explain=castle", json=GOOD)
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")
    assert answer.headers["content-type"] == "application/problem+json"
    assert "explain" in answer.json()["detail"]
    assert "castle" not in answer.text


@pytest.mark.parametrize(
    ("person", "path", "code"),
    [
        ({**GOOD, "income": "90"}, "/income", "type"),
        ({**GOOD, "utilisation": None}, "/utilisation", "null"),
        ({**GOOD, "utilisation": 5.5}, "/utilisation", "range"),
        ({**GOOD, "status": True}, "/status", "type"),
        ({**GOOD, "status": 3}, "/status", "category"),
        ({**GOOD, "city": "Ulm"}, "/city", "unknown_field"),
        ({k: v for k, v in GOOD.items() if k != "status"}, "/status", "missing"),
        ({**GOOD, "monitoring_attributes": {"income": 3}}, "/monitoring_attributes/income", "unknown_field"),
        ([GOOD, {**GOOD, "income": -1}], "/1/income", "range"),
        ([GOOD, 3], "/1", "type"),
        (3, "", "type"),
    ],
)
def test_a_wrong_field_is_a_problem_with_its_path(client: httpx.Client, person: Any, path: str, code: str) -> None:
    answer = score(client, person)
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert problem["code"] == "invalid_applicant"
    assert [(fault["path"], fault["code"]) for fault in problem["problems"]] == [(path, code)]
    assert problem["problems"][0]["expected"]


@pytest.mark.parametrize(
    ("content", "media_type", "status", "code"),
    [
        (b"", "application/json", 400, "malformed_body"),
        (b'{"income": "\xff"}', "application/json", 400, "malformed_body"),
        (b'[{"income": 1', "application/json", 400, "malformed_body"),
        (b"[" * 10_000, "application/json", 400, "malformed_body"),
        (b"[]", "application/json", 422, "invalid_request"),
        (b"{}", "text/plain", 415, "unsupported_media_type"),
        (b"{}", "", 415, "unsupported_media_type"),
        (b"{}", "application/jsonx", 415, "unsupported_media_type"),
        (b"[]", "Application/JSON; charset=utf-8", 422, "invalid_request"),
        (b"[" + b" " * 5_000_000 + b"]", "application/json", 413, "body_too_large"),
        (json.dumps([GOOD] * 1001).encode(), "application/json", 413, "too_many_applicants"),
    ],
)
def test_a_body_that_cannot_be_scored_is_refused_with_a_reason(
    client: httpx.Client, content: bytes, media_type: str, status: int, code: str
) -> None:
    answer = client.post("/v1/score", content=content, headers={"content-type": media_type})
    assert (answer.status_code, answer.json()["code"]) == (status, code)


@pytest.mark.parametrize(
    ("path", "status"),
    [("/v1/score", 200), ("/predict", 200), ("/v1/preview", 422), ("/api/prediction?cus_id=C-1", 422)],
)
def test_attributes_for_monitoring_may_be_a_column(client: httpx.Client, path: str, status: int) -> None:
    person = {**GOOD, "monitoring_attributes": {"sex": "f"}}
    answer = client.post(path, json={"columns": [*person], "rows": [[*person.values()]]})
    assert answer.status_code == status


def test_other_methods_are_named(client: httpx.Client) -> None:
    answer = client.get("/v1/score")
    assert (answer.status_code, answer.headers["allow"], answer.json()["code"]) == (405, "POST", "method_not_allowed")
    assert client.get("/nowhere").json()["code"] == "not_found"


def test_a_retry_gets_the_recorded_answer(client: httpx.Client) -> None:
    first = score(client, BAD, **{"Idempotency-Key": "k-1"})
    again = score(client, BAD, **{"Idempotency-Key": "k-1"})
    other = score(client, BAD, **{"Idempotency-Key": "k-2"})
    assert again.content == first.content
    assert (first.headers.get("idempotent-replayed"), again.headers["idempotent-replayed"]) == (None, "true")
    assert other.json()["request_id"] != first.json()["request_id"]
    reused = score(client, GOOD, **{"Idempotency-Key": "k-1"})
    assert (reused.status_code, reused.json()["code"]) == (409, "conflict")


def test_a_refused_request_does_not_use_up_its_key(client: httpx.Client) -> None:
    assert score(client, {}, **{"Idempotency-Key": "k-3"}).status_code == 422
    assert score(client, GOOD, **{"Idempotency-Key": "k-3"}).status_code == 200


def test_a_big_batch_is_scored_as_its_parts_are(client: httpx.Client) -> None:
    people = [{**BAD, "income": float(n), "late_payments": n % 13} for n in range(600)]
    whole = score(client, people).json()["results"]
    parts = [result for at in range(0, 600, 200) for result in score(client, people[at : at + 200]).json()["results"]]
    assert [{**result, "id": ""} for result in whole] == [{**result, "id": ""} for result in parts]


def test_no_answer_is_swapped_between_requests(client: httpx.Client) -> None:
    people = [{**GOOD, "income": round(n * 1.7, 1), "late_payments": n % 13} for n in range(400)]

    def ask(at: int) -> tuple[list[float], list[float]]:
        asked = people[at : at + 1 + at % 5]
        results = score(client, asked if at % 3 else asked[0]).json()["results"]
        return [result["pd"] for result in results], expected_pd(asked if at % 3 else asked[:1]).tolist()

    with ThreadPoolExecutor(16) as pool:
        for answered, expected in pool.map(ask, range(395)):
            assert answered == pytest.approx(expected, abs=1e-6)


def test_a_full_service_refuses_and_still_says_that_it_lives(serve: Serve) -> None:
    client = serve(limits={"max_in_flight": 1})

    def held() -> Any:
        yield json.dumps(GOOD).encode()
        for path in ("/v1/score", "/predict"):
            refused = client.post(path, json=GOOD)
            assert (refused.status_code, refused.json()["code"]) == (503, "overloaded")
            assert refused.headers["retry-after"] == "1"
        assert client.get("/health").status_code == 200
        yield b" "

    answer = client.post("/predict", content=held(), headers={"content-type": "application/json"})
    assert answer.status_code == 200
    assert score(client, GOOD).status_code == 200
