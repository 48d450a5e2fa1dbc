"""Adverse-action reasons: which fields moved an applicant's PD away from the reference applicant's, in plain sentences.

Only scored fields take part, so a protected one cannot. Does not know decisions or HTTP.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain, pairwise
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from credit_contract.applicant import Encoded, encode
from scoring_api.model import ServedModel

MOST = 4
PAIRS = 4
"""Of permutations. Against 300 pairs of another seed, on 300 referred or declined applicants of three trained models of
13 to 20 fields: the first reason was the same in 94 to 99 %, each in 97 %, and where one was not, it was nearly a tie
(0.2 % of the reasons' contributions lost). Eight pairs: 96 to 99 %, 97 to 98 %, 0.1 %, at 1.6 times the cost.
"""
SEED = 1002_9
AT_ONCE = 2_048
"""Rows in one run of the graph, about: enough to spread its fixed cost, few enough to stay in the core's own cache."""

Floats = npt.NDArray[np.float64]


class Reason(msgspec.Struct, frozen=True, gc=False):
    """One reason: the field, the policy's sentence, and the field's share of the PD above the reference's."""

    field: str
    text: str
    contribution: float


@dataclass(frozen=True, slots=True)
class Contributions:
    """Of n applicants and p scored fields: `shares` [n, p] sum to PD minus reference PD; `moves` [n, p] is the change
    of PD when that field alone is set to the reference.
    """

    shares: Floats
    moves: Floats


class Explainer:
    """Explains one served model.

    Contributions are Shapley values of the served graph with the bundle's reference applicant as baseline ("baseline
    Shapley", Sundararajan and Najmi 2020), estimated over seeded permutations (Castro, Gómez and Tejada 2009), each
    taken forwards and backwards (Mitchell et al. 2022). Every permutation walks from the reference to the applicant, so
    the contributions sum to the difference of the two PDs exactly, whatever the number of permutations.
    """

    def __init__(self, model: ServedModel) -> None:
        schema = model.bundle.schema
        self._model = model
        self._names = [field.name for field in schema.scored_fields]
        self._texts = [model.bundle.policy.reasons[name] for name in self._names]
        kept, self._weights = _design(len(self._names))
        self._at_once = max(1, AT_ONCE // len(kept))
        reference = encode(schema, [model.bundle.baseline.reference_applicant])
        numbers = len(schema.number_fields)
        self._numbers = Coalitions(kept[:, :numbers], reference.numbers)
        self._categories = Coalitions(kept[:, numbers:], reference.categories)

    def reasons(self, applicants: Encoded) -> list[list[Reason]]:
        """For each applicant at most four reasons, the largest contribution first: 12 CFR 1002.9(b)(2) and its
        official interpretation.

        A field is one when its contribution is positive and setting it alone to the reference lowers the PD.
        """
        return self._named(self.contributions(applicants))

    def contributions(self, applicants: Encoded) -> Contributions:
        """Contributions of n applicants, the same for each alone or among others."""
        starts = range(0, len(applicants), self._at_once)
        found = np.concatenate([self._weighted(applicants[start : start + self._at_once]) for start in starts])
        fields = len(self._names)
        return Contributions(shares=found[:, :fields], moves=found[:, fields:])

    def _weighted(self, applicants: Encoded) -> Floats:
        mixed = Encoded(self._numbers.of(applicants.numbers), self._categories.of(applicants.categories))
        return self._model.pd(mixed).astype(np.float64).reshape(len(applicants), -1) @ self._weights

    def _named(self, contributions: Contributions) -> list[list[Reason]]:
        """Of each applicant the fields with the largest shares among those that raise its PD."""
        shares = np.where(contributions.moves < 0, contributions.shares, 0.0)
        ranked = np.argsort(-shares, axis=1, kind="stable")[:, :MOST]
        return [
            [Reason(self._names[i], self._texts[i], share[i]) for i in fields if share[i] > 0]
            for fields, share in zip(ranked.tolist(), shares.tolist(), strict=True)
        ]


class Coalitions:
    """What is `kept` [r, p] of applicants' own values in each of r coalitions; elsewhere are the `reference`'s [1, p].

    Put together by bits, which takes half the time of choosing values.
    """

    def __init__(self, kept: npt.NDArray[np.bool_], reference: npt.NDArray[Any]) -> None:
        self._bits = np.dtype(f"u{reference.itemsize}")
        self._own = np.where(kept, ~self._bits.type(0), self._bits.type(0))
        self._others = reference.view(self._bits) & ~self._own

    def of(self, values: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Values [n, p] of n applicants in all coalitions: [n * r, p]."""
        mixed: npt.NDArray[Any] = values.view(self._bits)[:, None, :] & self._own
        mixed |= self._others
        return mixed.view(values.dtype).reshape(len(values) * len(self._own), values.shape[1])


def _design(fields: int) -> tuple[npt.NDArray[np.bool_], Floats]:
    """Coalitions to evaluate, bool [r, p], and the weights, [r, 2 p], that turn their PDs into shares and moves."""
    rng = np.random.default_rng(SEED)
    orders = [order for _ in range(PAIRS) for order in _both_ways(rng.permutation(fields))]
    walks = [[frozenset(order[:size].tolist()) for size in range(fields + 1)] for order in orders]
    everything = frozenset(range(fields))
    without = [everything - {field} for field in range(fields)]
    place = {coalition: row for row, coalition in enumerate(dict.fromkeys(chain(*walks, without)))}
    shares, moves = np.zeros((2, len(place), fields))
    for order, walk in zip(orders, walks, strict=True):
        for field, (before, after) in zip(order, pairwise(walk), strict=True):
            shares[place[after], field] += 1 / len(orders)
            shares[place[before], field] -= 1 / len(orders)
    moves[place[everything], :] -= 1
    for field, coalition in enumerate(without):
        moves[place[coalition], field] += 1
    kept = np.array([[field in coalition for field in range(fields)] for coalition in place])
    return kept, np.hstack([shares, moves])


def _both_ways(order: npt.NDArray[np.int64]) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    return order, order[::-1]
