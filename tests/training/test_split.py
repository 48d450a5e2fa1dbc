import numpy as np
import pytest

from credit_training.dataset import StratifiedSplit, TimeSplit
from credit_training.errors import DatasetError
from credit_training.prepare import prepare
from credit_training.split import folds, holdout_mask

STRATIFIED = StratifiedSplit(kind="stratified", holdout=0.2, seed=3)


def outcomes(n=2000, duplicates=100):
    target = (np.arange(n) % 5 == 0).astype(np.int8)
    group = np.arange(n)
    group[n - duplicates :] = np.arange(duplicates)
    return target, group


def test_a_stratified_hold_out_has_the_share_and_the_bad_rate_that_were_asked_for():
    target, group = outcomes()
    held = holdout_mask(STRATIFIED, target, group, None)
    assert held.mean() == pytest.approx(0.2, abs=0.01)
    assert target[held].mean() == pytest.approx(target.mean(), abs=0.02)


def test_duplicates_are_held_out_together():
    target, group = outcomes()
    held = holdout_mask(STRATIFIED, target, group, None)
    assert all(len(set(held[group == name])) == 1 for name in range(100))


def test_a_split_is_the_same_again_and_another_with_another_seed():
    target, group = outcomes()
    held = holdout_mask(STRATIFIED, target, group, None)
    assert np.array_equal(held, holdout_mask(STRATIFIED, target, group, None))
    other = STRATIFIED.model_copy(update={"seed": 4})
    assert not np.array_equal(held, holdout_mask(other, target, group, None))


def test_rows_are_held_out_from_a_day_on():
    target, group = outcomes(10, 0)
    time = np.arange("2020-01-01", "2020-01-11", dtype="datetime64[D]")
    held = holdout_mask(TimeSplit(kind="time", holdout_from="2020-01-05"), target, group, time)
    assert held.tolist() == [False] * 4 + [True] * 6


@pytest.mark.parametrize(
    ("day", "side"),
    [("2021-01-01", "the hold-out has not both"), ("2019-01-01", "the development sample has not both")],
)
def test_both_sides_need_both_classes(day, side):
    target, group = outcomes(10, 0)
    time = np.arange("2020-01-01", "2020-01-11", dtype="datetime64[D]")
    with pytest.raises(DatasetError, match=f"key split: {side}"):
        holdout_mask(TimeSplit(kind="time", holdout_from=day), target, group, time)


def test_folds_divide_the_portfolio_evenly_and_keep_duplicates_together(lender):
    portfolio = prepare(lender.spec, "v1", lender.home)
    fold = folds(portfolio, 5, seed=11)
    assert set(fold) == {0, 1, 2, 3, 4}
    assert fold[0] == fold[1]
    bad = [portfolio.target[fold == name].sum() for name in range(5)]
    assert max(bad) - min(bad) <= 2
    assert np.array_equal(fold, folds(portfolio, 5, seed=11))


def test_development_and_test_are_disjoint_and_complete(lender):
    portfolio = prepare(lender.spec, "v1", lender.home)
    assert len(portfolio.development()) + len(portfolio.test()) == len(portfolio)
    assert not set(portfolio.development().group) & set(portfolio.test().group)
