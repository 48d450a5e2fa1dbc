"""A dataset version as arrays: what every step of training reads.

Made by `prepare`, used by fitting, evaluation and exploration. Does not know where the rows came from.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from credit_contract.applicant import Encoded
from credit_contract.schema import FeatureSchema

Rows = npt.NDArray[np.bool_] | npt.NDArray[np.integer[Any]]


@dataclass(frozen=True, slots=True)
class Portfolio:
    """n applicants with known outcomes.

    target: int8 [n], 1 = bad. weight: float64 [n], restores the prior where the sample was balanced, else ones.
    group: int64 [n], equal for duplicates, which must stay in one fold.
    time: datetime64[D] [n], or None where the dataset has no dates.
    protected: text [n] per protected field, for monitoring only; missing is "missing".
    holdout: bool [n]; sha256: hash of the dataset version, split included.
    """

    schema: FeatureSchema
    encoded: Encoded
    target: npt.NDArray[np.int8]
    weight: npt.NDArray[np.float64]
    group: npt.NDArray[np.int64]
    holdout: npt.NDArray[np.bool_]
    protected: dict[str, npt.NDArray[np.str_]]
    sha256: str
    time: npt.NDArray[np.datetime64] | None = None

    def __len__(self) -> int:
        return len(self.target)

    def take(self, rows: Rows) -> Portfolio:
        """The same portfolio with some of its rows, by mask or by index."""
        return Portfolio(
            schema=self.schema,
            encoded=Encoded(self.encoded.numbers[rows], self.encoded.categories[rows]),
            target=self.target[rows],
            weight=self.weight[rows],
            group=self.group[rows],
            holdout=self.holdout[rows],
            protected={name: values[rows] for name, values in self.protected.items()},
            sha256=self.sha256,
            time=None if self.time is None else self.time[rows],
        )

    def development(self) -> Portfolio:
        """What models may be fitted and chosen on."""
        return self.take(~self.holdout)

    def test(self) -> Portfolio:
        """The hold-out: looked at once per run, never fitted on."""
        return self.take(self.holdout)
