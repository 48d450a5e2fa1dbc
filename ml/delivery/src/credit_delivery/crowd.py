"""Crowds: applicants without end, for load and drift: the simulated portfolio's, whole people of a hold-out, or draws
from the aggregates in a bundle's baseline. Sends nothing, and does not know where a hold-out comes from.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from credit_contract.applicant import encode
from credit_contract.baseline import Baseline
from credit_contract.bundle import Bundle
from credit_contract.schema import FeatureSchema, Field
from credit_delivery.holdout import Holdout
from credit_simulator import Event, Scenario, stream
from scoring_api.model import ServedModel

MONTHS = 1200
PER_MONTH = 1000
AT_ONCE = 500
SIMULATED = "simulated"
SEASON = 0.2
"""How far the year tilts whole people: weights exp(±0.2 · rank of their PD), the riskiest come in January, the safest
in July. As much as the simulator's seasons; in no month what a monitor calls drift (PSI of the PD 0.003, limit 0.1).
"""


def crowd(bundle: Bundle, shift: float, seed: int) -> Iterator[dict[str, Any]]:
    """Applicants whom a bundle can score; with a `shift` above 0 others than it was trained for.

    A bundle of the simulated portfolio gets its applicants, and a `population_shift` of that strength. Any other gets
    each field drawn by itself from the baseline: marginals are the portfolio's, what fields have to do with each other
    is lost. There, a shift weights the bins of numbers by exp(shift · rank), rank 1 for the highest, or for the lowest
    where the schema says that PD falls with the field.
    """
    if bundle.schema.dataset == SIMULATED:
        return simulated(shift, seed)
    return drawn(bundle.schema, bundle.baseline, shift, seed)


def whole(model: ServedModel, known: Holdout, shift: float, seed: int) -> Iterator[dict[str, Any]]:
    """Applicants drawn from a hold-out as they are, a thousand a month, with a season; see `SEASON`.

    A shift weights them by exp(shift · rank of their PD), rank 1 for the highest.

    Raises:
        EvidenceError: the model does not take everybody in it.
    """
    people = known.people(model.bundle.schema)
    pds = model.pd(encode(model.bundle.schema, people))
    rank = np.argsort(np.argsort(pds)) / len(people)
    return _through_the_years(people, rank, shift, np.random.default_rng(seed))


def _through_the_years(
    people: list[dict[str, Any]], rank: npt.NDArray[np.float64], shift: float, rng: np.random.Generator
) -> Iterator[dict[str, Any]]:
    for month in itertools.count():
        weights = np.exp((shift + SEASON * math.cos(math.tau * month / 12)) * rank)
        for row in rng.choice(len(people), PER_MONTH, p=weights / weights.sum()):
            yield people[row]


def requests(applicants: Iterator[dict[str, Any]], at_once: int) -> Iterator[Any]:
    """Bodies of requests: an applicant each, or a list of several."""
    if at_once == 1:
        return applicants
    return iter(lambda: list(itertools.islice(applicants, at_once)), [])


def simulated(shift: float, seed: int) -> Iterator[dict[str, Any]]:
    """The simulator's applicants, a thousand a month."""
    events = (Event(kind="population_shift", start=0, strength=shift),) if shift else ()
    return stream(Scenario(seed=seed, months=MONTHS, applicants_per_month=PER_MONTH, events=events))


def drawn(schema: FeatureSchema, baseline: Baseline, shift: float, seed: int) -> Iterator[dict[str, Any]]:
    """Applicants with each scored field drawn from its histogram."""
    rng = np.random.default_rng(seed)
    while True:
        columns = {field.name: _column(field, baseline, shift, rng) for field in schema.scored_fields}
        for values in zip(*columns.values(), strict=True):
            yield dict(zip(columns, values, strict=True))


def _column(field: Field, baseline: Baseline, shift: float, rng: np.random.Generator) -> list[Any]:
    if field.kind == "category":
        counted = baseline.categories[field.name]
        chosen = _choose(counted.counts, counted.missing if field.optional else 0.0, 0.0, rng)
        return [None if place < 0 else field.categories[place] for place in chosen]
    numbers = baseline.numbers[field.name]
    worse = -shift if field.monotone == "decreasing" else shift
    chosen = _choose(numbers.counts, numbers.missing if field.optional else 0.0, worse, rng)
    low, high = _ends(field, numbers.edges)
    where = rng.uniform(low[chosen], high[chosen])
    return [None if place < 0 else _told(field, value) for place, value in zip(chosen, where.tolist(), strict=True)]


def _choose(
    counts: Sequence[float], missing: float, tilt: float, rng: np.random.Generator
) -> npt.NDArray[np.integer[Any]]:
    """Positions of bins, -1 for missing."""
    rank = np.linspace(0.0, 1.0, len(counts))
    weights = np.append(np.asarray(counts) * np.exp(tilt * rank), missing)
    chosen = rng.choice(len(weights), AT_ONCE, p=weights / weights.sum())
    return np.where(chosen == len(counts), -1, chosen)


def _ends(field: Field, edges: Sequence[float]) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Where each bin begins and ends: the outermost, which reach to the plausible ends, only as far as their neighbour
    is wide, since hardly anybody is further out.
    """
    low, high = field.bounds
    widths = [b - a for a, b in itertools.pairwise(edges)] or [high - low]
    first, last = (edges[0], edges[-1]) if edges else (low, high)
    inner = [max(low, first - widths[0]), *edges, min(high, last + widths[-1])]
    return np.array(inner[:-1]), np.array(inner[1:])


def _told(field: Field, value: float) -> float | int:
    low, high = field.bounds
    if field.kind == "integer":
        return min(max(math.floor(value), math.ceil(low)), math.floor(high))
    return min(max(round(value, 4), low), high)
