from __future__ import annotations

import datetime
from collections import Counter

import numpy as np
import pytest

from credit_contract.applicant import check, problems_of
from credit_contract.metrics import auc
from credit_simulator import SCHEMA, Scenario, Simulation, simulate, stream
from credit_simulator.errors import OutcomeError

YEAR_AND_A_HALF = Scenario(seed=11, months=18, applicants_per_month=400, start="2020-01")


@pytest.fixture(scope="module")
def portfolio() -> Simulation:
    return simulate(YEAR_AND_A_HALF)


def test_the_same_scenario_gives_the_same_rows(portfolio: Simulation) -> None:
    again = simulate(YEAR_AND_A_HALF)
    assert again.records() == portfolio.records()
    np.testing.assert_array_equal(again.true_pd, portfolio.true_pd)
    np.testing.assert_array_equal(again.resolved, portfolio.resolved)


def test_another_seed_gives_other_rows(portfolio: Simulation) -> None:
    other = simulate(YEAR_AND_A_HALF.model_copy(update={"seed": 12}))
    assert other.records()[0] != portfolio.records()[0]


def test_more_months_change_nothing_before(portfolio: Simulation) -> None:
    longer = simulate(YEAR_AND_A_HALF.model_copy(update={"months": 24})).take(slice(len(portfolio)))
    assert longer.records() == portfolio.records()
    np.testing.assert_array_equal(longer.defaulted, portfolio.defaulted)
    np.testing.assert_array_equal(longer.resolved, portfolio.resolved)


def test_the_stream_is_the_simulation_one_by_one(portfolio: Simulation) -> None:
    assert list(stream(YEAR_AND_A_HALF)) == portfolio.records()


def test_the_schema_accepts_every_clean_applicant_and_no_field_of_the_future(portfolio: Simulation) -> None:
    records = portfolio.records()
    check(SCHEMA, records)
    assert set(records[0]) == {field.name for field in SCHEMA.fields} - {"months_on_book"}


def test_applicants_come_in_order_of_time_within_their_month(portfolio: Simulation) -> None:
    assert (np.diff(portfolio.applied) >= np.timedelta64(0, "D")).all()
    first = np.datetime64("2020-01", "M")
    np.testing.assert_array_equal((portfolio.applied.astype("M8[M]") - first).astype(int), portfolio.month)


def test_defaults_come_as_often_as_the_true_pds_say(portfolio: Simulation) -> None:
    spread = np.sqrt((portfolio.true_pd * (1 - portfolio.true_pd)).sum())
    assert abs(portfolio.defaulted.sum() - portfolio.true_pd.sum()) < 4 * spread
    assert 0.10 < portfolio.defaulted.mean() < 0.18


def test_the_fields_tell_defaults_as_well_as_in_a_real_portfolio(portfolio: Simulation) -> None:
    assert 0.77 < auc(portfolio.defaulted.astype(np.int8), portfolio.true_pd) < 0.85


def test_a_default_is_resolved_inside_the_window_and_all_else_at_its_end(portfolio: Simulation) -> None:
    bad = portfolio.defaulted
    assert (portfolio.applied < portfolio.resolved).all()
    assert (portfolio.resolved[bad] <= portfolio.matures[bad]).all()
    np.testing.assert_array_equal(portfolio.resolved[~bad], portfolio.matures[~bad])
    assert set(portfolio.months_on_book[~bad]) == {YEAR_AND_A_HALF.performance_months}
    assert len(set(portfolio.months_on_book[bad])) == YEAR_AND_A_HALF.performance_months


def test_an_outcome_on_the_31st_falls_on_the_last_day_of_a_shorter_month() -> None:
    leap = simulate(Scenario(seed=1, start="2024-02", months=1, applicants_per_month=500))
    last = leap.applied == np.datetime64("2024-02-29")
    assert last.any()
    assert set(leap.matures[last].astype(str)) == {"2025-02-28"}


def test_outcomes_are_unknown_until_the_window_is_over(portfolio: Simulation) -> None:
    everyone = np.ones(len(portfolio), dtype=bool)
    day = datetime.date(2021, 3, 15)
    known = portfolio.outcomes(everyone, day)
    assert (portfolio.matures[known.rows] <= np.datetime64(day)).all()
    assert len(known.rows) == (portfolio.matures <= np.datetime64(day)).sum()
    assert len(portfolio.outcomes(everyone, datetime.date(2020, 12, 31)).rows) == 0


def test_the_declined_never_have_an_outcome(portfolio: Simulation) -> None:
    approved = portfolio.applicants["delinquencies_12m"] == 0
    known = portfolio.outcomes(approved, datetime.date(2099, 1, 1))
    np.testing.assert_array_equal(known.rows, np.flatnonzero(approved))
    np.testing.assert_array_equal(known.defaulted, portfolio.defaulted[approved])


def test_underwriters_decline_the_riskier_but_nobody_for_sure(portfolio: Simulation) -> None:
    approved = portfolio.underwritten
    assert 0.03 < (~approved).mean() < 0.15
    assert portfolio.true_pd[~approved].mean() > 1.5 * portfolio.true_pd[approved].mean()
    assert approved[np.argsort(-portfolio.true_pd)[:100]].any()


@pytest.mark.parametrize("approved", [np.ones(3, dtype=bool), np.ones(7200)])
def test_approvals_of_another_shape_or_kind_are_refused(portfolio: Simulation, approved: np.ndarray) -> None:
    with pytest.raises(OutcomeError, match=r"approved must be bool \[7200\]"):
        portfolio.outcomes(approved, datetime.date(2099, 1, 1))


def test_incomes_are_missing_most_often_for_the_self_employed(portfolio: Simulation) -> None:
    gap = np.isnan(portfolio.applicants["net_income"])
    self_employed = portfolio.applicants["employment_type"] == "self_employed"
    assert 0.03 < gap.mean() < 0.08
    assert gap[self_employed].mean() > 2 * gap[~self_employed].mean()


def test_dirt_leaves_what_a_cleaning_recipe_must_find() -> None:
    dirty = simulate(Scenario(seed=5, months=2, applicants_per_month=6000, dirty=True))
    records = dirty.records()
    found = Counter((problem.field, problem.code) for row in records for problem in problems_of(SCHEMA, row))
    assert set(found) == {("net_income", "range"), ("employment_years", "range"), ("savings_balance", "range")}
    assert sum(found.values()) < 0.02 * len(records)
    assert {"selfemployed", "pensioner"} <= set(dirty.applicants["employment_type"])
    repeated = [row for row in range(1, len(records)) if records[row] == records[row - 1]]
    assert len(repeated) == len(records) // 400
    assert all(dirty.defaulted[row] == dirty.defaulted[row - 1] for row in repeated)


def test_purposes_follow_the_season() -> None:
    def share_of_cars(seasonality: float) -> list[float]:
        scenario = Scenario(seed=3, months=10, applicants_per_month=8000, seasonality=seasonality)
        year = simulate(scenario)
        return [float((year.applicants["purpose"][year.month == month] == "car").mean()) for month in (3, 9)]

    april, october = share_of_cars(1.0)
    assert april - october > 0.06
    april, october = share_of_cars(0.0)
    assert abs(april - october) < 0.03
