"""Made-up applicants of a bundle, their right PDs, and request bodies that differ. Knows the contract, no server."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from credit_contract.applicant import encode
from credit_contract.bundle import Bundle
from credit_contract.golden import synthesise
from scoring_api.model import load

MADE = 20_000
SEED = 4
BODIES = {1: 200, 100: 20}
"""How many different bodies there are of each size."""

Applicant = dict[str, Any]


@dataclass(frozen=True)
class People:
    """Applicants of a bundle and the PD of each."""

    bundle: Bundle
    rows: Sequence[Applicant]
    pd: npt.NDArray[np.float64]

    @classmethod
    def made(cls, folder: Path) -> People:
        """Applicants of the bundle in `folder`, scored in this process."""
        model = load(folder, "bench")
        rows = synthesise(model.bundle.schema, model.bundle.baseline, MADE, SEED)
        return cls(model.bundle, rows, model.pd(encode(model.bundle.schema, rows)).astype(np.float64))

    def approved(self) -> People:
        """Those who need no reasons, so that answering is nothing but scoring."""
        return self._taken(np.flatnonzero(self.bundle.policy.decisions(self.pd) == 0))

    def mixed(self) -> People:
        """Approved, referred and declined in the shares of the bundle's development data."""
        decisions = self.bundle.policy.decisions(self.pd)
        shares = np.array(self.bundle.baseline.decisions, dtype=float)
        shares /= shares.sum()
        size = min(int((decisions == kind).sum() / share) for kind, share in enumerate(shares) if share)
        chosen = [np.flatnonzero(decisions == kind)[: int(size * share)] for kind, share in enumerate(shares)]
        return self._taken(np.random.default_rng(SEED).permutation(np.concatenate(chosen)))

    def groups(self, size: int) -> list[People]:
        """The people of each body: each body has others as far as they last."""
        places = np.arange(BODIES[size] * size) % len(self.rows)
        return [self._taken(group) for group in places.reshape(-1, size)]

    def _taken(self, places: npt.NDArray[np.int64]) -> People:
        return People(self.bundle, [self.rows[place] for place in places.tolist()], self.pd[places])
