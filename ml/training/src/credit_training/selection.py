"""Feature selection, measured: how much each raw field brings, and how good a model with fewer of them is.

Importance is asked of boosting, which sees interactions; recursive elimination and sequential selection need hundreds
of fits and use the scorecard's regression. Decides nothing: a field is dropped by its role in the dataset's YAML.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.linear_model import LogisticRegression
from threadpoolctl import threadpool_limits

from credit_contract import metrics
from credit_contract.applicant import Encoded
from credit_contract.bundle import DatasetVersion
from credit_training.baselines import fit_boosting
from credit_training.config import TrainConfig
from credit_training.feature_steps import STEPS, StepSpec
from credit_training.feature_table import fit_feature_table
from credit_training.files import home, write_whole
from credit_training.origin import commit
from credit_training.portfolio import Portfolio
from credit_training.prepare import prepared
from credit_training.registry import Registry, TrackedRun
from credit_training.split import folds
from credit_training.woe import bin_features

Array = npt.NDArray[np.float64]
FOLDS = 3
SHUFFLES = 3
METHOD = "selection"
"""What stands where an algorithm would in a tracked run."""


@dataclass(frozen=True, slots=True)
class Step:
    """A set of fields on the way of one method: its size, its cross-validated AUC, the field that came or went."""

    size: int
    auc: float
    field: str


@dataclass(frozen=True, slots=True)
class Selection:
    """importance: loss of AUC by field when its values are shuffled, largest first. Both ways have sizes 1 to k.

    standard_error: of the AUC, from the folds. enough: the smallest size of either way that is within one standard
    error of the best.
    """

    importance: dict[str, float]
    elimination: tuple[Step, ...]
    sequential: tuple[Step, ...]
    standard_error: float
    enough: int


@dataclass(frozen=True, slots=True)
class _Fold:
    """Evidence of the features, float64 [n, c], and outcomes: what is fitted on, and what is judged."""

    evidence: Array
    target: npt.NDArray[np.int8]
    weight: Array
    other_evidence: Array
    other_target: npt.NDArray[np.int8]
    other_weight: Array

    def fit(self, columns: Sequence[int]) -> tuple[float, Array]:
        """AUC on the other rows of a regression on these columns, and each one's weight times its spread."""
        evidence = self.evidence[:, columns]
        model = LogisticRegression(solver="newton-cholesky").fit(evidence, self.target, self.weight)
        log_odds = self.other_evidence[:, columns] @ model.coef_[0]
        # The AUC asks for ranks in [0, 1] only.
        auc = metrics.auc(self.other_target, 1 / (1 + np.exp(-log_odds)), self.other_weight)
        return auc, np.abs(model.coef_[0]) * evidence.std(axis=0)


def select_dataset(config: TrainConfig) -> str:
    """Measure the last dataset version of the configuration; the tables as text, kept for its report and in MLflow."""
    data = prepared(config.spec, config.versions[-1], home())
    portfolio = data.portfolio(config.protected_used, config.keep_leaks)
    steps = STEPS.validate_python(list(data.spec.features))
    registry = Registry(home()) if config.registers else None
    if registry is not None:
        registry.check()
    selection = select(portfolio.development(), steps, config.seed, partial(print, file=sys.stderr))
    text = selection_table(selection)
    if registry is not None:
        kept = write_whole(selection_file(data.dataset, home() / "reports"), text.encode())
        parameters = {"seed": config.seed, "folds": FOLDS, "shuffles": SHUFFLES}
        figures = _figures(selection)
        registry.record(TrackedRun(data.dataset, METHOD, commit(), parameters, figures, {"": [kept]}))
    return text


def selection_file(dataset: DatasetVersion, folder: Path) -> Path:
    """Where the tables of a dataset version are kept, if they were measured."""
    return folder / f"{dataset.name}-{dataset.version}-{METHOD}-{dataset.sha256[:12]}.txt"


def select(
    development: Portfolio,
    steps: Sequence[StepSpec],
    seed: int,
    say: Callable[[str], None] = lambda _: None,
) -> Selection:
    """Importance, recursive elimination and sequential selection on the same folds of development rows.

    A step counts as there while all fields that it reads are there.
    """
    fold = folds(development, FOLDS, seed)
    say("permutation importance, by boosting")
    importance = _importance(development, steps, fold, seed)
    inputs, prepared = _folds(development, steps, fold)
    fields = [field.name for field in development.schema.scored_fields]
    with threadpool_limits(1):
        say(f"recursive elimination of {len(fields)} fields")
        elimination = _eliminate(fields, inputs, prepared)
        say(f"sequential selection of {len(fields)} fields")
        sequential = _add(fields, inputs, prepared)
        every = [one.fit(range(len(inputs)))[0] for one in prepared]
    error = float(np.std(every, ddof=1) / np.sqrt(FOLDS))
    best = max(step.auc for step in (*elimination, *sequential))
    enough = min(step.size for step in (*elimination, *sequential) if step.auc >= best - error)
    return Selection(importance, elimination, sequential, error, enough)


def selection_table(selection: Selection) -> str:
    """The three measurements as people read them."""
    lines = ["permutation importance (loss of AUC, boosting)"]
    lines += [f"  {name:<28} {loss:+.4f}" for name, loss in selection.importance.items()]
    lines += ["", f"{'fields':>6}   {'recursive elimination':<38} sequential selection"]
    for away, added in zip(selection.elimination, selection.sequential, strict=True):
        lines.append(
            f"{away.size:>6}   {away.auc:.4f}  next out {away.field:<22} {added.auc:.4f}  last in {added.field}"
        )
    lines.append(
        f"\n{selection.enough} fields are within one standard error ({selection.standard_error:.4f}) of the best"
    )
    return "\n".join(lines)


def _figures(selection: Selection) -> dict[str, Any]:
    ways = {"elimination": selection.elimination, "sequential": selection.sequential}
    return {
        "importance": selection.importance,
        **{way: {f"auc_of_{step.size}": step.auc for step in steps} for way, steps in ways.items()},
        "standard_error": selection.standard_error,
        "enough": selection.enough,
    }


def _importance(
    development: Portfolio, steps: Sequence[StepSpec], fold: npt.NDArray[np.int64], seed: int
) -> dict[str, float]:
    """Loss of AUC on one unseen fold when a raw field is shuffled there, mean of several shuffles (Breiman 2001)."""
    model = fit_boosting(development.take(fold != 0), steps, seed)
    unseen = development.take(fold == 0)
    generator = np.random.default_rng(seed)

    def auc(encoded: Encoded) -> float:
        return metrics.auc(unseen.target, model.predict(encoded), unseen.weight)

    whole = auc(unseen.encoded)
    losses: dict[str, float] = {}
    for place, field in enumerate(development.schema.scored_fields):
        shuffled = [_shuffled(unseen.encoded, place, generator) for _ in range(SHUFFLES)]
        losses[field.name] = whole - float(np.mean([auc(encoded) for encoded in shuffled]))
    return dict(sorted(losses.items(), key=lambda entry: -entry[1]))


def _shuffled(encoded: Encoded, place: int, generator: np.random.Generator) -> Encoded:
    order = generator.permutation(len(encoded))
    numbers, categories = encoded.numbers.copy(), encoded.categories.copy()
    if place < numbers.shape[1]:
        numbers[:, place] = numbers[order, place]
    else:
        categories[:, place - numbers.shape[1]] = categories[order, place - numbers.shape[1]]
    return Encoded(numbers, categories)


def _folds(
    development: Portfolio, steps: Sequence[StepSpec], fold: npt.NDArray[np.int64]
) -> tuple[list[set[str]], list[_Fold]]:
    """The raw fields that each column reads, and every fold with bins fitted on its own rows."""
    inputs: list[set[str]] = []
    prepared = []
    names = [field.name for field in development.schema.number_fields]
    for left_out in range(FOLDS):
        rows, others = development.take(fold != left_out), development.take(fold == left_out)
        table = fit_feature_table(rows, steps)
        binnings = bin_features(table, rows)
        sides = []
        for side in (rows, others):
            features = table.compute(side.encoded)
            sides.append(np.column_stack([binning.woe[binning.index(features)] for binning in binnings]))
        inputs = [{names[place] for place in read} for read in table.inputs]
        inputs += [{field.name} for field in table.category_fields]
        prepared.append(_Fold(sides[0], rows.target, rows.weight, sides[1], others.target, others.weight))
    return inputs, prepared


def _judge(fields: set[str], inputs: Sequence[set[str]], prepared: Sequence[_Fold]) -> tuple[float, dict[str, float]]:
    """Mean AUC over the folds with these fields only, and the weight of each field in the regressions."""
    columns = [column for column, read in enumerate(inputs) if read <= fields]
    fitted = [fold.fit(columns) for fold in prepared]
    strength = np.mean([weights for _, weights in fitted], axis=0)
    of_field = {
        name: float(sum(s for s, column in zip(strength, columns, strict=True) if name in inputs[column]))
        for name in sorted(fields)
    }
    return float(np.mean([auc for auc, _ in fitted])), of_field


def _eliminate(fields: Sequence[str], inputs: Sequence[set[str]], prepared: Sequence[_Fold]) -> tuple[Step, ...]:
    """From all fields down, each time without the one that weighs least (Guyon et al. 2002)."""
    left, way = set(fields), []
    while left:
        auc, strength = _judge(left, inputs, prepared)
        weakest = min(strength, key=lambda name: strength[name])
        way.append(Step(len(left), auc, weakest))
        left.remove(weakest)
    return tuple(reversed(way))


def _add(fields: Sequence[str], inputs: Sequence[set[str]], prepared: Sequence[_Fold]) -> tuple[Step, ...]:
    """From no field up, each time with the one that brings most."""
    chosen: set[str] = set()
    way: list[Step] = []
    while len(way) < len(fields):
        tried = {name: _judge({*chosen, name}, inputs, prepared)[0] for name in fields if name not in chosen}
        best = max(tried, key=lambda name: tried[name])
        chosen.add(best)
        way.append(Step(len(chosen), tried[best], best))
    return tuple(way)
