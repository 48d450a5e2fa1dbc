"""The documents that a run leaves: `verdict.json` of each window and `index.json` of all. Their form is stable.

A key is never renamed or given another meaning under one `schema_version`; new keys may appear.
Does not know where documents are kept.
"""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from credit_contract.schema import Frozen
from drift_monitor.drift import SCORE, Shift
from drift_monitor.fairness import Approval
from drift_monitor.finding import Finding
from drift_monitor.maturity import Maturity
from drift_monitor.promise import ExpectedLoss, Promise
from drift_monitor.verdict import Verdict


class WindowVerdict(Frozen):
    """verdict.json: one window, what was measured in it, and what to do. Times are UTC, shares between 0 and 1.

    `maturity_of_others` is the same vintage as other models decided it, such as the one before: shown, never judged.
    """

    schema_version: Literal[1] = 1
    window: str
    start: datetime
    end: datetime
    decisions: int
    model_digest: str
    verdict: Verdict
    because: str
    findings: tuple[Finding, ...]
    shifts: tuple[Shift, ...] = ()
    drift_share: float = 0.0
    promised: Promise | None = None
    promised_approved: Promise | None = None
    reference_gini: float | None = None
    expected_loss: ExpectedLoss | None = None
    maturity: Maturity | None = None
    maturity_of_others: Maturity | None = None
    fairness: tuple[Approval, ...] = ()
    repeated_decisions: int = 0
    unknown_outcomes: int = 0
    report_rows: int = 0

    @property
    def shown_maturity(self) -> Maturity | None:
        """Of the window's own model, or while that has no vintage, of those before it."""
        return self.maturity or self.maturity_of_others


class WindowLine(Frozen):
    """One window in the index: enough for a list and a timeline.

    `promised_gini` is of the window's own decisions, the declined too, `promised_approved_gini` of the approved among
    them. Realised and expected figures, and `vintage_promised_gini`, are of the vintage that had matured at its end.
    """

    window: str
    start: datetime
    end: datetime
    decisions: int
    model_digest: str
    verdict: Verdict
    because: str
    score_psi: float | None
    largest_psi: float | None
    largest_psi_field: str | None
    promised_gini: float | None
    realised_gini: float | None
    expected_default_rate: float | None
    realised_default_rate: float | None
    has_report: bool
    promised_approved_gini: float | None = None
    vintage_promised_gini: float | None = None


class Run(Frozen):
    """The last run. `future_decisions` bear a time after `end`, as when a clock jumped: they wait.

    `unplaced_decisions` bear no time, or no model: no window can hold them.
    """

    started: datetime
    finished: datetime
    seconds: float
    start: datetime
    end: datetime
    verdict: Verdict
    windows: int
    future_decisions: int
    unplaced_decisions: int = 0


class Index(Frozen):
    """index.json: windows in order of time, and the run that wrote it."""

    schema_version: Literal[1] = 1
    run: Run
    windows: tuple[WindowLine, ...]


def line_of(document: WindowVerdict) -> WindowLine:
    """A window's line in the index."""
    fields = [shift for shift in document.shifts if shift.name != SCORE]
    largest = max(fields, key=lambda shift: shift.psi, default=None)
    vintage = document.shown_maturity
    realised = vintage.realised if vintage else None
    return WindowLine(
        window=document.window,
        start=document.start,
        end=document.end,
        decisions=document.decisions,
        model_digest=document.model_digest,
        verdict=document.verdict,
        because=document.because,
        score_psi=next((shift.psi for shift in document.shifts if shift.name == SCORE), None),
        largest_psi=largest.psi if largest else None,
        largest_psi_field=largest.name if largest else None,
        promised_gini=_gini(document.promised),
        realised_gini=realised.gini if realised else None,
        expected_default_rate=realised.expected_default_rate if realised else None,
        realised_default_rate=realised.default_rate if realised else None,
        has_report=document.report_rows > 0,
        promised_approved_gini=_gini(document.promised_approved),
        vintage_promised_gini=_gini(vintage.promised if vintage else None),
    )


def _gini(promise: Promise | None) -> float | None:
    return promise.gini.value if promise else None
