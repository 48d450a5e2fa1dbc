"""The swap set: who would be decided otherwise by the challenger, and what that is expected to cost.

Works on decisions and PDs of the same applicants. Does not know models.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from credit_contract.policy import DECISIONS, Policy

Array = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Decided:
    """One side's view of n applicants: PD float64 [n], decision int8 [n] as positions in DECISIONS."""

    pd: Array
    decision: npt.NDArray[np.int8]

    @classmethod
    def by(cls, policy: Policy, pd: Array) -> Decided:
        """The decisions of a policy on these PDs."""
        return cls(pd, policy.decisions(pd))


def swap_set(
    champion: Decided,
    challenger: Decided,
    target: npt.NDArray[np.integer[Any]],
    loss: Array,
    weight: Array,
) -> list[dict[str, Any]]:
    """One row for each change of decision that happens, from the most lenient champion decision on.

    `loss` [n] is what is lost if the applicant defaults (exposure times loss given default).

    Returns:
        Rows of from, to, count (applicants, not weighted), share (of all, by weight), bad_rate (what became of
        them), and by weight: expected_loss_champion, expected_loss_challenger (sums of PD times loss) and
        realised_loss. Empty when nobody is decided otherwise.
    """
    rows = []
    for before, name_before in enumerate(DECISIONS):
        for after, name_after in enumerate(DECISIONS):
            moved = (champion.decision == before) & (challenger.decision == after)
            if before == after or not moved.any():
                continue
            lost = weight[moved] * loss[moved]
            rows.append(
                {
                    "from": name_before,
                    "to": name_after,
                    "count": int(moved.sum()),
                    "share": float(weight[moved].sum() / weight.sum()),
                    "bad_rate": float(np.average(target[moved], weights=weight[moved])),
                    "expected_loss_champion": float(lost @ champion.pd[moved]),
                    "expected_loss_challenger": float(lost @ challenger.pd[moved]),
                    "realised_loss": float(lost @ target[moved]),
                }
            )
    return rows
