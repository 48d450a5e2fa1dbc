"""Independent random streams by seed, purpose and month.

A month draws from its own streams, so more months, or an event later on, change nothing before.
Does not know what is drawn.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum

import numpy as np
import numpy.typing as npt

from credit_simulator.arrays import Floats, Objects


class Purpose(IntEnum):
    """What a stream is for; the number is part of every seed and never changes."""

    MACRO = 0
    POPULATION = 1
    OUTCOME = 2
    RECORDING = 3
    UNDERWRITING = 4


def generator(seed: int, purpose: Purpose, month: int = 0) -> np.random.Generator:
    """PCG64 for one purpose in one month."""
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(seed, spawn_key=(purpose, month))))


def pick(rng: np.random.Generator, weights: Mapping[str, float | Floats], n: int) -> Objects:
    """One category each for n applicants; weights are relative, one number for all or float64 [n]."""
    columns: npt.NDArray[np.float64] = np.stack([np.broadcast_to(np.asarray(w, float), n) for w in weights.values()])
    edges = np.cumsum(columns, axis=0)
    codes = (rng.random(n) * edges[-1] >= edges[:-1]).sum(axis=0)
    categories: Objects = np.array(list(weights), dtype=object)
    picked: Objects = categories[codes]
    return picked
