"""One window, measured: everything that the history has to be asked for. Does not know what is normal.

All that comes after it works on these counts, so a window of ten million decisions is as small as one of five hundred.
"""

from __future__ import annotations

from dataclasses import dataclass

from credit_contract.bundle import Bundle
from drift_monitor.counting import WindowCounts, count_window
from drift_monitor.history import History, quoted
from drift_monitor.maturity import CountedOutcomes, counted_outcomes, unknown_outcomes
from drift_monitor.promise import CountedPds, ExpectedLoss, counted_pds, expected_loss
from drift_monitor.settings import Performance
from drift_monitor.windows import Window


@dataclass(frozen=True, slots=True)
class Measured:
    """A window's decisions, and the vintage whose performance window has become complete."""

    counts: WindowCounts
    pds: CountedPds
    approved_pds: CountedPds
    expected_loss: ExpectedLoss | None
    vintage: CountedOutcomes
    vintage_of_others: CountedOutcomes
    unknown_outcomes: int


def measure(history: History, window: Window, bundle: Bundle, performance: Performance) -> Measured:
    """Count a window as it was known at its end.

    Raises:
        JournalError: the history cannot be read.
    """
    vintage = window.vintage(performance.days, performance.pooled_windows)
    return Measured(
        counts=count_window(history, window, bundle.schema, bundle.baseline),
        pds=counted_pds(history, window.condition),
        approved_pds=counted_pds(history, f"{window.condition} AND decision = 'approve'"),
        expected_loss=_expected_loss(history, window, bundle),
        vintage=counted_outcomes(history, window.digest, vintage, window.end),
        vintage_of_others=counted_outcomes(history, window.digest, vintage, window.end, others=True),
        unknown_outcomes=unknown_outcomes(history, window.start, window.end),
    )


def _expected_loss(history: History, window: Window, bundle: Bundle) -> ExpectedLoss | None:
    field, share = bundle.policy.exposure_field, bundle.policy.loss_given_default
    if field is None or field not in history.columns:
        return None
    return expected_loss(history, window.condition, f"TRY_CAST({quoted(field)} AS DOUBLE)", share)
