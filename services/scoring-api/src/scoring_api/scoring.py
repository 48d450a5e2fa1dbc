"""From PDs to what an applicant is told: score, decision, band. Pure: no HTTP, no storage, no clock."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from credit_contract.applicant import Encoded
from credit_contract.policy import DECISIONS, Decision
from scoring_api.model import ServedModel

NAMED = np.array(DECISIONS, dtype=object)


@dataclass(slots=True)
class Scores:
    """n applicants' results, column by column; `pd` is exact: the float32 of the graph, widened."""

    pd: list[float]
    score: list[int]
    decision: list[Decision]
    band: list[str]

    def __len__(self) -> int:
        return len(self.pd)


def score(model: ServedModel, applicants: Encoded) -> Scores:
    """PD by the model, the rest by the bundle's policy."""
    pd = model.pd(applicants)
    policy = model.bundle.policy
    if len(pd) == 1:  # numpy's fixed cost is ten times the work for one
        one = float(pd[0])
        return Scores([one], [policy.score(one)], [policy.decide(one)], [policy.band(one)])
    names = np.array([band.name for band in policy.bands], dtype=object)
    exact = pd.astype(np.float64)
    return Scores(
        pd=exact.tolist(),
        score=policy.scores(exact).tolist(),
        decision=NAMED[policy.decisions(exact)].tolist(),
        band=names[policy.band_places(exact)].tolist(),
    )
