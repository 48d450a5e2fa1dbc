"""Who asks, and how: what a request is beside its applicants. Does not know HTTP."""

from __future__ import annotations

import msgspec

from scoring_api.metrics import Stage

Stages = list[tuple[Stage, float, float]]
"""Stages of one request, each from when to when."""


class Ask(msgspec.Struct):
    """One question: `started` is the request's arrival on the performance counter.

    `key` is the Idempotency-Key; `stages` is filled where the request is traced.
    """

    request_id: str
    caller: str
    started: float
    explain: bool = False
    reference: str | None = None
    key: str | None = None
    stages: Stages | None = None
