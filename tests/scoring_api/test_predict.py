"""POST /predict: JSON gets JSON, a file gets a file."""

from __future__ import annotations

import csv
import io

import httpx
import pytest

from credit_contract.bundle import Bundle

from .toy import BAD, GOOD, POLICY, expected_pd

HEADER = "late_payments,income,utilisation,housing,status"


def test_one_applicant_gets_its_pd_and_what_the_policy_makes_of_it(client: httpx.Client, bundle: Bundle) -> None:
    answer = client.post("/predict", json=GOOD)
    assert answer.status_code == 200
    told = answer.json()
    assert (told["model_tag"], told["model_digest"], told["policy_version"]) == ("toy-1", bundle.digest, "2026-01")
    (result,) = told["results"]
    assert result["pd"] == pytest.approx(expected_pd([GOOD])[0], abs=1e-6)
    assert result["score"] == POLICY.score(result["pd"])
    assert (result["decision"], result["band"], result["reasons"]) == ("approve", "A", [])


def test_a_list_is_answered_in_its_order(client: httpx.Client) -> None:
    results = client.post("/predict", json=[BAD, GOOD, BAD]).json()["results"]
    assert [result["decision"] for result in results] == ["decline", "approve", "decline"]


@pytest.mark.parametrize("form", [True, False])
def test_a_csv_file_is_answered_with_a_csv_file(client: httpx.Client, form: bool) -> None:
    content = f"{HEADER}\n0,90,0.1,own,1\n6,,1.4,lodger,2\n".encode()
    answer = (
        client.post("/predict", files={"file": ("people.csv", content)})
        if form
        else client.post("/predict", content=content, headers={"content-type": "text/csv"})
    )
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/csv")
    assert ("people-scored.csv" if form else "applicants-scored.csv") in answer.headers["content-disposition"]
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    people = [GOOD, {**BAD, "income": None, "housing": "lodger"}]
    assert [float(row["pd"]) for row in rows] == pytest.approx(expected_pd(people).tolist(), abs=1e-6)
    assert [row["reason_1"] != "" for row in rows] == [False, True]


def test_a_csv_file_says_what_answered_and_what_it_left_out(client: httpx.Client, bundle: Bundle) -> None:
    for more, value, left_out in (("", "", ""), (",duration,sex", ",30,f", "sex duration")):
        content = f"{HEADER}{more}\n0,90,0.1,own,1{value}\n".encode()
        answer = client.post("/predict", files={"file": ("people.csv", content)})
        (row,) = csv.DictReader(io.StringIO(answer.text))
        told = (row["model_tag"], row["model_digest"], row["policy_version"], row["fields_not_scored"])
        assert told == ("toy-1", bundle.digest, POLICY.version, left_out)


@pytest.mark.parametrize(
    ("content", "status", "words"),
    [
        (b"", 400, "no header"),
        (b"\xff\xfe\x00", 400, "UTF-8"),
        (f"{HEADER}\n".encode(), 422, "empty"),
        (f"{HEADER},income\n".encode(), 400, "income occurs twice"),
        (f"{HEADER}\n1,2,3\n".encode(), 400, "row 0: 3 cells"),
        (b"late_payments\n1\n", 422, "utilisation is missing"),
        (f"{HEADER},city\n".encode(), 422, "city is no field"),
        (f"{HEADER}\n1,many,0.5,own,1\n".encode(), 422, "income: type"),
        (f"{HEADER}\n1,nan,0.5,own,1\n".encode(), 422, "income: type"),
        (f'{HEADER}\n1,2,0.5,"own,1\n'.encode(), 400, "line 2: a quote"),
        (f'{HEADER}\n1,2,0.5,"own"x,1\n'.encode(), 400, "not CSV: line 2"),
        (f"{HEADER}\n{'12,' * 30_000}\n".encode(), 400, "line 2: longer than 65,536"),
    ],
)
def test_a_damaged_file_is_refused_with_the_place(
    client: httpx.Client, content: bytes, status: int, words: str
) -> None:
    answer = client.post("/predict", files={"file": ("people.csv", content)})
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert words in answer.json()["detail"]


@pytest.mark.parametrize("kinds", [["application/json"], ["text/csv", "application/json"], ["application/json", ""]])
def test_only_files_may_be_as_large_as_files(client: httpx.Client, kinds: list[str]) -> None:
    headers = [("content-type", kind) for kind in kinds]
    answer = client.post("/predict", content=b"[" + b" " * 5_000_000 + b"]", headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")


def test_a_file_may_come_as_a_plain_field_of_a_form(client: httpx.Client) -> None:
    content = f"{HEADER}\n0,90,0.1,own,1\n"
    answer = client.post("/predict", files={"file": (None, content)})
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/csv")


def test_only_forms_that_can_be_read_are_taken(client: httpx.Client) -> None:
    assert client.post("/predict", content=b"hello", headers={"content-type": "text/plain"}).status_code == 415
    assert client.post("/predict", files={"file": ("people.xlsx", b"PK")}).status_code == 415
    assert client.post("/predict", files={"other": ("people.csv", b"a\n")}).status_code == 422


@pytest.mark.parametrize("charset", ["unicode_escape", "undefined"])
def test_a_form_in_a_charset_that_gives_no_text_is_refused(client: httpx.Client, charset: str) -> None:
    content = b'--x\r\nContent-Disposition: form-data; name="file"\r\n\r\n\\ud800\r\n--x--\r\n'
    headers = {"content-type": f"multipart/form-data; boundary=x; charset={charset}"}
    answer = client.post("/predict", content=content, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (400, "malformed_body")
