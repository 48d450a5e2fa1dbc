import numpy as np
import pytest

from credit_contract.errors import MetricError
from credit_contract.fairness import by_group, over_attributes


def case(counts, approved):
    """Groups by name with a count, a number of approved (PD 0.1, else 0.9), and every second applicant bad."""
    group = np.concatenate([np.repeat(name, count) for name, count in counts.items()])
    pd = np.concatenate([np.where(np.arange(count) < approved[name], 0.1, 0.9) for name, count in counts.items()])
    target = np.concatenate([np.arange(count) % 2 for count in counts.values()])
    return group, target, pd


def test_ratios_of_a_case_by_hand():
    found = by_group(*case({"a": 200, "b": 400}, {"a": 60, "b": 240}), approve_below=0.5)
    assert found["groups"]["a"]["approval_rate"] == 0.3
    assert found["groups"]["b"]["approval_rate"] == 0.6
    assert found["adverse_impact_ratio"] == pytest.approx(0.5)
    assert found["equal_opportunity_difference"] == pytest.approx(0.3)
    assert found["groups"]["a"]["bad_rate"] == 0.5


def test_a_pd_at_the_cut_off_is_not_approved():
    found = by_group(["a"] * 100, [0, 1] * 50, [0.2] * 100, approve_below=0.2)
    assert found["groups"]["a"]["approval_rate"] == 0


def test_a_small_group_is_shown_and_not_judged():
    found = by_group(*case({"a": 200, "b": 400, "few": 99}, {"a": 60, "b": 60, "few": 0}), approve_below=0.5)
    assert found["groups"]["few"]["judged"] is False
    assert found["adverse_impact_ratio"] == pytest.approx((60 / 400) / (60 / 200))


def test_one_judged_group_has_no_ratio():
    found = by_group(*case({"a": 200, "few": 50}, {"a": 60, "few": 0}), approve_below=0.5)
    assert found["adverse_impact_ratio"] is None
    assert found["equal_opportunity_difference"] is None


def test_the_worst_of_each_figure_may_be_of_different_attributes():
    attributes = {
        "sex": {"adverse_impact_ratio": 0.7, "equal_opportunity_difference": 0.1},
        "age": {"adverse_impact_ratio": 0.9, "equal_opportunity_difference": 0.2},
        "few": {"adverse_impact_ratio": None, "equal_opportunity_difference": None},
    }
    worst = over_attributes(attributes)
    assert (worst["adverse_impact_ratio"], worst["equal_opportunity_difference"]) == (0.7, 0.2)
    assert worst["attributes"] == attributes
    assert over_attributes({})["adverse_impact_ratio"] is None


def test_nobody_approved_has_no_ratio():
    found = by_group(*case({"a": 200, "b": 200}, {"a": 0, "b": 0}), approve_below=0.5)
    assert found["adverse_impact_ratio"] is None
    assert found["equal_opportunity_difference"] == 0


def test_a_group_of_one_class_has_no_auc():
    group = ["a"] * 150 + ["b"] * 150
    target = [0] * 150 + [0, 1] * 75
    found = by_group(group, target, np.linspace(0.1, 0.9, 300), approve_below=0.5)
    assert found["groups"]["a"]["auc"] is None
    assert found["groups"]["b"]["auc"] is not None


def test_weights_count_as_applicants():
    group, target, pd = case({"a": 200, "b": 200}, {"a": 100, "b": 50})
    weight = np.where(pd < 0.5, 3.0, 1.0)
    found = by_group(group, target, pd, 0.5, weight)
    assert found["groups"]["a"]["approval_rate"] == pytest.approx(300 / 400)
    assert found["groups"]["a"]["count"] == 200


def test_groups_of_another_length_are_refused():
    with pytest.raises(MetricError, match="lengths differ"):
        by_group(["a"], [0, 1], [0.1, 0.2], 0.5)
