"""What is too much is refused before it is built: no body takes many times its size."""

from __future__ import annotations

import tracemalloc
from io import BytesIO
from typing import Any

import httpx
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from .toy import GOOD

JSON, CSV = "application/json", "text/csv"
TIMES = 40
"""JSON's own smallest objects, before anything is made of them, take 24 bytes for each of theirs."""
HEADER = ",".join(GOOD).encode()


def listed(row: bytes, count: int) -> bytes:
    return b"[" + b",".join([row] * count) + b"]"


def answered(client: httpx.Client, path: str, content: bytes, media_type: str) -> tuple[httpx.Response, int]:
    """The answer, and the most memory that this process, which is client and server, took meanwhile."""
    tracemalloc.start()
    try:
        answer = client.post(path, content=content, headers={"content-type": media_type}, timeout=30)
        return answer, tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


BODIES: list[tuple[str, str, bytes]] = [
    ("/predict", CSV, HEADER + b"\n" + b",,,,\n" * 100_000),
    ("/v1/score", JSON, b'{"columns":["status"],"rows":' + listed(b"[1]", 100_000) + b"}"),
    ("/v1/score", JSON, b'{"rows":' + listed(b"[]", 100_000) + b',"columns":[]}'),
    ("/v1/score", JSON, listed(b"{}", 100_000)),
]


@pytest.mark.parametrize(("path", "media_type", "content"), BODIES)
def test_too_many_applicants_are_refused_before_they_are_built(
    client: httpx.Client, path: str, media_type: str, content: bytes
) -> None:
    answer, peak = answered(client, path, content, media_type)
    assert (answer.status_code, answer.json()["code"]) == (413, "too_many_applicants")
    assert peak < TIMES * len(content)


def test_what_comes_after_too_many_rows_is_not_looked_at(client: httpx.Client) -> None:
    row = ",".join(map(str, GOOD.values())).encode()
    content = b"\n".join([HEADER, *[row] * 20_001, b"neither,a row"])
    answer = client.post("/predict", content=content, headers={"content-type": CSV})
    assert (answer.status_code, answer.json()["code"]) == (413, "too_many_applicants")


def footer_says(rows: int, content: bytes) -> bytes:
    """A Parquet file whose footer says so many rows in as many bytes of a varint as the truth takes."""
    size = int.from_bytes(content[-8:-4], "little")
    told = pq.ParquetFile(BytesIO(content)).metadata.num_rows
    digits = (2 * told).bit_length() // 7 + 1
    true, false = (bytes(2 * n >> 7 * at & 127 | 128 * (at < digits - 1) for at in range(digits)) for n in (told, rows))
    return content[: -8 - size] + content[-8 - size :].replace(b"\x16" + true, b"\x16" + false, 1)


def test_a_parquet_file_is_not_believed_to_be_smaller_than_it_is(client: httpx.Client) -> None:
    people = pa.table({name: pa.array([value]).take(pa.array([0] * 100_000)) for name, value in GOOD.items()})
    stream = BytesIO()
    pq.write_table(people, stream)
    content = footer_says(1, stream.getvalue())
    assert pq.ParquetFile(BytesIO(content)).metadata.num_rows == 1
    answer, peak = answered(client, "/predict", content, "application/vnd.apache.parquet")
    assert (answer.status_code, answer.json()["code"]) == (400, "malformed_body")
    assert "100,000" in answer.json()["detail"]
    assert peak < 5_000_000


OUTCOMES: list[tuple[str, bytes]] = [
    (JSON, listed(b"{}", 100_000)),
    (CSV, b"decision_id,outcome,date\n" + b",,\n" * 100_000),
]


@pytest.mark.parametrize(("media_type", "content"), OUTCOMES)
def test_wrong_outcomes_are_looked_at_until_a_hundred_problems_are_found(
    client: httpx.Client, media_type: str, content: bytes
) -> None:
    answer, peak = answered(client, "/outcomes", content, media_type)
    assert (answer.status_code, len(answer.json()["problems"])) == (422, 100)
    assert peak < TIMES * len(content)


def fields(count: int) -> dict[str, Any]:
    return {f"field{number}": 1 for number in range(count)}


@pytest.mark.parametrize(
    "body",
    [{**GOOD, **fields(300)}, {**GOOD, "monitoring_attributes": fields(300)}, [{**GOOD, **fields(60)}] * 2],
)
def test_a_hundred_problems_are_told(client: httpx.Client, body: Any) -> None:
    answer = client.post("/v1/score", json=body)
    assert (answer.status_code, len(answer.json()["problems"])) == (422, 100)
