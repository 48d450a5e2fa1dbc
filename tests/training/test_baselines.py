import numpy as np
import pytest

from credit_contract import metrics
from credit_training.baselines import fit_boosting, fit_scorecard
from credit_training.errors import FitError
from credit_training.feature_steps import STEPS

STEPS_OF_BORROWERS = STEPS.validate_python([{"step": "signed_log", "name": "log_income", "field": "income"}])
FITS = (fit_scorecard, fit_boosting)


@pytest.fixture(scope="module", params=FITS, ids=["scorecard", "boosting"])
def model(request, borrowers):
    return request.param(borrowers.development(), STEPS_OF_BORROWERS, seed=3)


def moved(portfolio, column, value):
    numbers = portfolio.encoded.numbers.copy()
    numbers[:, column] = value
    return type(portfolio.encoded)(numbers, portfolio.encoded.categories)


def test_discriminates_and_is_calibrated_on_unseen_applicants(model, borrowers):
    test = borrowers.test()
    pd = model.predict(test.encoded)
    assert metrics.auc(test.target, pd) > 0.72
    assert metrics.ece(test.target, pd) < 0.05


def test_pd_never_moves_against_a_direction(model, borrowers):
    test = borrowers.test()
    by_income = [model.predict(moved(test, 0, value)) for value in np.geomspace(500, 500_000, 25)]
    by_lateness = [model.predict(moved(test, 1, value)) for value in range(10)]
    assert np.all(np.diff(by_income, axis=0) <= 1e-12)
    assert np.all(np.diff(by_lateness, axis=0) >= -1e-12)


def test_a_missing_value_and_one_never_seen_are_scored(model, borrowers):
    test = borrowers.test()
    for value in (np.nan, 1e6):
        pd = model.predict(moved(test, 0, value))
        assert np.all((pd > 0) & (pd < 1))


@pytest.mark.parametrize("fit", FITS, ids=["scorecard", "boosting"])
def test_one_seed_gives_one_model(fit, borrowers):
    some = borrowers.take(np.arange(800))
    first, second = (fit(some, (), seed=5).predict(borrowers.encoded) for _ in range(2))
    assert np.array_equal(first, second)


@pytest.mark.parametrize("fit", FITS, ids=["scorecard", "boosting"])
def test_weights_restore_the_prior(fit, borrowers):
    weight = np.where(borrowers.target == 1, 0.25, 1.0)
    light = type(borrowers)(**{name: getattr(borrowers, name) for name in borrowers.__slots__} | {"weight": weight})
    pd = fit(light, (), seed=5).predict(light.encoded)
    assert np.average(pd, weights=weight) == pytest.approx(np.average(light.target, weights=weight), abs=0.01)


def test_points_of_the_card_add_up_to_the_score(borrowers, policy):
    card = fit_scorecard(borrowers.development(), (), seed=3)
    applicants = borrowers.encoded[:50]
    features = card.table.compute(applicants)
    points = {(row["feature"], row["bin"]): row["points"] for row in card.points(policy)}
    totals = np.zeros(len(applicants))
    for binning in card.binnings:
        labels = binning.labels()
        totals += [points[binning.name, labels[place]] for place in binning.index(features)]
    assert np.rint(totals) == pytest.approx(policy.scores(card.predict(applicants)), abs=1)


def test_a_bin_with_a_lower_bad_rate_never_costs_points(borrowers, policy):
    rows = fit_scorecard(borrowers.development(), (), seed=3).points(policy)
    for feature in {row["feature"] for row in rows}:
        filled = [row for row in rows if row["feature"] == feature and row["bad_rate"] is not None]
        by_rate = sorted(filled, key=lambda row: row["bad_rate"])
        assert sorted((row["points"] for row in filled), reverse=True) == [row["points"] for row in by_rate]


def test_outcomes_unrelated_to_every_field_make_no_card(borrowers):
    encoded = type(borrowers.encoded)(
        np.zeros_like(borrowers.encoded.numbers), np.ones_like(borrowers.encoded.categories)
    )
    blind = type(borrowers)(**{name: getattr(borrowers, name) for name in borrowers.__slots__} | {"encoded": encoded})
    with pytest.raises(FitError, match="no feature says anything"):
        fit_scorecard(blind, (), seed=3)
