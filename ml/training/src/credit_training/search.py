"""Hyperparameter search: a study of network recipes in a database, which goes on where it stopped.

Judges a recipe by cross-validation on development rows. Does not know the hold-out.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import optuna
from optuna.exceptions import StorageInternalError
from pydantic import ValidationError
from sqlalchemy.exc import SQLAlchemyError

from credit_contract.digest import sha256_json
from credit_training.cross_validation import cross_validate
from credit_training.database import complaint
from credit_training.errors import ROOM, SearchError
from credit_training.feature_steps import StepSpec
from credit_training.fit import fit_network
from credit_training.network_recipe import NetworkRecipe
from credit_training.portfolio import Portfolio
from credit_training.search_plan import Range, SearchConfig, Trial

DIRECTION: dict[str, Literal["minimize", "maximize"]] = {"log_loss": "minimize", "auc": "maximize"}


@dataclass(frozen=True, slots=True)
class Found:
    """The best recipe of a study, and all its trials, best first."""

    recipe: NetworkRecipe
    trials: tuple[Trial, ...]


def search(
    development: Portfolio,
    recipe: NetworkRecipe,
    steps: Sequence[StepSpec],
    config: SearchConfig,
    seed: int,
    storage: str,
    say: Callable[[str], None] = lambda _: None,
) -> Found:
    """Try recipes until the study has `config.trials` of them, or all of a grid; `storage` is a database address.

    Raises:
        SearchError: a key of the space is none of the recipe's, a grid over a range, a study of other data or of
            another space under the same name, or a database that cannot be used.
    """
    for key, choices in config.space.items():
        _check_choices(recipe, key, choices, config.sampler)

    def judged(trial: optuna.Trial) -> float:
        changes = {key: _suggest(trial, key, choices) for key, choices in config.space.items()}
        tried = _changed(recipe, changes)
        fit = lambda rows: fit_network(rows, tried, steps, seed)  # noqa: E731
        figures = cross_validate(development, fit, config.folds, 1, seed)["pooled"]
        trial.set_user_attr("changes", changes)
        trial.set_user_attr("figures", figures)
        say(f"trial {trial.number + 1}: AUC {figures['auc']:.4f}, log-loss {figures['log_loss']:.5f} with {changes}")
        return float(figures[config.objective])

    try:
        study = _study(config, seed, storage, _identity(development, recipe, steps, config, seed))
        finished = _finished(study)
        left = config.trials - len(finished)
        if left > 0 and not _exhausted(config, finished):
            study.optimize(judged, n_trials=left)
        trials = _finished(study)
    except (SQLAlchemyError, StorageInternalError) as error:
        raise SearchError(f"the study's database {storage} cannot be used: {complaint(error)}; {ROOM}") from None
    sign = 1 if DIRECTION[config.objective] == "minimize" else -1
    trials.sort(key=lambda trial: sign * trial.figures[config.objective])
    return Found(_changed(recipe, trials[0].changes), tuple(trials))


def _check_choices(recipe: NetworkRecipe, key: str, choices: Range | list[Any], sampler: str) -> None:
    if key not in NetworkRecipe.model_fields:
        raise SearchError(f"search.space.{key}: the model has no such key; it has {', '.join(recipe.model_dump())}")
    if sampler == "grid" and isinstance(choices, Range):
        advice = f"give one, as search.space.{key}=[{choices.low},{choices.high}], or leave it out of search.space"
        raise SearchError(f"search.space.{key}: a grid takes a list of values, not a range; {advice}")
    for value in (choices.low, choices.high) if isinstance(choices, Range) else choices:
        _changed(recipe, {key: value})


def _changed(recipe: NetworkRecipe, changes: Mapping[str, Any]) -> NetworkRecipe:
    try:
        return NetworkRecipe.model_validate({**recipe.model_dump(), **changes})
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(map(str, first["loc"]))
        raise SearchError(f"search.space.{key}: {first['msg']}; change the values to try") from None


def _suggest(trial: optuna.Trial, key: str, choices: Range | list[Any]) -> Any:
    if isinstance(choices, list):
        # Lists are no values to Optuna, their text is.
        return json.loads(trial.suggest_categorical(key, [json.dumps(value) for value in choices]))
    if isinstance(choices.low, int) and isinstance(choices.high, int):
        return trial.suggest_int(key, choices.low, choices.high, log=choices.log)
    return trial.suggest_float(key, choices.low, choices.high, log=choices.log)


def _study(config: SearchConfig, seed: int, storage: str, identity: str) -> optuna.Study:
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(
        storage=storage,
        study_name=config.study,
        direction=DIRECTION[config.objective],
        load_if_exists=True,
    )
    if study.user_attrs.setdefault("identity", identity) != identity:
        raise SearchError(f"study {config.study!r} was made of other data, steps or space; choose another search.study")
    study.set_user_attr("identity", identity)
    # A resumed sampler must not draw again what it drew before.
    drawn = seed + len(study.trials)
    if config.sampler == "grid":
        grid = {key: [json.dumps(value) for value in _values(choices)] for key, choices in config.space.items()}
        study.sampler = optuna.samplers.GridSampler(grid, seed=seed)
    elif config.sampler == "random":
        study.sampler = optuna.samplers.RandomSampler(seed=drawn)
    else:
        study.sampler = optuna.samplers.TPESampler(seed=drawn)
    return study


def _exhausted(config: SearchConfig, finished: Sequence[Trial]) -> bool:
    """Whether a grid has been tried whole; asked to go on, Optuna would try one of its combinations again."""
    combinations = math.prod(len(_values(choices)) for choices in config.space.values())
    # Optuna's own answer counts a combination that was interrupted as tried.
    return config.sampler == "grid" and len({json.dumps(trial.changes) for trial in finished}) == combinations


def _values(choices: Range | list[Any]) -> list[Any]:
    return choices if isinstance(choices, list) else []


def _identity(
    development: Portfolio, recipe: NetworkRecipe, steps: Sequence[StepSpec], config: SearchConfig, seed: int
) -> str:
    return sha256_json(
        {
            "dataset": development.sha256,
            "schema": development.schema.model_dump(mode="json"),
            "rows": len(development),
            "recipe": recipe.model_dump(mode="json", exclude=set(config.space)),
            "steps": [step.model_dump(mode="json") for step in steps],
            "search": config.model_dump(mode="json", exclude={"trials", "sampler"}),
            "seed": seed,
        }
    )


def _finished(study: optuna.Study) -> list[Trial]:
    done = study.get_trials(states=(optuna.trial.TrialState.COMPLETE,))
    return [Trial(trial.number, trial.user_attrs["changes"], trial.user_attrs["figures"]) for trial in done]
