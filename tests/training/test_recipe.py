import pandas as pd
import pytest
from pydantic import TypeAdapter

from credit_training.recipe import Step, clean


def cleaned(steps, **columns):
    table = pd.DataFrame(columns, dtype=str, index=range(2, 2 + len(next(iter(columns.values())))))
    return clean(table, TypeAdapter(list[Step]).validate_python(steps))


def test_duplicates_are_equal_in_all_but_the_ignored_columns():
    table = cleaned([{"step": "drop_duplicates", "ignoring": ["id"]}], id=["1", "2", "3"], a=["x", "x", "y"])
    assert list(table.index) == [2, 4]


def test_rows_without_an_outcome_are_dropped():
    assert list(cleaned([{"step": "drop_missing", "column": "a"}], a=["1", "", "0"]).index) == [2, 4]


def test_rows_are_kept_between_two_numbers_both_included():
    step = {"step": "keep_between", "column": "a", "minimum": 1, "maximum": 3}
    assert list(cleaned([step], a=["0", "1", "3", "4", ""]).index) == [3, 4]


@pytest.mark.parametrize(
    ("step", "before", "after"),
    [
        ({"step": "blank", "values": ["unknown", "-1"]}, ["unknown", "5", "-1"], ["", "5", ""]),
        ({"step": "blank_outside", "minimum": 0, "maximum": 9}, ["-1", "9", "10"], ["", "9", ""]),
        ({"step": "keep_values", "values": ["Y", "N"]}, ["Y", "T", "N"], ["Y", "", "N"]),
        ({"step": "recode", "values": {"A1": "1", "A9": ""}}, ["A1", "A2", "A9"], ["1", "A2", ""]),
        ({"step": "leading_digits", "digits": 2}, ["722410", "0", ""], ["72", "0", ""]),
        ({"step": "yes_above", "threshold": 1}, ["0", "2", ""], ["no", "yes", ""]),
    ],
)
def test_a_step_changes_its_column(step, before, after):
    table = cleaned([step | {"column": "a"}], a=before, untouched=["p", "q", "r"])
    assert table["a"].tolist() == after
    assert table["untouched"].tolist() == ["p", "q", "r"]


def test_dates_are_rebuilt_from_the_order_of_the_months():
    step = {"step": "dates_from_months", "day": "d", "month": "m", "first_year": 2008, "into": "date"}
    table = cleaned([step], d=["5", "31", "1", "29", "2"], m=["may", "jun", "dec", "feb", "feb"])
    assert table["date"].tolist() == ["2008-05-05", "2008-06-30", "2008-12-01", "2009-02-28", "2009-02-02"]


@pytest.mark.parametrize(
    "step",
    [
        {"step": "keep_between", "minimum": 0, "maximum": 9},
        {"step": "blank_outside", "minimum": 0, "maximum": 9},
        {"step": "yes_above", "threshold": 1},
    ],
)
def test_text_where_a_number_belongs_is_left_for_the_check(step):
    assert cleaned([step | {"column": "a"}], a=["much"])["a"].tolist() == ["much"]


def test_a_month_that_is_none_gives_no_date():
    step = {"step": "dates_from_months", "day": "d", "month": "m", "first_year": 2008, "into": "date"}
    assert cleaned([step], d=["5", "x"], m=["brumaire", "may"])["date"].tolist() == ["", ""]


def test_steps_apply_in_their_order():
    steps = [
        {"step": "blank", "column": "a", "values": ["?"]},
        {"step": "drop_missing", "column": "a"},
    ]
    assert cleaned(steps, a=["?", "1"])["a"].tolist() == ["1"]
