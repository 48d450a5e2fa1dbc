import math

import numpy as np
import pytest
from hypothesis import given, strategies as st

from credit_contract.applicant import MAX_PROBLEMS, check, decode, encode, expectation, from_text, problems_of
from credit_contract.errors import ApplicantError
from credit_contract.schema import Field

GOOD = {"income": 1200.5, "job": "a", "debts": 2}


@pytest.mark.parametrize(
    ("changes", "field", "code"),
    [
        ({"income": None}, "income", "null"),
        ({"income": "1200"}, "income", "type"),
        ({"income": True}, "income", "type"),
        ({"income": math.nan}, "income", "not_finite"),
        ({"income": math.inf}, "income", "not_finite"),
        ({"income": -0.01}, "income", "range"),
        ({"income": 10**400}, "income", "range"),
        ({"debts": 1.5}, "debts", "type"),
        ({"debts": 51}, "debts", "range"),
        ({"job": "q"}, "job", "category"),
        ({"job": 1}, "job", "type"),
        ({"age": 17}, "age", "range"),
        ({"colour": "red"}, "colour", "unknown_field"),
    ],
)
def test_each_fault_is_named_with_its_field(schema, changes, field, code):
    found = problems_of(schema, GOOD | changes)
    assert [(problem.field, problem.code) for problem in found] == [(field, code)]


def test_a_required_field_may_not_be_absent_and_an_optional_or_unscored_one_may(schema):
    assert [p.code for p in problems_of(schema, {"job": "a"})] == ["missing"]
    assert problems_of(schema, {"income": 1, "job": "a"}) == []
    assert problems_of(schema, GOOD | {"debts": None, "age": None}) == []


def test_the_error_counts_rows_and_never_shows_the_value(schema):
    with pytest.raises(ApplicantError) as caught:
        check(schema, [GOOD, GOOD | {"income": 987654321}])
    assert "row 1, field income" in str(caught.value)
    assert "987654321" not in str(caught.value)


def test_encoding_puts_missing_and_aliases_where_the_graph_expects_them(schema):
    encoded = encode(schema, [GOOD | {"job": "z"}, {"income": 1, "job": "b"}])
    assert encoded.numbers[0].tolist() == [1200.5, 2.0]
    assert math.isnan(encoded.numbers[1, 1])
    assert encoded.categories.tolist() == [[3], [2]]


applicants = st.fixed_dictionaries(
    {"income": st.floats(0, 1e6, width=32), "job": st.sampled_from("abc")},
    optional={"debts": st.none() | st.integers(0, 50)},
)


@given(people=st.lists(applicants, min_size=1, max_size=5))
def test_what_was_encoded_can_be_decoded(schema, people):
    back = decode(schema, encode(schema, people))
    assert back == [{"debts": None, **person} for person in people]
    assert encode(schema, back).categories.dtype == np.int64


def test_text_is_read_by_the_fields_kind_and_what_cannot_be_read_is_refused(schema):
    rows = from_text(
        schema, [{"income": "12.5", "job": "a", "debts": ""}, {"income": "much", "job": "q", "debts": "1"}]
    )
    assert rows[0] == {"income": 12.5, "job": "a", "debts": None}
    assert {(p.field, p.code) for p in problems_of(schema, rows[1])} == {("income", "type"), ("job", "category")}


def test_of_unknown_fields_no_more_are_told_than_of_all_applicants_together(schema):
    found = problems_of(schema, {f"field{number}": 1 for number in range(10 * MAX_PROBLEMS)})
    assert [p.code for p in found] == ["unknown_field"] * MAX_PROBLEMS + ["missing"] * 2


@pytest.mark.parametrize("text", ["1_000", " 12", "12 ", "nan", "inf", "1e", "0x10", "١٢", "1,5"])
def test_text_that_only_python_takes_for_a_number_is_refused(schema, text):
    (row,) = from_text(schema, [{"income": text, "job": "a"}])
    assert [(p.field, p.code) for p in problems_of(schema, row)] == [("income", "type")]


@pytest.mark.parametrize("text", ["12", "+12.", ".5", "1e3", "1.5E-2", "0012"])
def test_numbers_as_files_have_them_are_read(schema, text):
    (row,) = from_text(schema, [{"income": text, "job": "a"}])
    assert row["income"] == float(text)
    assert problems_of(schema, row) == []


def test_what_is_expected_is_told_to_the_last_digit():
    limit = Field(name="limit", kind="integer", meaning="Limit.", minimum=0, maximum=12_345_678, reason="Limit")
    assert expectation(limit) == "an integer from 0 to 12345678"
