"""The decoders against the contract's own check and against pydantic: never another verdict, never another array."""

from __future__ import annotations

import json
import math
from typing import Annotated, Any, Literal

import numpy as np
import pydantic
import pytest
from hypothesis import given, strategies as st

from credit_contract.applicant import encode, problems_of
from credit_contract.schema import Field
from scoring_api.batch import Batch
from scoring_api.errors import InvalidApplicantError, InvalidRequestError, MalformedBodyError, TooManyApplicantsError
from scoring_api.reader import Reader

from .toy import BAD, GOOD, SCHEMA

READER = Reader(SCHEMA, max_applicants=50)

ODD = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 14),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from(["rent", "own", "lodger", "castle", "", "1", "0.5", "f", "x", "é\x00"]),
    st.lists(st.integers(), max_size=2),
    st.dictionaries(st.sampled_from(["sex", "age"]), st.sampled_from(["f", "m", "x", None, 1]), max_size=2),
)
RIGHT = {
    "late_payments": st.one_of(st.integers(0, 12), st.integers(0, 12).map(float)),
    "income": st.one_of(st.none(), st.floats(0, 1000), st.integers(0, 1000)),
    "utilisation": st.one_of(st.floats(-1, 5), st.integers(-1, 5)),
    "housing": st.sampled_from(["rent", "own", "free", "lodger", None]),
    "status": st.sampled_from([1, 2]),
}
ALSO = {
    "sex": st.sampled_from(["f", "m", None]),
    "duration": st.floats(0, 10_000),
    "monitoring_attributes": st.fixed_dictionaries({}, optional={"sex": st.sampled_from(["f", "m", None])}),
}
PERSON = st.fixed_dictionaries(RIGHT, optional=ALSO)
ODD_PERSON = st.one_of(
    st.builds(
        lambda person, name, value: {**person, name: value}, PERSON, st.sampled_from([*RIGHT, *ALSO, "city"]), ODD
    ),
    st.builds(lambda person, gone: {k: v for k, v in person.items() if k != gone}, PERSON, st.sampled_from([*RIGHT])),
    PERSON,
)


def faults(person: dict[str, Any]) -> set[tuple[str, str]]:
    """What the contract says, and what it cannot know: monitoring attributes are protected fields."""
    found = {
        (p.field, p.code)
        for p in problems_of(SCHEMA, {k: v for k, v in person.items() if k != "monitoring_attributes"})
    }
    attributes = person.get("monitoring_attributes", {})
    if not isinstance(attributes, dict):
        return found | {("monitoring_attributes", "type")}
    wrong = problems_of(SCHEMA, {**GOOD, **{k: v for k, v in attributes.items() if k == "sex"}})
    found |= {(f"monitoring_attributes/{p.field}", p.code) for p in wrong}
    return found | {(f"monitoring_attributes/{k}", "unknown_field") for k in attributes if k != "sex"}


def assert_same_arrays(batch: Batch, people: list[dict[str, Any]]) -> None:
    expected = encode(SCHEMA, people)
    np.testing.assert_array_equal(batch.encoded.numbers, expected.numbers)
    np.testing.assert_array_equal(batch.encoded.categories, expected.categories)
    assert batch.encoded.numbers.dtype == np.float32
    assert batch.encoded.categories.dtype == np.int64


@given(ODD_PERSON)
def test_one_applicant_is_judged_as_the_contract_does(person: dict[str, Any]) -> None:
    expected = faults(person)
    body = json.dumps(person).encode()
    if expected:
        with pytest.raises(InvalidApplicantError) as refused:
            READER.read(body)
        assert {(p.field, p.code) for p in refused.value.problems} == expected
    else:
        assert_same_arrays(READER.read(body), [person])


@given(st.lists(ODD_PERSON, min_size=1, max_size=5))
def test_a_list_is_judged_as_the_contract_does(people: list[dict[str, Any]]) -> None:
    wrong = {(row, *fault) for row, person in enumerate(people) for fault in faults(person)}
    body = json.dumps(people).encode()
    if wrong:
        with pytest.raises(InvalidApplicantError) as refused:
            READER.read(body)
        assert {(p.row, p.field, p.code) for p in refused.value.problems} == wrong
    else:
        assert_same_arrays(READER.read(body), people)


STRICT = pydantic.ConfigDict(extra="forbid")


def whole(number: float) -> float:
    assert number.is_integer()
    return number


def taken(field: Field) -> Any:
    """The type of a value that is there."""
    if field.kind == "category":
        known = Literal[(*field.categories, *field.aliases)]
        if isinstance(field.categories[0], str):
            return known
        known_whole = pydantic.AfterValidator(
            pydantic.TypeAdapter(known).validate_python
        )  # alone it takes true and 1.0
        return Annotated[int, pydantic.Field(strict=True), known_whole]
    low, high = field.bounds
    number = Annotated[float, pydantic.Field(strict=True, ge=low, le=high, allow_inf_nan=False)]
    return Annotated[number, pydantic.AfterValidator(whole)] if field.kind == "integer" else number


def declared() -> type[pydantic.BaseModel]:
    """An applicant as a plain FastAPI service would declare it: the schema's words, none of the contract's checks."""
    members: dict[str, Any] = {
        field.name: (taken(field), ...) if field.role == "used" and not field.optional else (taken(field) | None, None)
        for field in SCHEMA.fields
    }
    protected = {field.name: members[field.name] for field in SCHEMA.fields if field.role == "protected"}
    attributes = pydantic.create_model("Attributes", __config__=STRICT, **protected)
    members["monitoring_attributes"] = (attributes, attributes())
    return pydantic.create_model("Applicant", __config__=STRICT, **members)


ORACLE = pydantic.TypeAdapter(declared())


def assert_judged_as_pydantic_does(person: dict[str, Any]) -> None:
    body = json.dumps(person)
    for asked in (body, f"[{body}]"):
        try:
            expected = ORACLE.validate_json(body)
        except pydantic.ValidationError as error:
            with pytest.raises(InvalidApplicantError) as refused:
                READER.read(asked.encode())
            wrong = {str(fault["loc"][0]) for fault in error.errors()}
            assert {problem.field.partition("/")[0] for problem in refused.value.problems} == wrong
        else:
            assert_same_arrays(READER.read(asked.encode()), [expected.model_dump()])


@given(ODD_PERSON)
def test_an_applicant_is_judged_as_a_strict_pydantic_model_does(person: dict[str, Any]) -> None:
    assert_judged_as_pydantic_does(person)


@pytest.mark.parametrize("name", [*RIGHT, *ALSO])
def test_a_slippery_value_is_judged_as_a_strict_pydantic_model_does(name: str) -> None:
    for value in (True, 1.0, 2.0, 11.5, 13, -0.0, 5e-324, math.nan, math.inf, 2**64, 10**400, "2", None, {}):
        assert_judged_as_pydantic_does({**GOOD, name: value})


PEOPLE = st.lists(st.fixed_dictionaries(RIGHT), min_size=1, max_size=5)


def matrix_body(columns: list[str], people: list[dict[str, Any]]) -> bytes:
    matrix = {"columns": columns, "rows": [[person[name] for name in columns] for person in people]}
    return json.dumps(matrix, separators=(",", ":")).encode()


@given(PEOPLE, st.permutations([*RIGHT]), st.sampled_from([b"", b" "]))
def test_columns_and_rows_in_any_order_are_the_same_applicants(
    people: list[dict[str, Any]], columns: list[str], space: bytes
) -> None:
    batch = READER.read(space + matrix_body(columns, people))
    assert batch.form == "columns"
    assert_same_arrays(batch, people)


WHOLE = st.lists(st.fixed_dictionaries(RIGHT | ALSO), min_size=1, max_size=5)


@given(WHOLE, st.permutations([*RIGHT, *ALSO]))
def test_columns_may_hold_what_is_not_scored_too(people: list[dict[str, Any]], columns: list[str]) -> None:
    batch = READER.read(matrix_body(columns, people))
    assert_same_arrays(batch, people)
    assert (batch.form, batch.not_scored) == ("columns", ("sex", "duration"))
    assert batch.values() == [{name: person[name] for name in RIGHT} for person in people]
    sexes = [{"sex": person["sex"], **person["monitoring_attributes"]}["sex"] for person in people]
    assert batch.monitoring() == [{"sex": sex} if sex is not None else {} for sex in sexes]


OTHERS = {"sex": None, "duration": 3.5, "monitoring_attributes": {"sex": "f"}}


@given(st.permutations([*RIGHT, *ALSO]), st.sampled_from([*RIGHT, *ALSO]), ODD)
def test_a_wrong_value_in_a_matrix_is_judged_as_elsewhere(columns: list[str], name: str, value: Any) -> None:
    person = {**GOOD, **OTHERS, name: value}
    body = json.dumps(
        {"columns": columns, "rows": [[person[name] for name in columns]]}, separators=(",", ":")
    ).encode()
    if expected := faults(person):
        with pytest.raises(InvalidApplicantError) as refused:
            READER.read(body)
        assert {(p.field, p.code) for p in refused.value.problems} == expected
    else:
        assert_same_arrays(READER.read(body), [person])


@pytest.mark.parametrize(
    "matrix",
    [
        {"columns": ["status"], "rows": 3},
        {"columns": "status", "rows": []},
        {"columns": ["status", 3], "rows": []},
        {"columns": [*GOOD], "rows": [[*GOOD.values()], [1]]},
        {"columns": [*GOOD, "status"], "rows": [[*GOOD.values(), 1]]},
        {"columns": [*GOOD], "rows": []},
    ],
)
def test_a_crooked_matrix_is_refused(matrix: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequestError):
        READER.read(json.dumps(matrix, separators=(",", ":")).encode())


def test_an_optional_column_may_be_left_out_of_a_matrix() -> None:
    columns = ["late_payments", "utilisation", "status"]
    batch = READER.read(matrix_body(columns, [BAD]))
    assert_same_arrays(batch, [{name: BAD[name] for name in columns}])


@given(st.binary(max_size=40))
def test_any_bytes_are_read_or_refused_with_a_reason(body: bytes) -> None:
    with pytest.raises((MalformedBodyError, InvalidApplicantError, InvalidRequestError)):
        READER.read(body)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"  \n",
        b"{",
        b'{"late_payments": Nan}',
        b'{"late_payments": NaN, "\\ud800": 1}',
        b'{"late_payments": ' + b"9" * 5_000 + b"}",
        b'{"income": "\xff"}',
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b'[{"late_payments":' + b"[" * 50_000,
    ],
)
def test_what_is_no_json_is_malformed(body: bytes) -> None:
    with pytest.raises(MalformedBodyError):
        READER.read(body)


def test_an_escape_beside_a_number_that_is_none_hides_no_field() -> None:
    with pytest.raises(InvalidApplicantError) as refused:
        READER.read(b'{"late_payments": NaN, "utilisation": 0.5, "status": "\\u0031"}')
    assert "late_payments" in {problem.field for problem in refused.value.problems}


@pytest.mark.parametrize("name", ["late_payments", "income", "housing", "sex", "duration", "monitoring_attributes"])
@pytest.mark.parametrize("number", ["NaN", "-Infinity", "1e999", "9" * 400])
def test_a_number_that_is_none_is_refused_by_its_field(name: str, number: str) -> None:
    body = json.dumps({**GOOD, name: "?"}).replace('"?"', number)
    for asked in (body, f"[{body}]"):
        with pytest.raises(InvalidApplicantError) as refused:
            READER.read(asked.encode())
        assert [problem.field for problem in refused.value.problems] == [name]


def test_too_many_and_none_are_refused() -> None:
    with pytest.raises(TooManyApplicantsError):
        READER.read(json.dumps([GOOD] * 51).encode())
    with pytest.raises(InvalidRequestError, match="empty"):
        READER.read(b"[]")


def test_what_is_recorded_is_what_was_sent() -> None:
    person = {**BAD, "housing": "lodger", "duration": 3.5, "sex": "f"}
    body = json.dumps([person, {**GOOD, "monitoring_attributes": {"sex": "m"}}]).encode()
    batch = READER.read(body)
    assert batch.not_scored == ("sex", "duration")
    assert batch.values() == [{**BAD, "housing": "lodger"}, GOOD]
    assert batch.monitoring() == [{"sex": "f"}, {"sex": "m"}]
