"""The dashboard of the drift monitor: the last window's verdict, what moved, and what became of decisions."""

from __future__ import annotations

from grafana_foundation_sdk.builders.dashboard import Dashboard
from grafana_foundation_sdk.models import units

from credit_delivery.dashboards.panels import NAMESPACE, Panels, figure, page, series, states


def drift() -> Dashboard:
    """The page."""
    panels = (*_now(), *_window(), *_promised(), *_runs())
    return page("scoring-drift", "Scoring: drift", "What the drift monitor says", "drift_monitor_stale", panels)


def _now() -> Panels:
    return (
        figure("Report is stale", units.Short, _gauge("stale"), "1 when nothing was published for two intervals."),
        figure("Age of the report", units.Seconds, f"time() - {_gauge('last_run_seconds')}"),
        figure("Decisions in the window", units.Short, _gauge("window_decisions")),
        figure("Fields that drifted", units.PercentUnit, _gauge("drift_share")),
        figure("Expected loss", units.Short, _gauge("expected_loss"), "Of approved decisions, in the exposure's unit."),
        figure("Retraining jobs failed", units.Short, _retraining("failed")),
    )


def _window() -> Panels:
    return (
        states("Verdict", ("{{namespace}} {{verdict}}", _gauge("verdict")), about="1 is the last window's."),
        series(
            "PSI by field", units.Short, ("{{field}}", _gauge("psi")), about="0.1 is worth a look, 0.25 is a shift."
        ),
        series("Without a value, by field", units.PercentUnit, ("{{field}}", _gauge("missing_share"))),
        series(
            "Adverse impact ratio",
            units.PercentUnit,
            ("{{attribute}}", _gauge("adverse_impact_ratio")),
            about="Lowest approval rate over highest; four fifths is the usual line.",
        ),
    )


def _promised() -> Panels:
    return (
        *(
            series(
                f"{figure}: promised and realised",
                units.PercentUnit,
                ("promised to the same", promised),
                ("realised", _gauge("realised", realised)),
                about="Both of the vintage that matured last: of its decisions whose outcome is known.",
            )
            for figure, promised, realised in (
                ("Gini", _gauge("promised", 'figure="gini"'), 'figure="gini"'),
                ("Default rate", _gauge("realised", 'figure="expected_default_rate"'), 'figure="default_rate"'),
            )
        ),
        series(
            "Estimated before outcomes",
            units.PercentUnit,
            ("Gini", _gauge("estimated", 'figure="gini"')),
            ("default rate", _gauge("estimated", 'figure="default_rate"')),
            about="Of everybody in the last window, the declined too: not to be held against what vintages realised.",
        ),
        series("Promised minus realised", units.Short, ("{{figure}}", _gauge("estimate_error"))),
        series(
            "Outcomes",
            units.PercentUnit,
            ("known, of the last vintage", _gauge("matured_share")),
            ("never to be known: declined", _gauge("censored_share")),
        ),
    )


def _runs() -> Panels:
    return (
        series(
            "Oddities in the data",
            units.Short,
            ("outcomes of unknown decisions", _gauge("unknown_outcomes")),
            ("decisions from the future", _gauge("future_decisions")),
        ),
        series("Runs", units.Short, ("{{namespace}} {{result}}", f"{_gauge('runs_total')} or 0 * {_gauge('stale')}")),
        series("Duration of a run", units.Seconds, ("{{namespace}}", _gauge("run_duration_seconds"))),
        series(
            "Retraining jobs",
            units.Short,
            ("under way", _retraining("active")),
            ("succeeded", _retraining("succeeded")),
            ("failed", _retraining("failed")),
        ),
    )


def _gauge(name: str, matcher: str = "") -> str:
    return f"drift_monitor_{name}{{{', '.join(filter(None, (NAMESPACE, matcher)))}}}"


def _retraining(state: str) -> str:
    """Jobs that the monitor started, by what Kubernetes says of them; 0 where there is none."""
    return f'sum(kube_job_status_{state}{{{NAMESPACE}, job_name=~"drift-monitor-retrain.*"}}) or vector(0)'
