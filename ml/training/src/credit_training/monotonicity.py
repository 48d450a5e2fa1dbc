"""The monotone promise, checked from outside: on a grid of every directed field, and on random pairs of applicants.

Knows a function from applicants to PDs, no model.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from credit_contract.applicant import Encoded
from credit_contract.schema import FeatureSchema, Field, Frozen

Predict = Callable[[Encoded], npt.NDArray[np.floating]]
GRID = 48
GRID_APPLICANTS = 100
ROUNDING = 4 * float(np.finfo(np.float32).eps)
"""Sums of float32 are not exact: a PD may step back by a few units in its last place, 5e-7, and no further."""


class Monotonicity(Frozen):
    """Comparisons made and how many went against a direction by more than rounding.

    `largest` is the worst step back in PD, rounding included.
    """

    fields: int
    grid_comparisons: int
    pairs: int
    violations: int
    largest: float


def monotone_violations(
    predict: Predict, schema: FeatureSchema, encoded: Encoded, pairs: int = 10_000, seed: int = 0
) -> Monotonicity:
    """Check every directed field of `encoded` applicants (drawn from with replacement) over its plausible range.

    A pair is an applicant and the same one after all, or some, directed fields moved the risky way.
    """
    generator = np.random.default_rng(seed)
    directed = [(column, f) for column, f in enumerate(schema.number_fields) if f.monotone is not None]
    if not directed:
        return Monotonicity(fields=0, grid_comparisons=0, pairs=0, violations=0, largest=0.0)
    back = [_grid_steps(predict, encoded, column, field, generator) for column, field in directed]
    grid = np.concatenate(back)
    random = _pair_steps(predict, encoded, directed, pairs, generator)
    fallen = np.maximum(-np.concatenate([grid, random]), 0.0)
    return Monotonicity(
        fields=len(directed),
        grid_comparisons=len(grid),
        pairs=pairs,
        violations=int((fallen > ROUNDING).sum()),
        largest=float(fallen.max()),
    )


def _span(field: Field) -> tuple[float, float]:
    """Where the field's direction holds."""
    low, high = field.minimum, field.maximum
    assert low is not None, field.name
    assert high is not None, field.name
    return (low if field.monotone_from is None else max(low, field.monotone_from)), high


def _levels(field: Field, observed: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Rising values over the span: half of them even, half where applicants are."""
    low, high = _span(field)
    even = np.linspace(low, high, GRID // 2)
    usual = np.nanquantile(observed, np.linspace(0, 1, GRID // 2)) if np.isfinite(observed).any() else even
    levels = np.clip(np.unique(np.concatenate([even, usual])), low, high)
    return np.unique(levels.round() if field.kind == "integer" else levels).astype(np.float32)


def _grid_steps(
    predict: Predict, encoded: Encoded, column: int, field: Field, generator: np.random.Generator
) -> npt.NDArray[np.float64]:
    """PD's change the risky way between neighbouring levels of one field, everything else as it is."""
    people = encoded[generator.integers(len(encoded), size=GRID_APPLICANTS)]
    levels = _levels(field, encoded.numbers[:, column])
    numbers = np.repeat(people.numbers, len(levels), axis=0)
    numbers[:, column] = np.tile(levels, len(people))
    pd = predict(Encoded(numbers, np.repeat(people.categories, len(levels), axis=0)))
    steps = np.diff(np.asarray(pd, dtype=np.float64).reshape(len(people), len(levels)), axis=1).ravel()
    return steps if field.monotone == "increasing" else -steps


def _pair_steps(
    predict: Predict,
    encoded: Encoded,
    directed: list[tuple[int, Field]],
    pairs: int,
    generator: np.random.Generator,
) -> npt.NDArray[np.float64]:
    """PD's change when random directed fields of random applicants move the risky way by random amounts."""
    people = encoded[generator.integers(len(encoded), size=pairs)]
    safe, risky = people.numbers.copy(), people.numbers.copy()
    for column, field in directed:
        moved = generator.random(pairs) < 0.5
        low, high = _span(field)
        ends = np.sort(_draws(field, encoded.numbers[:, column], low, high, pairs, generator), axis=0)
        first, second = ends if field.monotone == "increasing" else ends[::-1]
        safe[moved, column], risky[moved, column] = first[moved], second[moved]
    before, after = predict(Encoded(safe, people.categories)), predict(Encoded(risky, people.categories))
    return np.asarray(after, dtype=np.float64) - np.asarray(before, dtype=np.float64)


def _draws(
    field: Field,
    observed: npt.NDArray[np.float32],
    low: float,
    high: float,
    pairs: int,
    generator: np.random.Generator,
) -> npt.NDArray[np.float32]:
    """Two values for every pair [2, pairs], half of them from anywhere in the range, half from real applicants."""
    anywhere = generator.uniform(low, high, size=(2, pairs))
    usual = np.nan_to_num(generator.choice(observed, size=(2, pairs)), nan=low)
    drawn = np.clip(np.where(generator.random((2, pairs)) < 0.5, anywhere, usual), low, high)
    return (drawn.round() if field.kind == "integer" else drawn).astype(np.float32)
