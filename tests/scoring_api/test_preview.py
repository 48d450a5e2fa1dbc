"""POST /v1/preview and /model/examples: what an applicant would get, and that nobody takes it for a decision."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path
from typing import Any

import httpx
import pytest

from credit_contract.bundle import Bundle
from scoring_api.access import new_key

from .conftest import Serve
from .toy import BAD, GOOD, POLICY, SCHEMA, expected_pd


def preview(client: httpx.Client, applicant: Any, field: str | None = None) -> Any:
    answer = client.post("/v1/preview", json=applicant, params={} if field is None else {"field": field})
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_a_preview_agrees_with_the_decision(client: httpx.Client) -> None:
    for applicant in (GOOD, BAD, {**GOOD, "income": None, "housing": "lodger", "sex": "f", "duration": 3}):
        decided = client.post("/v1/score", json=applicant).json()
        told = preview(client, applicant)
        assert told.pop("curve") is None
        assert told.pop("cut_offs") == {"approve": POLICY.score(0.2), "decline": POLICY.score(0.5)}
        result = decided["results"][0]
        assert told == {
            "recorded": False,
            "would_be": result["decision"],
            **{name: result[name] for name in ("pd", "score", "band")},
            **{name: decided[name] for name in ("model_tag", "model_digest", "policy_version")},
        }


@pytest.mark.parametrize("field", [field.name for field in SCHEMA.scored_fields])
def test_every_point_of_a_curve_is_what_that_applicant_would_get(client: httpx.Client, field: str) -> None:
    points = preview(client, BAD, field)["curve"]["points"]
    applicants = [{**BAD, field: point["value"]} for point in points]
    results = client.post("/v1/score", json=applicants).json()["results"]
    assert [point["pd"] for point in points] == [result["pd"] for result in results]
    assert [point["would_be"] for point in points] == [result["decision"] for result in results]
    assert BAD[field] in [point["value"] for point in points]


def test_a_curve_goes_where_people_are_and_to_the_applicant(client: httpx.Client) -> None:
    def values(applicant: Any, field: str) -> list[Any]:
        return [point["value"] for point in preview(client, applicant, field)["curve"]["points"]]

    missing, *incomes = values(GOOD, "income")
    assert missing is None
    assert incomes == sorted(incomes)
    assert incomes[-1] < 250
    assert len(incomes) <= 62
    assert max(values({**GOOD, "income": 999.5}, "income")[1:]) == 999.5
    assert values(GOOD, "late_payments") == list(range(13))
    assert values(GOOD, "housing") == [None, "rent", "own", "free"]
    assert values(GOOD, "status") == [1, 2]


def test_a_preview_leaves_no_record_and_counts_no_decision(serve: Serve, tmp_path: Path) -> None:
    file = tmp_path / "journal.sqlite"
    client = serve(journal={"file": file})
    client.post("/v1/score", json=GOOD)

    def kept() -> tuple[list[str], int]:
        lines = client.get("/metrics").text.splitlines()
        counts = [line for line in lines if line.startswith(("scoring_api_decisions", "scoring_api_score"))]
        with sqlite3.connect(file) as journal:
            return counts, journal.execute("SELECT count(*) FROM decisions").fetchone()[0]

    before = kept()
    assert before[1] == 1
    preview(client, BAD, "income")
    assert kept() == before


@pytest.mark.parametrize(
    ("sent", "query", "status", "code"),
    [
        ({**GOOD, "status": 3}, "", 422, "invalid_applicant"),
        ([GOOD], "", 422, "invalid_request"),
        (GOOD, "?field=sex", 422, "invalid_request"),
        (GOOD, "?field=", 422, "invalid_request"),
    ],
)
def test_what_a_preview_refuses(client: httpx.Client, sent: Any, query: str, status: int, code: str) -> None:
    answer = client.post(f"/v1/preview{query}", json=sent)
    assert (answer.status_code, answer.json()["code"]) == (status, code)


def test_a_preview_needs_the_role_of_scoring(serve: Serve, tmp_path: Path) -> None:
    keys = {role: new_key(f"client-{role}", role) for role in ("score", "outcomes")}
    file = tmp_path / "keys"
    file.write_text("\n".join(line for _, line in keys.values()))
    client = serve(auth="keys", keys_file=file)
    headers: list[dict[str, str]] = [{}, *({"X-API-Key": key} for key, _ in reversed(keys.values()))]
    asked = [client.post("/v1/preview", json=GOOD, headers=each).status_code for each in headers]
    assert asked == [401, 403, 200]


def test_examples_are_applicants_from_the_lowest_pd_up(client: httpx.Client) -> None:
    examples = client.get("/model/examples").json()
    pds = [example["pd"] for example in examples]
    assert pds == sorted(pds)
    assert {example["would_be"] for example in examples} == {"approve", "refer", "decline"}
    results = client.post("/v1/score", json=[example["applicant"] for example in examples]).json()["results"]
    assert [result["pd"] for result in results] == pytest.approx(pds, abs=1e-6)
    assert [result["score"] for result in results] == [example["score"] for example in examples]
    assert all(len(json.dumps(value)) < 12 for example in examples for value in example["applicant"].values())


def test_the_reference_applicant_is_told_in_short_and_is_the_same(client: httpx.Client, bundle: Bundle) -> None:
    told = client.get("/model").json()["reference_applicant"]
    assert all(len(json.dumps(value)) < 12 for value in told.values())
    (result,) = client.post("/v1/score", json=told).json()["results"]
    assert result["pd"] == pytest.approx(expected_pd([bundle.baseline.reference_applicant])[0], abs=1e-6)
