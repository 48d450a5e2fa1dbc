from datetime import date

import pytest

from scoring_api.errors import ConflictError, InvalidOutcomeError
from scoring_api.journal import Outcome
from scoring_api.journal.outcomes import parse_outcomes

TODAY = date(2026, 6, 30)
ROW = {"decision_id": "d1", "outcome": "paid", "date": "2026-06-01"}


def test_an_outcome_is_recorded_once_however_often_it_is_told(using, url, entry):
    told = Outcome("d1", defaulted=True, date="2026-06-01")

    async def work(journal):
        await journal.record([entry("d1")], None)
        unknown = [await journal.add_outcomes([told]), await journal.add_outcomes([told, told])]
        return unknown, (await journal.find("d1"))["outcome"]

    assert using(work, url) == ([[], []], {"outcome": "defaulted", "happened_on": "2026-06-01"})


def test_unknown_decisions_come_back_and_the_others_are_recorded(using, url, entry):
    told = [Outcome(name, defaulted=False, date="2026-06-01") for name in ("d0", "d1", "d9")]

    async def work(journal):
        await journal.record([entry("d1")], None)
        return await journal.add_outcomes(told), (await journal.find("d1"))["outcome"]["outcome"]

    assert using(work, url) == (["d0", "d9"], "paid")


@pytest.mark.parametrize("other", [Outcome("d1", True, "2026-06-01"), Outcome("d1", False, "2026-06-02")])
def test_a_contradiction_is_refused_and_nothing_of_the_file_is_recorded(using, url, entry, other):
    first = Outcome("d1", defaulted=False, date="2026-06-01")

    async def work(journal):
        await journal.record([entry("d1"), entry("d2"), entry("d3")], None)
        await journal.add_outcomes([first])
        for told in ([Outcome("d2", False, "2026-06-01"), other], [Outcome("d3", True, "2026-06-01"), first, other]):
            with pytest.raises(ConflictError, match="d1"):
                await journal.add_outcomes(told)
        return [(await journal.find(name))["outcome"] for name in ("d1", "d2", "d3")]

    assert using(work, url) == [{"outcome": "paid", "happened_on": "2026-06-01"}, None, None]


def test_every_early_outcome_of_a_file_is_named_and_nothing_is_recorded(using, url, entry):
    days = ["2026-06-01"] * 600 + ["2026-01-29", "2026-01-30"]

    async def work(journal):
        await journal.record([entry(f"d{number}", time="2026-01-31T02:00:00.000001Z") for number in range(602)], None)
        with pytest.raises(InvalidOutcomeError) as refused:
            await journal.add_outcomes([Outcome(f"d{n}", False, day) for n, day in enumerate(days)])
        return [(p.row, p.field, p.code) for p in refused.value.problems], (await journal.find("d0"))["outcome"]

    assert using(work, url) == ([(600, "date", "range")], None)


def test_a_file_of_thousands_is_taken_whole(using, url, entry):
    async def work(journal):
        await journal.record([entry(f"d{number}") for number in range(1_500)], None)
        return await journal.add_outcomes([Outcome(f"d{n}", n % 7 == 0, "2026-06-01") for n in range(1_501)])

    assert using(work, url) == ["d1500"]


def test_rows_of_a_file_become_outcomes():
    assert parse_outcomes([ROW], TODAY) == [Outcome("d1", defaulted=False, date="2026-06-01")]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"outcome": "PAID"}, "outcome: category, expected paid or defaulted"),
        ({"outcome": None}, "outcome: null"),
        ({"date": "2026-13-01"}, "date: range, expected a date such as"),
        ({"date": 20260601}, "date: type"),
        ({"date": "2026-07-01"}, "date: range, .* not in the future"),
        ({"decision_id": ""}, "decision_id: category, expected the id"),
        ({"decision_id": 7}, "decision_id: type"),
        ({"amount": 1}, "amount: unknown_field, expected only decision_id, outcome, date"),
    ],
)
def test_a_wrong_row_is_named_by_row_and_column(change, words):
    with pytest.raises(InvalidOutcomeError, match=f"outcome 1, {words}"):
        parse_outcomes([ROW, {**ROW, **change}], TODAY)
