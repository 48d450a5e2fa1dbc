from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from credit_simulator import Event
from credit_training.network_recipe import NetworkRecipe

REPLAY = Path("services/drift-monitor/replay").resolve()
SMALL = NetworkRecipe(folds=2, epochs=2, teacher_epochs=1, imagined=500, teacher_trees=20)
ENDED, WORSE = 25, 27  # months since 2020-01: 2022-02 and 2022-04
MONTH = np.timedelta64(28, "D")


@pytest.fixture(scope="module")
def replayed(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(REPLAY))
        import history
        import page
        import stream
    events = (
        Event(kind="broken_field", start=ENDED, field="purpose", fault="constant"),
        Event(kind="concept_shift", start=WORSE, strength=2),
    )
    came = stream.simulated(seed=1, events=events)
    came = came.take(np.arange(len(came)) % 4 == 0)
    came = replace(came, performance_days=28, known=came.applied + MONTH, until=np.datetime64("2022-07-15"))
    start, end = np.datetime64("2022-01-01"), np.datetime64("2022-07-01")
    plan = history.Plan(start, end, 1, 100, 0.9, SMALL, seed=1, cool_down_days=30, ended=("purpose",))
    folder = tmp_path_factory.mktemp("replay")
    windows = history.replay(came, plan, "verdict", folder)
    year = history.replay(came, replace(plan, end=np.datetime64("2023-01-01"), months=12), "yearly", folder)
    return windows, page.write_page("simulated", "", plan, dict.fromkeys(("never", "verdict"), windows), folder), year


@pytest.fixture(scope="module")
def lived(replayed):
    return replayed[0]


def test_a_page_counts_a_signal_by_the_windows_in_which_it_was_looked_for(replayed):
    page = replayed[1].read_text()
    signals = [line.split(" | ") for line in page.splitlines() if line.endswith(" |") and line.count(" | ") == 3]
    windows = {check: f"{first} {counted}" for _, check, first, counted in signals}

    assert windows["psi"].endswith("of 6 |")
    assert windows["constant"] == "2022-03-01 1 of 6 |"
    assert windows["default_rate"].endswith("of 4 |")
    assert windows["realised_gini"] == "never 0 of 4 |"
    assert "Outcomes were judged in 4 of 6 windows, of decisions from 2022-01-04 to 2022-05-04: what was" in page
    assert "`realised_gini` fires 0.1 below the promise, here at " in page


def test_a_field_of_a_product_that_ended_stops_once_and_is_excused_from_then_on(lived):
    named = [[found.subject for found in one.verdict.findings if found.check == "constant"] for one in lived]

    assert named == [[], ["purpose"], [], [], [], []]


def test_a_lender_who_follows_the_verdict_retrains_on_retrain_and_not_on_stop(lived):
    assert "stop" in [one.verdict.verdict for one in lived]
    assert [one.verdict.verdict for one in lived if one.retrained] == ["retrain"]


def test_hindsight_ends_where_the_data_knows_no_outcome_any_more(lived):
    assert [one.default_rate is None for one in lived] == [False] * 5 + [True]


def test_nobody_is_said_to_retrain_where_nobody_is_left_to_be_decided(replayed):
    assert [one.retrained for one in replayed[2]] == [False]
