"""One measured window, assessed against its model's bundle: checks, findings, verdict. Pure.

Does not know where windows come from or where verdicts go.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from credit_contract.bundle import Bundle
from credit_contract.gates import find
from drift_monitor import drift, fairness, maturity, quality
from drift_monitor.document import WindowVerdict
from drift_monitor.finding import Check, judge
from drift_monitor.limits import Limits
from drift_monitor.measurement import Measured
from drift_monitor.promise import Promise, promise
from drift_monitor.significance import one_sided
from drift_monitor.verdict import VerdictTable, decide
from drift_monitor.windows import Window


def assess(window: Window, measured: Measured, bundle: Bundle, table: VerdictTable, limits: Limits) -> WindowVerdict:
    """The verdict on a window of a known model, with everything that it rests on."""
    counts, baseline = measured.counts, bundle.baseline
    shifts = drift.shifts(bundle.schema, baseline, counts)
    approvals = fairness.approvals(counts)
    promised, reference_gini = promise(measured.pds), find(bundle.evaluation, "network.gini")
    matured, of_others = maturity.mature(measured.vintage), maturity.mature(measured.vintage_of_others)
    checks = list(quality.checks(window, bundle.schema, baseline, counts, limits))
    if counts.with_values >= limits.smallest_window:
        checks += drift.checks(shifts, baseline, counts, limits)
        checks += fairness.checks(approvals, limits)
        checks += _estimated_loss(promised, reference_gini, limits)
    checks += maturity.checks(matured, baseline, limits)
    findings = judge(checks, limits.alpha)
    drifted = [finding for finding in findings if finding.check == "psi" and finding.fired]
    verdict, because = decide(findings, table)
    return WindowVerdict(
        window=window.name,
        start=window.start,
        end=window.end,
        decisions=counts.decisions,
        model_digest=window.digest,
        verdict=verdict,
        because=f"{because.removesuffix('.')}{maturity.completeness(matured)}.",
        findings=findings,
        shifts=shifts,
        drift_share=len(drifted) / len(shifts),
        promised=promised,
        promised_approved=promise(measured.approved_pds),
        reference_gini=reference_gini,
        expected_loss=measured.expected_loss,
        maturity=matured if matured.decided else None,
        maturity_of_others=of_others if of_others.decided else None,
        fairness=approvals,
        repeated_decisions=counts.repeated,
        unknown_outcomes=measured.unknown_outcomes,
    )


def assess_unmeasured(window: Window, last: datetime, table: VerdictTable, limits: Limits) -> WindowVerdict:
    """The verdict on a window in which nobody decided, or a model whose bundle is not at hand.

    last: the last decision before the window's end, or since when one could have been.
    """
    checks = [quality.staleness(window, last, limits)]
    if window.digest:
        text = f"{window.decisions:,} decisions were made by model {window.digest[:12]}, whose bundle is not here"
        checks.append(Check("unknown_model", "bundle", window.digest[:12], 1.0, 1.0, True, None, text))
    findings = judge(checks, limits.alpha)
    verdict, because = decide(findings, table)
    return WindowVerdict(
        window=window.name,
        start=window.start,
        end=window.end,
        decisions=window.decisions,
        model_digest=window.digest,
        verdict=verdict,
        because=because,
        findings=findings,
    )


def _estimated_loss(promised: Promise | None, reference_gini: float | None, limits: Limits) -> Iterator[Check]:
    if promised is None or reference_gini is None:
        return
    gini, fall = promised.gini, reference_gini - promised.gini.value
    yield Check(
        "estimated_loss",
        "estimated_gini",
        "gini",
        fall,
        limits.estimated_gini,
        fall >= limits.estimated_gini,
        one_sided(fall, gini.standard_error),
        f"estimated Gini is {gini.value:.3f} ({gini.low:.3f} to {gini.high:.3f}), {reference_gini:.3f} at release",
    )
