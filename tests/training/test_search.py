import shutil

import numpy as np
import pytest

from credit_training.cli import main
from credit_training.errors import SearchError
from credit_training.network_recipe import NetworkRecipe
from credit_training.search import search
from credit_training.search_plan import SearchConfig

from .conftest import no_file_above

RECIPE = NetworkRecipe(hidden=(4,), imagined=0, epochs=1, teacher_epochs=1, folds=2, bins=3)


@pytest.fixture(scope="module")
def some(borrowers):
    return borrowers.take(np.arange(400))


@pytest.fixture
def storage(tmp_path):
    return f"sqlite:///{tmp_path / 'search.db'}"


def config(**changed):
    plan = {
        "study": "tiny",
        "sampler": "tpe",
        "objective": "log_loss",
        "trials": 2,
        "folds": 2,
        "space": {"learning_rate": {"low": 1e-3, "high": 1e-1, "log": True}, "hidden": [[4], [6, 4]]},
    }
    return SearchConfig.model_validate(plan | changed)


def test_a_resumed_study_keeps_its_trials_and_adds_only_the_missing_ones(some, storage):
    first = search(some, RECIPE, (), config(), 1, storage)
    said: list[str] = []
    more = search(some, RECIPE, (), config(trials=3), 1, storage, said.append)
    assert len(said) == 1
    assert len(more.trials) == 3
    assert {trial.number for trial in first.trials} < {trial.number for trial in more.trials}
    assert len({trial.changes["learning_rate"] for trial in more.trials}) == 3


def test_the_best_recipe_has_the_best_objective(some, storage):
    found = search(some, RECIPE, (), config(objective="auc", trials=3, sampler="random"), 1, storage)
    scores = [trial.figures["auc"] for trial in found.trials]
    assert scores == sorted(scores, reverse=True)
    assert found.recipe.learning_rate == found.trials[0].changes["learning_rate"]
    assert found.recipe.epochs == RECIPE.epochs


def test_a_grid_tries_each_combination_once(some, storage):
    space = {"hidden": [[4], [6]], "dropout": [0.0, 0.2]}
    found = search(some, RECIPE, (), config(sampler="grid", trials=9, space=space), 1, storage)
    tried = {(tuple(trial.changes["hidden"]), trial.changes["dropout"]) for trial in found.trials}
    assert len(found.trials) == len(tried) == 4
    said: list[str] = []
    again = search(some, RECIPE, (), config(sampler="grid", trials=9, space=space), 1, storage, said.append)
    assert said == []
    assert again == found


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"space": {"hiden": [[4]]}}, "no such key"),
        ({"space": {"dropout": [0.1, 7]}}, r"space\.dropout"),
        ({"space": {"dropout": {"low": 0, "high": 0.5}}, "sampler": "grid"}, "a grid takes a list"),
    ],
)
def test_a_space_that_cannot_be_searched_is_refused_before_the_first_trial(some, storage, changed, message):
    with pytest.raises(SearchError, match=message):
        search(some, RECIPE, (), config(**changed), 1, storage)


def test_a_study_of_other_rows_is_not_continued(some, borrowers, storage):
    search(some, RECIPE, (), config(trials=1), 1, storage)
    with pytest.raises(SearchError, match="made of other data"):
        search(borrowers.take(np.arange(500)), RECIPE, (), config(trials=2), 1, storage)


def test_a_database_that_cannot_be_used_is_one_line(some, tmp_path):
    storage = f"sqlite:///{tmp_path}/no/such/folder/search.db"
    with pytest.raises(SearchError) as raised:
        search(some, RECIPE, (), config(), 1, storage)
    assert str(raised.value) == (
        f"the study's database {storage} cannot be used: unable to open database file; "
        "free space or choose another folder with CREDIT_HOME"
    )


def test_a_study_that_finds_no_room_says_so_and_the_others_keep_their_trials(some, storage):
    first = search(some, RECIPE, (), config(trials=1), 1, storage)
    with (
        no_file_above(8192),
        pytest.raises(SearchError, match=r"search\.db cannot be used: disk I/O error; free space"),
    ):
        search(some, RECIPE, (), config(study="another"), 1, storage)
    assert search(some, RECIPE, (), config(trials=1), 1, storage) == first


@pytest.mark.parametrize("sampler", ["grid", "random"])
def test_the_command_line_alone_chooses_sampler_and_space(
    sampler, tmp_path, lender, capsys, monkeypatch, tracking_store
):
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.setenv("CREDIT_HOME", str(tmp_path))
    shutil.copy(tracking_store, tmp_path)
    tiny = [f"model.{key}={value}" for key, value in RECIPE.model_dump(mode="json").items()]
    space = ["search.space={hidden: [[4]]}", "search.space.dropout=[0.0, 0.2]"]
    chosen = [f"search.sampler={sampler}", "search.trials=2", "search.folds=2", *space]
    assert main(["search", f"dataset={lender.yaml}", *tiny, *chosen]) == 0
    tried = [line.split(maxsplit=3)[3] for line in capsys.readouterr().out.splitlines()]
    combinations = {f"model.hidden=[4] model.dropout={dropout}" for dropout in (0.0, 0.2)}
    assert set(tried) == combinations if sampler == "grid" else set(tried) <= combinations


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("search.space={}", "search.space: Dictionary should have at least 1 item"),
        ("search.space.hiden=[[4]]", "has no key 'search.space.hiden'; the nearest is 'search.space.hidden'"),
        ("search.space.dropout=[]", "search.space.dropout"),
        ("search.space.dropout={low: 0.3, high: 0.1}", "low 0.3 is above high 0.1"),
        ("search.space={hidden:[[4]]}", "search.space={hidden:[[4]]}"),
    ],
)
def test_a_space_that_cannot_be_read_is_one_line(override, message, capsys):
    assert main(["config", override]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert message in line
