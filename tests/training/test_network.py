import dataclasses

import numpy as np
import pytest
import torch
from hypothesis import given, settings, strategies as st
from sklearn.metrics import roc_auc_score

from credit_contract.applicant import Encoded
from credit_training.calibration import fit_calibration
from credit_training.descent import Descent, Lesson, descend
from credit_training.errors import TrainingError
from credit_training.feature_steps import STEPS
from credit_training.fit import FittedNetwork, fit_network
from credit_training.monotonicity import monotone_violations
from credit_training.network import Network
from credit_training.network_recipe import NetworkRecipe
from credit_training.scorer import load_scorer
from credit_training.student import imagine

QUICK = NetworkRecipe(hidden=(8, 4), bins=4, folds=2, imagined=500, epochs=4, teacher_epochs=4, batch=128)
STEP = STEPS.validate_python([{"step": "missing", "name": "late_missing", "field": "late"}])


@pytest.fixture(scope="module")
def fitted(borrowers) -> FittedNetwork:
    return fit_network(borrowers.development(), QUICK, STEP, seed=3)


@settings(max_examples=25, deadline=None)
@given(
    free=st.integers(0, 3),
    constrained=st.integers(1, 3),
    hidden=st.lists(st.integers(2, 7), min_size=1, max_size=3),
    members=st.sampled_from([None, 2]),
    seed=st.integers(0, 99),
)
def test_no_weights_whatever_let_the_output_fall_with_a_constrained_input(free, constrained, hidden, members, seed):
    torch.manual_seed(seed)
    network = Network((free, constrained), [3], hidden, embedding=2, dropout=0.0, members=members)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.normal_(std=2.0)
    network.project()
    low = torch.rand(50, free + constrained)
    high = low.clone()
    high[:, free:] += torch.rand(50, constrained)
    codes = torch.randint(3, (50, 1))
    assert (network(high, codes) - network(low, codes)).min() >= 0


def test_what_is_not_constrained_may_move_the_output_either_way():
    torch.manual_seed(0)
    network = Network((2, 1), [], (16, 8), embedding=1, dropout=0.0)
    line = torch.full((100, 3), 0.5)
    line[:, 0] = torch.linspace(-3, 3, 100)
    moves = network(line, torch.zeros(100, 0, dtype=torch.int64)).squeeze().diff()
    assert moves.min() < 0 < moves.max()


def test_the_fitted_network_ranks_unseen_applicants(fitted, borrowers):
    test = borrowers.test()
    assert roc_auc_score(test.target, fitted.predict(test.encoded)) > 0.65


def test_its_pds_are_as_high_as_the_bad_rate(fitted, borrowers):
    development = borrowers.development()
    assert fitted.predict(development.encoded).mean() == pytest.approx(development.target.mean(), abs=0.02)


def test_pd_never_moves_against_a_direction(fitted, borrowers):
    found = monotone_violations(fitted.predict, borrowers.schema, borrowers.encoded)
    assert (found.fields, found.pairs, found.violations) == (2, 10_000, 0)


def test_a_model_that_breaks_a_direction_is_found_out(borrowers):
    found = monotone_violations(lambda people: people.numbers[:, 0] / 1e6, borrowers.schema, borrowers.encoded)
    assert found.violations > 1000
    assert found.largest > 0.1


def test_a_direction_that_holds_only_from_a_value_on_is_not_asked_below_it(borrowers):
    def falls_below_zero(people):
        late = np.nan_to_num(people.numbers[:, 1])
        return np.where(late < 0, 1.0 - late, late / 100)

    assert monotone_violations(falls_below_zero, borrowers.schema, borrowers.encoded).violations == 0


def test_one_seed_gives_one_network(fitted, borrowers):
    again = fit_network(borrowers.development(), QUICK, STEP, seed=3)
    for name, tensor in fitted.state_dict().items():
        assert torch.equal(tensor, again.state_dict()[name]), name


def test_another_seed_gives_another_network(fitted, borrowers):
    other = fit_network(borrowers.development(), QUICK, STEP, seed=4)
    assert not np.array_equal(other.predict(borrowers.encoded), fitted.predict(borrowers.encoded))


def test_sample_weights_move_the_prior(borrowers):
    rare = dataclasses.replace(borrowers, weight=np.where(borrowers.target == 1, 0.2, 1.0))
    pd = fit_network(rare.development(), QUICK, STEP, seed=3).predict(rare.encoded)
    assert pd.mean() == pytest.approx(np.average(rare.target, weights=rare.weight), abs=0.03)


def test_the_file_and_the_schema_rebuild_the_network(fitted, borrowers, tmp_path):
    fitted.save(tmp_path / "model.pt")
    again = load_scorer(tmp_path / "model.pt", borrowers.schema)
    assert np.array_equal(again.predict(borrowers.encoded), fitted.predict(borrowers.encoded))


def test_progress_ends_at_one(borrowers):
    said: list[float] = []
    fit_network(borrowers.take(np.arange(300)), QUICK, STEP, 0, lambda _, share: said.append(share))
    assert said == sorted(said)
    assert said[-1] == 1.0


def test_one_class_cannot_be_learnt(borrowers):
    with pytest.raises(TrainingError, match="0 applicants of one class for 2 folds"):
        fit_network(borrowers.take(borrowers.target == 0), QUICK, STEP, 0)


def test_calibration_keeps_the_order_even_of_a_model_that_is_wrong():
    logits = np.linspace(-2, 2, 200)
    outcome = (logits + np.tile([-1, 1], 100) < 0).astype(np.int8)
    calibration = fit_calibration(logits, outcome, np.ones(200))
    pd = calibration(torch.from_numpy(logits.astype(np.float32))[:, None]).numpy()
    assert (np.diff(pd) >= 0).all()
    assert pd[-1] > pd[0]


def test_a_judge_ends_the_descent_after_patience_and_its_best_epoch_stays():
    torch.manual_seed(0)
    network = Network((2, 1), [], (4,), embedding=1, dropout=0.0, members=1)
    lesson = Lesson(torch.rand(64, 3), torch.zeros(64, 0, dtype=torch.int64), torch.rand(1, 64), torch.ones(1, 64))
    judgements, seen = iter([0.5, 0.3, 0.4, 0.3, 0.6]), []

    def judge(candidate):
        seen.append({name: tensor.clone() for name, tensor in candidate.state_dict().items()})
        return next(judgements)

    knobs = Descent(epochs=20, patience=3, batch=16, learning_rate=0.01, weight_decay=0.0)
    descend(network, lesson, knobs, torch.Generator().manual_seed(0), judge)
    assert len(seen) == 5, "the third epoch in a row that is no better than the second ends it"
    assert all(torch.equal(tensor, seen[1][name]) for name, tensor in network.state_dict().items())
    assert not all(torch.equal(tensor, seen[1][name]) for name, tensor in seen[-1].items())


def test_imagined_applicants_take_each_field_from_somebody():
    encoded = Encoded(np.arange(20, dtype=np.float32).reshape(10, 2), np.arange(10)[:, None])
    rows = np.concatenate([np.arange(10), np.arange(200) % 10])
    made = imagine(encoded, rows, 10, np.random.default_rng(0))
    assert np.array_equal(made.numbers[:10], encoded.numbers)
    assert set(made.numbers[:, 1]) == set(encoded.numbers[:, 1])
    changed = made.numbers[10:] != encoded.numbers[rows[10:]]
    assert 0 < changed.mean() < 0.3
