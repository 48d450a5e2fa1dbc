"""A recorded decision made again: bit-equal with the bundle, image and CPU family that made it. Does not run models."""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import orjson
from sqlalchemy import Connection

from credit_contract.decision import StoredDecision
from scoring_api.errors import InvalidRequestError, NotFoundError
from scoring_api.journal import reading

Rescore = Callable[[Mapping[str, Any]], tuple[float, str]]


class Replay(NamedTuple):
    """A decision as recorded, and the PD and decision that come out now."""

    recorded: StoredDecision
    pd: float
    decision: str

    @property
    def bit_equal(self) -> bool:
        """Whether the PDs are equal to the last bit."""
        return struct.pack("<d", self.pd) == struct.pack("<d", self.recorded.pd)

    @property
    def difference(self) -> float:
        """|ΔPD|."""
        return abs(self.pd - self.recorded.pd)

    @property
    def same_decision(self) -> bool:
        """Whether the applicant would be told the same."""
        return self.decision == self.recorded.decision

    def __str__(self) -> str:
        name = f"decision {self.recorded.id}, recorded PD {self.recorded.pd!r} ({self.recorded.decision})"
        if self.bit_equal and self.same_decision:
            return f"{name}: bit-equal"
        verdict = "the same decision" if self.same_decision else f"now {self.decision}"
        return f"{name}: PD differs by {self.difference:.3g}, {verdict}"


def replay(connection: Connection, decision_id: str, model_digest: str, rescore: Rescore) -> Replay:
    """Score a recorded applicant again with the bundle of that digest; `rescore` gives PD and decision of an applicant.

    Raises:
        NotFoundError: no such decision.
        InvalidRequestError: another bundle decided, or the values were deleted.
    """
    recorded = reading.decision(connection, decision_id)
    if recorded is None:
        raise NotFoundError(f"no decision {decision_id} in the journal")
    if recorded.model_digest != model_digest:
        raise InvalidRequestError(
            f"decision {decision_id} was made by model {recorded.model_digest}, the bundle is {model_digest}; "
            f"give the bundle that the release calls {recorded.model_tag}"
        )
    values = reading.applicant(connection, decision_id)
    if values is None:
        raise InvalidRequestError(f"decision {decision_id} cannot be replayed: the applicant's values were deleted")
    return Replay(recorded, *rescore(orjson.loads(values.applicant)))
