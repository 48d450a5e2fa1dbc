"""Who is held out and who goes into which fold: by date, or stratified with duplicates kept together.

Only seeded uniform numbers are drawn, so that a split is the same on every machine and under every library version.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from credit_training.dataset import StratifiedSplit, TimeSplit
from credit_training.errors import DatasetError
from credit_training.portfolio import Portfolio

Ints = npt.NDArray[np.integer[Any]]


def holdout_mask(
    split: TimeSplit | StratifiedSplit, target: Ints, group: Ints, time: npt.NDArray[np.datetime64] | None
) -> npt.NDArray[np.bool_]:
    """True for the held-out rows: bool [n].

    Raises:
        DatasetError: one side of the split would lack a class.
    """
    if isinstance(split, TimeSplit):
        assert time is not None
        held = time >= np.datetime64(split.holdout_from)
    else:
        held = _position(target, group, split.seed) < split.holdout
    for side, name in ((held, "the hold-out"), (~held, "the development sample")):
        if len(np.unique(target[side])) < 2:
            raise DatasetError(
                f"key split: {name} has not both classes in its {int(side.sum())} rows; change the split"
            )
    return held


def folds(portfolio: Portfolio, k: int, seed: int) -> npt.NDArray[np.int64]:
    """A fold from 0 to k - 1 for every row, int64 [n]: equal shares of both classes, duplicates in one fold."""
    return np.floor(_position(portfolio.target, portfolio.group, seed) * k).astype(np.int64)


def _position(target: Ints, group: Ints, seed: int) -> npt.NDArray[np.float64]:
    """Where a row's group stands in a shuffled queue of its class, from 0 up to but not including 1.

    A group of duplicates that disagree on the outcome stands in the queue of its first row's class.
    """
    _, first, member = np.unique(group, return_index=True, return_inverse=True)
    classes = target[first]
    drawn = np.random.default_rng(seed).random(len(first))
    position = np.empty(len(first))
    for value in np.unique(classes):
        queue = np.flatnonzero(classes == value)
        position[queue[np.argsort(drawn[queue])]] = np.arange(len(queue)) / len(queue)
    return position[member]
