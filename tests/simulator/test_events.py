from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from credit_contract.applicant import check
from credit_simulator import SCHEMA, Scenario, Simulation, simulate
from credit_simulator.risk import log_hazard

START = 6
BASE = {"seed": 21, "months": 12, "applicants_per_month": 2000}


@pytest.fixture(scope="module")
def calm() -> Simulation:
    return simulate(Scenario.parse(BASE))


def with_event(kind: str, **keys: Any) -> Simulation:
    return simulate(Scenario.parse({**BASE, "events": [{"kind": kind, "start": START, **keys}]}))


def changed_fields(one: Simulation, other: Simulation) -> set[str]:
    pairs = ((name, one.applicants[name].astype(str), other.applicants[name].astype(str)) for name in one.applicants)
    return {name for name, mine, theirs in pairs if (mine != theirs).any()}


def test_a_shock_raises_the_default_rate_of_its_vintages_and_of_loans_already_on_the_books(calm: Simulation) -> None:
    shock = with_event("macro_shock")
    after, just_before = shock.month >= START, shock.month == START - 1
    assert shock.defaulted[after].mean() > calm.defaulted[after].mean() + 0.06
    assert shock.defaulted[just_before].mean() > calm.defaulted[just_before].mean() + 0.02
    before = calm.take(calm.month < START)
    assert changed_fields(shock.take(shock.month < START), before) == set()


def test_a_shock_that_is_over_raises_no_later_vintage(calm: Simulation) -> None:
    shock = with_event("macro_shock", length=2)
    later = shock.month >= START + 2
    np.testing.assert_array_equal(shock.true_pd[later], calm.true_pd[later])


def test_a_new_channel_takes_its_share_and_changes_nothing_else(calm: Simulation) -> None:
    launched = with_event("new_channel", strength=0.25)
    new = launched.applicants["channel"] == "marketplace"
    assert not (calm.applicants["channel"] == "marketplace").any()
    assert not new[launched.month < START].any()
    assert 0.22 < new[launched.month >= START].mean() < 0.28
    assert changed_fields(launched, calm) == {"channel"}
    check(SCHEMA, launched.records())


@pytest.mark.parametrize(
    ("field", "fault", "expected"),
    [
        ("net_income", "missing", lambda values: np.isnan(values).all()),
        ("savings_balance", "constant", lambda values: (values == 0).all()),
        ("housing", "constant", lambda values: set(values) == {"owner"}),
        ("purpose", "missing", lambda values: set(values) == {None}),
        ("requested_amount", "scaled", lambda values: np.median(values) > 75_000),
    ],
)
def test_a_broken_field_breaks_what_is_seen_and_not_the_risk(
    calm: Simulation, field: str, fault: str, expected: Any
) -> None:
    broken = with_event("broken_field", field=field, fault=fault)
    after = broken.month >= START
    assert expected(broken.applicants[field][after])
    assert changed_fields(broken.take(~after), calm.take(~after)) == set()
    assert changed_fields(broken, calm) == {field}
    np.testing.assert_array_equal(broken.true_pd, calm.true_pd)
    np.testing.assert_array_equal(broken.defaulted, calm.defaulted)


def test_a_field_broken_by_half_keeps_the_other_half() -> None:
    broken = with_event("broken_field", field="card_utilisation", fault="missing", strength=0.5)
    missing = np.isnan(broken.applicants["card_utilisation"][broken.month >= START])
    assert 0.5 < missing.mean() < 0.65


def test_a_population_shift_changes_who_applies_and_so_the_risk(calm: Simulation) -> None:
    shifted = with_event("population_shift")
    after = calm.month >= START
    income, usual = shifted.applicants["net_income"][after], calm.applicants["net_income"][after]
    assert np.nanmedian(income) < 0.8 * np.nanmedian(usual)
    assert shifted.true_pd[after].mean() > calm.true_pd[after].mean() + 0.03
    check(SCHEMA, shifted.records())


def test_a_concept_shift_leaves_every_field_and_raises_defaults(calm: Simulation) -> None:
    shifted = with_event("concept_shift")
    after = calm.month >= START
    assert changed_fields(shifted, calm) == set()
    np.testing.assert_array_equal(shifted.true_pd[~after], calm.true_pd[~after])
    assert (shifted.true_pd[after] >= calm.true_pd[after]).all()
    assert shifted.defaulted[after].mean() > calm.defaulted[after].mean() + 0.03


def test_risk_never_moves_against_the_direction_that_the_schema_gives() -> None:
    base = simulate(Scenario(seed=8, months=1, applicants_per_month=3000)).applicants
    base = base | {"net_income": np.nan_to_num(base["net_income"], nan=2000.0)}
    rng = np.random.default_rng(1)
    for field in SCHEMA.monotone_fields():
        assert field.minimum is not None
        assert field.maximum is not None
        low, high = np.sort(rng.uniform(field.minimum, field.maximum, (2, 3000)), axis=0)
        rise = log_hazard(base | {field.name: high}) - log_hazard(base | {field.name: low})
        sign = 1 if field.monotone == "increasing" else -1
        assert (sign * rise >= -1e-12).all(), field.name
        assert (sign * rise > 0).any(), field.name
