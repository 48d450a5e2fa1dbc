"""Columns of nothing but numbers take a way of their own: never another verdict, never another array."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given, strategies as st

from credit_contract.applicant import encode, problems_of
from credit_contract.schema import FeatureSchema, Field
from scoring_api.batch import Batch, encode_all
from scoring_api.errors import InvalidApplicantError, InvalidRequestError, MalformedBodyError
from scoring_api.reader import Reader

SCHEMA = FeatureSchema(
    dataset="numbers",
    version="v1",
    fields=(
        Field(name="limit", kind="integer", meaning="Limit.", minimum=10, maximum=2_000_000, reason="Limit"),
        Field(
            name="education",
            kind="category",
            meaning="Education.",
            categories=(1, 2, 3),
            aliases={"0": 3, "5": 3},
            reason="Education",
        ),
        Field(name="used", kind="number", meaning="Share used.", minimum=-1, maximum=2.5, reason="Used"),
        Field(name="late", kind="integer", meaning="Months late.", minimum=-2, maximum=8, reason="Late"),
        Field(name="age", kind="integer", meaning="Age.", minimum=18, maximum=100, role="protected"),
    ),
)
READER = Reader(SCHEMA, max_applicants=50)
SCORED = [field.name for field in SCHEMA.scored_fields]
GOOD = {"limit": 50_000, "education": 2, "used": 1, "late": -1}
NUMBERS = st.one_of(
    st.integers(-3, 14),
    st.integers(-(2**70), 2**70),
    st.floats(-3, 12),
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from([0.0, -0.0, 2.0, 2.5, 2**53 + 1, 10**400]),
)
ODD = st.one_of(NUMBERS, st.none(), st.booleans(), st.text(max_size=2), st.lists(NUMBERS, max_size=2))
PERSON = st.fixed_dictionaries(
    {
        "limit": st.integers(10, 2_000_000) | st.integers(10, 9_999).map(float),
        "education": st.sampled_from([0, 1, 2, 3, 5]),
        "used": st.floats(-1, 2.5) | st.integers(-1, 2),
        "late": st.integers(-2, 8),
    }
)
ODD_PERSON = PERSON | st.builds(lambda person, name, odd: {**person, name: odd}, PERSON, st.sampled_from(SCORED), ODD)


def written(columns: list[str], people: list[dict[str, Any]], **also: Any) -> bytes:
    matrix = {"columns": columns, "rows": [[person[name] for name in columns] for person in people], **also}
    return json.dumps(matrix, separators=(",", ":")).encode()


def assert_same_arrays(batch: Batch, people: list[dict[str, Any]]) -> None:
    expected = encode(SCHEMA, people)
    np.testing.assert_array_equal(batch.encoded.numbers.view(np.uint32), expected.numbers.view(np.uint32))
    np.testing.assert_array_equal(batch.encoded.categories, expected.categories)
    assert (batch.encoded.numbers.dtype, batch.encoded.categories.dtype) == (np.float32, np.int64)


@given(st.permutations(SCORED), st.lists(ODD_PERSON, min_size=1, max_size=4))
def test_numbers_are_judged_and_encoded_as_the_contract_does(columns: list[str], people: list[dict[str, Any]]) -> None:
    body = written(columns, people)
    wrong = {(row, p.field, p.code) for row, one in enumerate(people) for p in problems_of(SCHEMA, one)}
    if wrong:
        with pytest.raises(InvalidApplicantError) as refused:
            READER.read(body)
        assert {(p.row, p.field, p.code) for p in refused.value.problems} == wrong
        return
    batch = READER.read(body)
    assert_same_arrays(batch, people)
    assert batch.values() == [{name: one[name] for name in SCORED} for one in people]
    assert (batch.not_scored, batch.monitoring(), len(batch)) == ((), [{}] * len(people), len(people))


@given(st.lists(PERSON, min_size=2, max_size=6), st.data())
def test_batches_are_joined_and_parted_as_they_came(people: list[dict[str, Any]], data: st.DataObject) -> None:
    at = data.draw(st.integers(1, len(people) - 1))
    mixed = [READER.read(written(SCORED, people[:at])), READER.read(json.dumps(people[at:]).encode())]
    alike = [READER.read(written(SCORED, part)) for part in (people[:at], people[at:])]
    places = data.draw(st.lists(st.integers(0, at - 1), min_size=1, max_size=3))
    for batches in (mixed, alike):
        np.testing.assert_array_equal(encode_all(batches).numbers, encode(SCHEMA, people).numbers)
        np.testing.assert_array_equal(encode_all(batches).categories, encode(SCHEMA, people).categories)
        assert_same_arrays(batches[0].part(places), [people[place] for place in places])


@pytest.mark.parametrize(
    "rows",
    [
        "[[50000,2,1,-1],[50000,2,1]]",
        "[[50000,2,1,-1,0],[50000,2,1]]",
        "[[50000,2,1,-1],[50000,2,[1],-1]]",
        "[[50000,2,[1,-1]]]",
        "[[[50000,2],1,-1]]",
        "[50000,[[2],1,-1,50000,2,1,-1]]",
        "[50000,2,1,-1]",
        "[[50000,2,1,-1],{}]",
        "{}",
        "7",
        "[]",
        "[[]]",
    ],
)
def test_what_only_looks_like_rows_is_refused(rows: str) -> None:
    body = written(SCORED, []).replace(b"[]", rows.encode())
    with pytest.raises((InvalidRequestError, InvalidApplicantError)):
        READER.read(body)


@pytest.mark.parametrize(
    "end",
    [b"]", b"]]", b"]]}}", b"]]} x", b',"2"]]}', b",NaN]]}", b",01]]}", b",1.]]}", b",1e999]]}", b"\xff]]}", b",1],]}"],
)
def test_damaged_numbers_are_refused(end: bytes) -> None:
    body = b'{"columns":["limit","education","used","late"],"rows":[[50000,2,1' + end
    with pytest.raises((MalformedBodyError, InvalidApplicantError, InvalidRequestError)):
        READER.read(body)


def test_a_third_key_and_a_key_twice_are_refused_as_before() -> None:
    for also in (b',"rows":[[50000,2,1,-1]]}', b',"columns":["late"]}', b',"more":1}'):
        with pytest.raises((InvalidApplicantError, InvalidRequestError)):
            READER.read(written(SCORED, [{**GOOD, "late": 99}])[:-1] + also)


def test_more_orders_than_are_kept_are_all_read() -> None:
    orders = [[*SCORED[turn:], *SCORED[:turn]] for turn in range(4)] + [[*SCORED[::-1]]]
    for spaces in range(10):
        for columns in orders:
            body = written(columns, [GOOD]).replace(b'{"columns":[', b'{"columns":[' + b" " * spaces)
            assert_same_arrays(READER.read(body), [GOOD])
