from dataclasses import replace

import numpy as np
import pytest

from credit_contract import metrics
from credit_contract.digest import canonical_json
from credit_contract.errors import MetricError
from credit_training.baselines import fit_scorecard
from credit_training.cross_validation import cross_validate
from credit_training.errors import FitError
from credit_training.evaluation import champion_challenger, evaluate, gate_figures


@pytest.fixture(scope="module")
def card(borrowers):
    return fit_scorecard(borrowers.development(), (), seed=1)


@pytest.fixture(scope="module")
def figures(borrowers, policy, card):
    train, test = borrowers.development(), borrowers.test()
    return evaluate(test, card.predict(test.encoded), policy, train, card.predict(train.encoded))


def test_figures_are_json_and_the_same_again(borrowers, policy, card, figures):
    train, test = borrowers.development(), borrowers.test()
    again = evaluate(test, card.predict(test.encoded), policy, train, card.predict(train.encoded))
    assert canonical_json(figures) == canonical_json(again)


def test_figures_agree_with_the_contract(borrowers, card, figures):
    test = borrowers.test()
    pd = card.predict(test.encoded)
    assert figures["auc"] == pytest.approx(metrics.auc(test.target, pd), abs=1e-9)
    assert figures["gini"] == pytest.approx(2 * figures["auc"] - 1, abs=1e-8)
    assert figures["auc_low"] < figures["auc"] < figures["auc_high"]
    assert figures["cut_off"]["pd"] == 0.4


def test_gains_table_has_every_band_and_every_applicant(figures, policy):
    bands = figures["gains"]
    assert [row["band"] for row in bands] == ["C", "B", "A"]
    assert sum(row["count"] for row in bands) == figures["rows"]
    assert bands[-1]["cumulative_bad_share"] == 1
    assert bands[0]["score_to"] == bands[1]["score_from"] == policy.score(0.3)
    assert bands[0]["score_from"] is None
    assert bands[-1]["score_to"] is None


def test_the_f1_cut_off_is_chosen_on_the_training_rows(borrowers, policy, card):
    train, test = borrowers.development(), borrowers.test()
    pd, train_pd = card.predict(test.encoded), card.predict(train.encoded)
    chosen = evaluate(test, pd, policy, train, train_pd)["f1_cut_off"]["pd"]
    other = evaluate(replace(test, target=1 - test.target), pd, policy, train, train_pd)["f1_cut_off"]["pd"]
    assert chosen == other


def test_a_moved_field_shows_in_its_own_psi_only(borrowers, policy, card):
    train, test = borrowers.development(), borrowers.test()
    numbers = test.encoded.numbers.copy()
    numbers[:, 0] *= 3
    moved = replace(test, encoded=type(test.encoded)(numbers, test.encoded.categories))
    stability = evaluate(moved, card.predict(moved.encoded), policy, train, card.predict(train.encoded))["stability"]
    assert stability["fields"]["income"] > 0.25
    assert max(psi for name, psi in stability["fields"].items() if name != "income") < 0.05
    assert stability["largest_field_psi"] == stability["fields"]["income"]


def test_the_worst_protected_attribute_is_reported(borrowers, policy, card):
    train, test = borrowers.development(), borrowers.test()
    pd = card.predict(test.encoded)
    unlucky = replace(test, protected={**test.protected, "town": np.where(pd < 0.2, "a", "b")})
    fairness = evaluate(unlucky, pd, policy, train, card.predict(train.encoded))["fairness"]
    assert fairness["attributes"]["sex"]["adverse_impact_ratio"] > 0.8
    assert fairness["adverse_impact_ratio"] == 0


def test_without_protected_attributes_the_ratios_are_unknown(borrowers, policy, card):
    train, test = borrowers.development(), replace(borrowers.test(), protected={})
    fairness = evaluate(test, card.predict(test.encoded), policy, train, card.predict(train.encoded))["fairness"]
    assert fairness["adverse_impact_ratio"] is None


def test_a_hold_out_with_one_class_is_refused(borrowers, policy, card):
    train, test = borrowers.development(), borrowers.test()
    paid = test.take(test.target == 0)
    with pytest.raises(MetricError, match="only the class 0"):
        evaluate(paid, card.predict(paid.encoded), policy, train, card.predict(train.encoded))


def test_champion_challenger_knows_which_way_is_better(figures):
    better = {**figures, "auc": figures["auc"] + 0.01, "brier": figures["brier"] + 0.01}
    table = {row["figure"]: row for row in champion_challenger(figures, better)}
    assert table["auc"]["better"] == "challenger"
    assert table["brier"]["better"] == "champion"
    assert table["ks"]["better"] == "neither"
    assert table["auc"]["difference"] == pytest.approx(0.01)


def test_a_champion_of_another_hold_out_is_not_compared():
    challenger = {"dataset": {"holdout_sha256": "1"}, "network": {"auc": 0.7}}
    champion = {"dataset": {"holdout_sha256": "1"}, "network": {"auc": 0.6}}
    elsewhere = {"dataset": {"holdout_sha256": "2"}, "network": {"auc": 0.6}}
    assert gate_figures(challenger, 5, champion)["champion"]["auc"] == 0.6
    assert "champion" not in gate_figures(challenger, 5, elsewhere)
    assert gate_figures(challenger, 5)["sizes"]["bundle_bytes"] == 5


def test_cross_validation_scores_every_row_once_by_a_model_that_did_not_see_it(borrowers):
    class Memory:
        def __init__(self, seen):
            self.seen = {row.tobytes() for row in seen.encoded.numbers}

        def predict(self, encoded):
            return np.array([1.0 if row.tobytes() in self.seen else 0.5 for row in encoded.numbers])

    figures = cross_validate(borrowers, Memory, folds=5, repeats=1, seed=2)
    assert figures["pooled"]["auc"] == 0.5
    assert figures["pooled"]["brier"] == 0.25


def test_the_cut_off_of_a_fold_is_chosen_on_the_other_folds(borrowers):
    bad = {row.tobytes() for row in borrowers.encoded.numbers[borrowers.target == 1]}

    class Timid:
        def __init__(self, seen):
            self.seen = {row.tobytes() for row in seen.encoded.numbers}

        def predict(self, encoded):
            rows = [row.tobytes() for row in encoded.numbers]
            return np.array([0.1 if row not in bad else 0.9 if row in self.seen else 0.5 for row in rows])

    mean = cross_validate(borrowers, Timid, folds=3, repeats=1, seed=2)["mean"]
    assert mean["auc"] == 1
    assert mean["recall"] == 0


def test_cross_validation_repeats_with_other_folds(borrowers):
    said: list[str] = []
    some = borrowers.take(np.arange(600))
    fit = lambda development: fit_scorecard(development, (), seed=1)  # noqa: E731
    once = cross_validate(some, fit, folds=3, repeats=1, seed=2)
    twice = cross_validate(some, fit, folds=3, repeats=2, seed=2, say=said.append)
    assert said[-1].startswith("fold 6 of 6")
    assert once["pooled"]["auc"] != twice["pooled"]["auc"]
    assert 0.6 < twice["mean"]["auc"] < 0.9


def test_more_folds_than_bad_rows_are_refused(borrowers):
    few = borrowers.take(np.concatenate([np.flatnonzero(borrowers.target)[:3], np.flatnonzero(borrowers.target == 0)]))
    with pytest.raises(FitError, match="3 rows of one class for 5 folds"):
        cross_validate(few, lambda development: fit_scorecard(development, (), seed=1), folds=5, repeats=1, seed=1)
