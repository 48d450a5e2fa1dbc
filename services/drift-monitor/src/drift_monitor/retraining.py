"""Whether a verdict starts a training run: once per cause, not during the cool-down, one at a time.

A run ends in a candidate that a person promotes by pull request; nothing here changes what decides. Keeps a ledger
beside the reports. Does not know how a run is started.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Literal

from credit_contract.schema import Frozen
from drift_monitor.document import WindowVerdict
from drift_monitor.errors import RetrainingError
from drift_monitor.settings import Retraining
from drift_monitor.trainers import Order, Trainer

Result = Literal["started", "dry run", "under way", "cooling down", "failed"]


class Entry(Frozen):
    """What came of one cause; `where` names the run, or says why there is none."""

    order: Order
    at: datetime
    result: Result
    where: str


class Ledger(Frozen):
    """Every cause that was acted on, in order of time."""

    schema_version: Literal[1] = 1
    entries: tuple[Entry, ...] = ()

    def started(self) -> list[Entry]:
        """Entries of runs that were started."""
        return [entry for entry in self.entries if entry.result == "started"]


def order_for(verdicts: Sequence[WindowVerdict], dataset: str, performance_days: int) -> Order | None:
    """The order that follows from the latest window, of two models the busier one; None unless it says `retrain`.

    A cause is the model and the kinds of evidence against it: more windows of the same trouble are no new cause.
    """
    decided = [verdict for verdict in verdicts if verdict.decisions]
    latest = max(decided, key=lambda verdict: (verdict.end, verdict.decisions), default=None)
    if latest is None or latest.verdict != "retrain":
        return None
    evidence = sorted({finding.evidence for finding in latest.findings if finding.fired} - {"drift", "fairness"})
    return Order(
        cause=f"{latest.model_digest}: {', '.join(evidence) or 'drift'}",
        model_digest=latest.model_digest,
        dataset=dataset,
        performance_days=performance_days,
        window=latest.window,
        because=latest.because,
        cut_off=latest.end,
    )


def act(order: Order, ledger: Ledger, settings: Retraining, trainer: Trainer | None, now: datetime) -> Ledger:
    """Start a run for an order, unless the ledger says why not; gives the ledger with what came of it."""
    started = ledger.started()
    if any(entry.order.cause == order.cause for entry in started):
        return ledger
    rest = timedelta(hours=settings.cool_down_hours)
    if started and now - started[-1].at < rest:
        return _with(ledger, order, now, "cooling down", f"until {started[-1].at + rest:%Y-%m-%d %H:%M} UTC")
    if trainer is None:
        return _with(ledger, order, now, "dry run", "a run is due; retraining.by does not start any")
    try:
        where = trainer.start(order)
    except RetrainingError as error:
        return _with(ledger, order, now, "failed", str(error))
    if where is None:
        return _with(ledger, order, now, "under way", "a run for this or another cause has not ended yet")
    return _with(ledger, order, now, "started", where)


def _with(ledger: Ledger, order: Order, now: datetime, result: Result, where: str) -> Ledger:
    """One entry per cause and result: a cause that waits is not written down at every interval."""
    kept = [e for e in ledger.entries if e.order.cause != order.cause or e.result != result or e.result == "started"]
    return Ledger(entries=(*kept, Entry(order=order, at=now, result=result, where=where)))
