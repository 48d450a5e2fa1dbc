"""Parquet files: uploaded and answered with their like, and in bulk by the command `score`."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from credit_contract.bundle import Bundle
from credit_contract.schema import FeatureSchema, Field
from scoring_api.cli import main
from scoring_api.errors import InvalidApplicantError
from scoring_api.parquet import ParquetFile

from .conftest import Serve
from .toy import BAD, GOOD, POLICY, expected_pd

PARQUET = "application/vnd.apache.parquet"
PEOPLE = [GOOD, {**BAD, "income": None, "housing": "lodger"}, {**BAD, "housing": None}]


def parquet(rows: list[dict[str, Any]], **types: pa.DataType) -> bytes:
    table = pa.Table.from_pylist(rows)
    for name, kind in types.items():
        table = table.set_column(table.column_names.index(name), name, table[name].cast(kind))
    stream = BytesIO()
    pq.write_table(table, stream)
    return stream.getvalue()


def upload(client: httpx.Client, content: bytes) -> httpx.Response:
    return client.post("/predict", files={"file": ("people.parquet", content)})


@pytest.mark.parametrize("form", [True, False])
def test_a_parquet_file_is_answered_with_a_parquet_file(client: httpx.Client, bundle: Bundle, form: bool) -> None:
    content = parquet(PEOPLE)
    headers = {"content-type": PARQUET}
    answer = upload(client, content) if form else client.post("/predict", content=content, headers=headers)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == PARQUET
    assert ("people" if form else "applicants") + "-scored.parquet" in answer.headers["content-disposition"]
    rows = pq.read_table(BytesIO(answer.content)).to_pylist()
    assert [row["pd"] for row in rows] == pytest.approx(expected_pd(PEOPLE).tolist(), abs=1e-6)
    assert [row["reason_1"] is not None for row in rows] == [False, True, True]
    assert {(row["model_digest"], row["policy_version"]) for row in rows} == {(bundle.digest, POLICY.version)}
    assert {row["fields_not_scored"] for row in rows} == {None}


def test_an_uploaded_parquet_file_is_recorded(serve: Serve, tmp_path: Path) -> None:
    client = serve(journal={"file": tmp_path / "journal.sqlite"})
    answer = upload(client, parquet([{**BAD, "sex": "f"}]))
    (row,) = pq.read_table(BytesIO(answer.content)).to_pylist()
    assert row["fields_not_scored"] == "sex"
    record = client.get(f"/decisions/{row['id']}").json()
    assert (record["applicant"], record["fields_not_scored"]) == (BAD, ["sex"])


def test_numbers_of_any_type_are_taken(client: httpx.Client) -> None:
    content = parquet(
        PEOPLE, late_payments=pa.float64(), income=pa.decimal128(9, 2), utilisation=pa.float32(), status=pa.float64()
    )
    rows = pq.read_table(BytesIO(upload(client, content).content)).to_pylist()
    assert [row["pd"] for row in rows] == pytest.approx(expected_pd(PEOPLE).tolist(), abs=1e-6)


WRONG: list[tuple[list[dict[str, Any]], int, str]] = [
    ([GOOD, {**GOOD, "utilisation": 5.5}], 422, "utilisation"),
    ([GOOD, {**GOOD, "utilisation": np.nextafter(5, 6)}], 422, "utilisation"),
    ([GOOD, {**GOOD, "utilisation": None}], 422, "utilisation"),
    ([GOOD, {**GOOD, "income": float("nan")}], 422, "income"),
    ([GOOD, {**GOOD, "income": float("inf")}], 422, "income"),
    ([GOOD, {**GOOD, "late_payments": 13}], 422, "late_payments"),
    ([{**GOOD, "late_payments": 1.0}, {**GOOD, "late_payments": 0.5}], 422, "late_payments"),
    ([GOOD, {**GOOD, "housing": "castle"}], 422, "housing"),
    ([GOOD, {**GOOD, "status": 3}], 422, "status"),
    ([{**GOOD, "status": 1.0}, {**GOOD, "status": 1.5}], 422, "status"),
    ([GOOD, {**GOOD, "status": None}], 422, "status"),
]


@pytest.mark.parametrize(("rows", "status", "column"), WRONG)
def test_a_value_that_the_schema_refuses_is_named(
    client: httpx.Client,
    bundle: Bundle,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    rows: list[dict[str, Any]],
    status: int,
    column: str,
) -> None:
    content = parquet(rows)
    answer = upload(client, content)
    assert (answer.status_code, answer.json()["problems"][0]["path"]) == (status, f"/1/{column}")
    file, out = tmp_path / "people.parquet", tmp_path / "out.parquet"
    file.write_bytes(content)
    assert score(file, bundle, "--out", str(out)) == 2
    told = capsys.readouterr().err
    assert told.startswith(f"scoring-api: {file}: column {column}, row 1: ")
    assert told.endswith(f", expected {answer.json()['problems'][0]['expected']}\n")
    assert [path.name for path in tmp_path.iterdir()] == ["people.parquet"]


@pytest.mark.parametrize(
    ("content", "status", "words"),
    [
        (b"", 400, "not Parquet"),
        (b"PAR1 and no more", 400, "not Parquet"),
        (parquet([GOOD])[:-9], 400, "not Parquet"),
        (parquet([GOOD])[:4] + bytes(200) + parquet([GOOD])[204:], 400, "not Parquet"),
        (parquet([{**GOOD, "city": "x"}]), 422, "city is no field"),
        (parquet([{"late_payments": 1}]), 422, "utilisation is missing"),
        (parquet([{**GOOD, "utilisation": "0.5"}]), 422, "utilisation: holds varchar, expected a number"),
        (parquet([{**GOOD, "status": True}]), 422, "status: holds boolean"),
        (parquet([GOOD] * 51), 413, "at most 50"),
    ],
)
def test_a_file_that_cannot_be_read_is_refused(serve: Serve, content: bytes, status: int, words: str) -> None:
    answer = upload(serve(limits={"max_file_applicants": 50}), content)
    assert (answer.status_code, words in answer.json()["detail"]) == (status, True), answer.text


def test_text_that_grows_when_it_is_read_is_refused_with_its_row(client: httpx.Client) -> None:
    rows = [GOOD] * 9 + [{**GOOD, "housing": "x" * 4_000_000}] * 90
    answer = upload(client, parquet(rows))
    assert (answer.status_code, answer.json()["problems"][0]["path"]) == (422, "/9/housing")


@pytest.mark.parametrize("limit", [2**24 - 1, 2**24, 2**40])
def test_an_integer_is_held_to_its_bound_to_the_last_digit(tmp_path: Path, limit: int) -> None:
    amount = Field(name="amount", kind="integer", meaning="Amount.", minimum=0, maximum=limit, reason="Amount")
    for value, refused in ((limit, []), (limit + 1, [(1, "amount", "range")])):
        path = tmp_path / f"{value}.parquet"
        path.write_bytes(parquet([{"amount": 7}, {"amount": value}]))
        found = ParquetFile(path, FeatureSchema(dataset="amounts", version="v1", fields=(amount,))).windows()
        if refused:
            with pytest.raises(InvalidApplicantError) as error:
                next(found)
            assert [(p.row, p.field, p.code) for p in error.value.problems] == refused
        else:
            assert next(found).numbers.tolist() == [[7], [np.float32(limit)]]


def test_outcomes_are_not_taken_as_parquet(client: httpx.Client) -> None:
    assert client.post("/outcomes", files={"file": ("outcomes.parquet", b"PAR1")}).status_code == 415


def score(file: Path, bundle: Bundle, *more: str) -> int:
    with pytest.raises(SystemExit) as ended:
        main(["score", str(file), "--bundle", str(bundle.path), *more])
    return int(ended.value.code or 0)


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[dict[str, Any]]]:
    """More applicants than are read at once, all different, and the optional column of one field left out."""
    rng = np.random.default_rng(3)
    count = 123_457
    columns = {
        "late_payments": pa.array(rng.integers(0, 13, count), pa.int16()),
        "income": pa.array(rng.random(count) * 1000, mask=rng.random(count) < 0.1),
        "utilisation": pa.array(rng.random(count) * 6 - 1, pa.float32()),
        "status": pa.array(rng.integers(1, 3, count)),
        "sex": pa.array(np.where(rng.random(count) < 0.5, "f", "m")),
    }
    file = tmp_path_factory.mktemp("bulk") / "people.parquet"
    table = pa.table(columns)
    pq.write_table(table, file, row_group_size=50_000)
    return file, table.drop_columns("sex").to_pylist()


def test_the_command_scores_every_applicant_in_order(
    many: tuple[Path, list[dict[str, Any]]], bundle: Bundle, capsys: pytest.CaptureFixture[str]
) -> None:
    file, people = many
    assert score(file, bundle) == 0
    out = file.with_name("people-scored.parquet")
    told = capsys.readouterr()
    assert told.out.startswith(f"123,457 applicants scored by model {bundle.digest[:12]}: approve ")
    assert told.err == ""
    scored = pq.read_table(out)
    pd = scored["pd"].to_numpy().astype(np.float64)
    np.testing.assert_allclose(pd, expected_pd(people), atol=1e-6)
    assert scored["score"].to_pylist() == POLICY.scores(pd).tolist()
    assert scored["decision"].to_pylist() == [POLICY.decide(one) for one in pd.tolist()]
    assert scored["band"].to_pylist() == [POLICY.band(one) for one in pd.tolist()]
    assert scored.schema.metadata[b"model_digest"].decode() == bundle.digest


def test_a_result_may_have_any_name_in_any_folder(bundle: Bundle, tmp_path: Path) -> None:
    file, folder = tmp_path / "people.parquet", tmp_path / "it's [all] *"
    file.write_bytes(parquet(PEOPLE))
    folder.mkdir()
    out = folder / "o[u]t?.parquet"
    assert score(file, bundle, "--out", str(out)) == 0
    assert pq.ParquetFile(out).metadata.num_rows == len(PEOPLE)
    assert list(folder.iterdir()) == [out]


@pytest.mark.parametrize(
    ("name", "more", "words"),
    [
        ("absent.parquet", [], "absent.parquet: there is no such file"),
        ("torn.parquet", [], "torn.parquet: the file is not Parquet"),
        ("empty.parquet", [], "empty.parquet: the file holds no applicants"),
        ("good.parquet", ["--out", "nowhere/out.parquet"], "nowhere/out.parquet: No such file or directory"),
    ],
)
def test_a_file_that_the_command_cannot_use_is_one_line(
    bundle: Bundle, tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, more: list[str], words: str
) -> None:
    (tmp_path / "torn.parquet").write_bytes(b"PAR1")
    (tmp_path / "good.parquet").write_bytes(parquet(PEOPLE))
    pq.write_table(pa.Table.from_pylist(PEOPLE).slice(0, 0), tmp_path / "empty.parquet")
    assert score(tmp_path / name, bundle, *more) == 2
    told = capsys.readouterr().err
    assert words in told
    assert told.count("\n") == 1
