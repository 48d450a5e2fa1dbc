import numpy as np

from credit_contract.applicant import check, encode
from credit_contract.baseline import number_histogram
from credit_contract.golden import GoldenSet, synthesise


def test_the_baseline_counts_everybody_once(draft):
    for histogram in (*draft.baseline.numbers.values(), *draft.baseline.categories.values(), draft.baseline.pd):
        assert histogram.reference().sum() == 500
    assert draft.baseline.numbers["debts"].missing == 50
    assert sum(draft.baseline.decisions) == 500


def test_counting_the_same_values_again_gives_the_baseline_itself():
    values = np.random.default_rng(3).normal(size=2000).astype(np.float32)
    values[:20] = np.nan
    histogram = number_histogram(values, np.ones(2000))
    np.testing.assert_array_equal(histogram.count(values), histogram.reference())


def test_weights_move_the_bins_and_constants_need_none():
    light = number_histogram(np.arange(100.0), np.where(np.arange(100) < 50, 3.0, 1.0))
    assert light.edges[4] < 50
    assert number_histogram(np.full(9, 5.0), np.ones(9)).edges == ()
    assert number_histogram(np.full(9, np.nan), np.ones(9)).missing == 9


def test_golden_applicants_are_valid_and_reach_every_end_and_category(schema, draft):
    people = synthesise(schema, draft.baseline, 64, seed=5)
    check(schema, people)
    assert people == synthesise(schema, draft.baseline, 64, seed=5)
    assert {person["job"] for person in people} == {"a", "b", "c"}
    assert {0, 1e6} <= {person["income"] for person in people}
    assert len(encode(schema, people)) == 64


def test_disagreement_is_the_largest_gap_and_a_missing_answer_is_infinite():
    golden = GoldenSet(applicants=({}, {}), pd=(0.1, 0.2))
    assert np.isclose(golden.disagreement(np.array([0.1, 0.25])), 0.05)
    assert golden.disagreement(np.array([0.1, np.nan])) == np.inf
