import numpy as np
import pytest
from hypothesis import given, strategies as st
from pydantic import ValidationError

from credit_contract.policy import DECISIONS, Policy


def test_the_scaling_is_the_textbooks(policy):
    at_base_odds = 1 / 21
    assert policy.score(at_base_odds) == 600
    assert policy.score(1 / 41) == 640
    assert policy.score(1 / 11) == 560


@given(pd=st.lists(st.floats(0, 1), min_size=1, max_size=20))
def test_many_are_decided_and_scored_like_one(policy, pd):
    array = np.array(pd)
    assert [DECISIONS[d] for d in policy.decisions(array)] == [policy.decide(p) for p in pd]
    assert policy.scores(array).tolist() == [policy.score(p) for p in pd]


def test_cut_offs_belong_to_the_worse_side(policy):
    assert policy.decide(policy.approve_below) == "refer"
    assert policy.decide(policy.decline_from) == "decline"
    assert policy.band(1.0) == "B"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"approve_below": 0.4}, "lies above decline_from"),
        ({"bands": [{"name": "A", "pd_below": 0.5}]}, "end with 1"),
        ({"bands": [{"name": "A", "pd_below": 1}, {"name": "B", "pd_below": 0.5}]}, "must rise"),
        ({"base_odds": 0}, "greater than 0"),
    ],
)
def test_a_policy_that_cannot_decide_is_refused(policy, changes, said):
    with pytest.raises(ValidationError, match=said):
        Policy.model_validate(policy.model_dump() | changes)
