"""From PDs to what an applicant is told: score, decision, band. Pure: no HTTP, no storage, no clock."""

from __future__ import annotations

import msgspec
import numpy as np
import numpy.typing as npt

from credit_contract.applicant import Encoded
from credit_contract.policy import DECISIONS, Decision, Policy
from scoring_api.model import ServedModel

NAMED = np.array(DECISIONS, dtype=object)
MANY = 12

Floats = npt.NDArray[np.float32]


class Scores(msgspec.Struct, frozen=True):
    """n applicants' results, column by column; `pd` is exact: the float32 of the graph, widened."""

    pd: list[float]
    score: list[int]
    decision: list[Decision]
    band: list[str]

    def __len__(self) -> int:
        return len(self.pd)

    def __getitem__(self, rows: slice) -> Scores:
        return Scores(self.pd[rows], self.score[rows], self.decision[rows], self.band[rows])

    def told_why(self, *, everybody: bool = False) -> list[int]:
        """Places of those who are told reasons: who is not approved, or everybody."""
        if everybody:
            return list(range(len(self)))
        if self.decision.count("approve") == len(self):
            return []
        return [row for row, decision in enumerate(self.decision) if decision != "approve"]


def score(model: ServedModel, applicants: Encoded) -> Scores:
    """PD by the model, the rest by the bundle's policy."""
    pd = model.pd(applicants)
    return _few(pd, model.bundle.policy) if len(pd) < MANY else _many(pd, model.bundle.policy)


def _few(pd: Floats, policy: Policy) -> Scores:
    """One by one: numpy's fixed cost is that of a dozen applicants."""
    exact = pd.tolist()
    return Scores(
        pd=exact,
        score=list(map(policy.score, exact)),
        decision=list(map(policy.decide, exact)),
        band=list(map(policy.band, exact)),
    )


def _many(pd: Floats, policy: Policy) -> Scores:
    names = np.array([band.name for band in policy.bands], dtype=object)
    exact = pd.astype(np.float64)
    return Scores(
        pd=exact.tolist(),
        score=policy.scores(exact).tolist(),
        decision=NAMED[policy.decisions(exact)].tolist(),
        band=names[policy.band_places(exact)].tolist(),
    )
