"""Every metric of the monitor, declared once; all names start with `drift_monitor_`. One registry per application.

Says what the last published window says, however long ago that was: `last_run_seconds` and `stale` tell its age.
"""

from __future__ import annotations

import time

from prometheus_client import CollectorRegistry, Counter, Gauge
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

from drift_monitor.document import Index, WindowVerdict
from drift_monitor.verdict import SEVERITY

CONTENT_TYPE = CONTENT_TYPE_LATEST
UNKNOWN = float("nan")


class Metrics:
    """Gauges of the last window, and counters of this process's own runs."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._runs = Counter("drift_monitor_runs", "Runs of this process.", ["result"], registry=self.registry)
        self._psi = self._gauge("psi", "PSI against the baseline, by field; `score` for the PD.", "field")
        self._missing = self._gauge("missing_share", "Share of decisions without a value, by field.", "field")
        self._verdict = self._gauge("verdict", "1 for the last window's verdict.", "verdict")
        self._window = self._gauge("window_info", "The last window.", "window", "model_digest")
        self._adverse_impact = self._gauge("adverse_impact_ratio", "Lowest approval rate over highest.", "attribute")
        self._approval = self._gauge("approval_rate", "Approved over decided, by group.", "attribute", "group")
        self._estimated = self._gauge("estimated", "Figures promised by all PDs of the last window.", "figure")
        self._promised = self._gauge("promised", "Figures that PDs promised to the last matured vintage.", "figure")
        self._realised = self._gauge("realised", "Figures of the last matured vintage.", "figure")
        self._error = self._gauge("estimate_error", "Promised minus realised, of the same decisions.", "figure")
        self._drift_share = self._gauge("drift_share", "Share of fields, and the score, that drifted.")
        self._decisions = self._gauge("window_decisions", "Decisions in the last window.")
        self._window_end = self._gauge("window_end_seconds", "End of the last window, Unix time.")
        self._expected_loss = self._gauge("expected_loss", "Expected loss of approved decisions, exposure's unit.")
        self._matured = self._gauge("matured_share", "Outcomes known over decisions not declined, last vintage.")
        self._vintage = self._gauge("vintage_decisions", "Decisions not declined, last vintage.")
        self._censored = self._gauge("censored_share", "Declined, never to have an outcome, over decided.")
        self._unknown = self._gauge("unknown_outcomes", "Outcomes of decisions that nobody knows, last window.")
        self._future = self._gauge("future_decisions", "Decisions that bear a time after the last run.")
        self._last_run = self._gauge("last_run_seconds", "End of the last run that published, Unix time.")
        self._duration = self._gauge("run_duration_seconds", "Duration of the last run that published.")
        self._stale = self._gauge("stale", "1 when no run has published for two intervals.")

    def ran(self, result: str) -> None:
        """One run of this process: `published` or `failed`."""
        self._runs.labels(result).inc()

    def show(self, index: Index | None, last: WindowVerdict | None, interval_s: float) -> None:
        """Take over what was published; nothing yet is stale."""
        age = float("inf") if index is None else time.time() - index.run.finished.timestamp()
        self._stale.set(float(abs(age) > 2 * interval_s))  # a run of the future: a clock ran ahead, or does
        if index is not None:
            self._last_run.set(index.run.finished.timestamp())
            self._duration.set(index.run.seconds)
            self._future.set(index.run.future_decisions)
        if last is not None:
            self._show_window(last)
        else:
            self._verdict.clear()
            self._window.clear()

    def exposition(self) -> bytes:
        """All of it as Prometheus text."""
        return generate_latest(self.registry)

    def _show_window(self, last: WindowVerdict) -> None:
        for gauge in (self._psi, self._missing, self._window, self._adverse_impact, self._approval):
            gauge.clear()
        for verdict in SEVERITY:
            self._verdict.labels(verdict).set(float(verdict == last.verdict))
        self._window.labels(last.window, last.model_digest[:12]).set(1)
        self._decisions.set(last.decisions)
        self._window_end.set(last.end.timestamp())
        self._drift_share.set(last.drift_share)
        self._unknown.set(last.unknown_outcomes)
        for shift in last.shifts:
            self._psi.labels(shift.name).set(shift.psi)
            self._missing.labels(shift.name).set(shift.missing)
        for row in last.fairness:
            for group in row.groups:
                if group.judged:
                    self._approval.labels(row.attribute, group.name).set(group.approval_rate)
            if row.adverse_impact_ratio is not None:
                self._adverse_impact.labels(row.attribute).set(row.adverse_impact_ratio)
        self._show_performance(last)

    def _show_performance(self, last: WindowVerdict) -> None:
        for gauge in (self._estimated, self._promised, self._realised, self._error):
            gauge.clear()
        vintage = last.shown_maturity
        for gauge, promise in ((self._estimated, last.promised), (self._promised, vintage and vintage.promised)):
            for figure in ("auc", "gini", "ks", "default_rate") if promise else ():
                gauge.labels(figure).set(getattr(promise, figure).value)
        self._expected_loss.set(last.expected_loss.loss.value if last.expected_loss else UNKNOWN)
        matured, censored = (vintage.matured, vintage.censored) if vintage else (None, None)
        self._matured.set(UNKNOWN if matured is None else matured)
        self._vintage.set(vintage.lent if vintage else 0)
        self._censored.set(UNKNOWN if censored is None else censored)
        if vintage is None:
            return
        figures = vintage.realised.model_dump() if vintage.realised else {}
        for figure, value in figures.items():
            if value is not None:
                self._realised.labels(figure).set(value)
        for figure in ("gini", "default_rate"):
            error = getattr(vintage, f"{figure}_error")
            if error is not None:
                self._error.labels(figure).set(error)

    def _gauge(self, name: str, text: str, *labels: str) -> Gauge:
        return Gauge(f"drift_monitor_{name}", text, labels, registry=self.registry)
