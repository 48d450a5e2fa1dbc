import numpy as np
import pytest

from credit_training.feature_steps import STEPS
from credit_training.selection import select, selection_table

STEPS_OF_BORROWERS = STEPS.validate_python(
    [{"step": "ratio", "name": "income_by_car", "numerator": "income", "denominator": "age_of_car"}]
)


@pytest.fixture(scope="module")
def selection(borrowers):
    return select(borrowers.take(np.arange(1500)), (), seed=3)


def test_the_fields_that_mean_most_come_first_everywhere(selection):
    assert set(list(selection.importance)[:2]) == {"late", "income"}
    assert {step.field for step in selection.elimination[:2]} == {"late", "income"}
    assert {step.field for step in selection.sequential[:2]} == {"late", "income"}
    assert abs(selection.importance["age_of_car"]) < 0.02


def test_both_ways_have_every_size_and_end_with_the_same_model(selection):
    assert [step.size for step in selection.elimination] == [1, 2, 3, 4]
    assert [step.size for step in selection.sequential] == [1, 2, 3, 4]
    assert selection.elimination[-1].auc == selection.sequential[-1].auc
    assert selection.sequential[0].auc < selection.sequential[2].auc


def test_sequential_selection_never_starts_worse_than_elimination_ends(selection):
    assert selection.sequential[0].auc >= selection.elimination[0].auc


def test_fields_that_are_enough_are_fewer_than_all(selection):
    assert selection.enough < 4
    assert selection.standard_error > 0


def test_a_step_counts_once_all_that_it_reads_is_there(selection, borrowers):
    with_step = select(borrowers.take(np.arange(1500)), STEPS_OF_BORROWERS, seed=3)
    assert [step.auc for step in with_step.sequential[:2]] == [step.auc for step in selection.sequential[:2]]
    assert with_step.sequential[-1].auc != selection.sequential[-1].auc


def test_one_seed_gives_one_selection(borrowers):
    some = borrowers.take(np.arange(400))
    assert select(some, (), seed=1) == select(some, (), seed=1)


def test_the_table_names_every_field(selection, borrowers):
    table = selection_table(selection)
    for field in borrowers.schema.scored_fields:
        assert table.count(field.name) == 3
