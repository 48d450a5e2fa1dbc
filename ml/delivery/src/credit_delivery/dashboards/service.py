"""The dashboard of the service: does it answer, how fast, and how much of the month's promise is left."""

from __future__ import annotations

from grafana_foundation_sdk.builders.dashboard import Dashboard
from grafana_foundation_sdk.models import units

from credit_delivery.dashboards.panels import NAMESPACE, RATE, Panels, figure, page, series

# Probes fail while a pod starts, as they should; nobody's application waits for them.
ASKED = f'{NAMESPACE}, route!~".*(health|ready|live)|/metrics"'
REQUESTS = f"sum by (namespace) (rate(scoring_api_requests_total{{{ASKED}}}[{RATE}]))"
SECONDS = f"scoring_api_request_seconds_bucket{{{ASKED}}}[{RATE}]"


def service() -> Dashboard:
    """The page."""
    panels = (*_now(), *_traffic(), *_budget(), *_pods())
    return page(
        "scoring-service",
        "Scoring: service",
        "Does it answer, how fast, how much promise is left",
        "scoring_api_ready",
        panels,
    )


def _now() -> Panels:
    return (
        figure("Pods ready", units.Short, f"sum by (namespace) (scoring_api_ready{{{NAMESPACE}}})"),
        figure("Requests", units.RequestsPerSecond, REQUESTS),
        figure(
            "Server errors, 5 minutes", units.PercentUnit, f"namespace:scoring_api_errors:ratio_rate5m{{{NAMESPACE}}}"
        ),
        figure("p99", units.Seconds, _quantile(0.99)),
        figure(
            "Error budget left",
            units.PercentUnit,
            f"1 - namespace:scoring_api_errors:ratio_rate3d{{{NAMESPACE}}} / 0.001",
            "Of 99.9 %, at the pace of the last three days; below zero the promise is broken.",
        ),
        figure("Alerts firing", units.Short, 'count(ALERTS{alertstate="firing"}) or vector(0)', legend=""),
    )


def _traffic() -> Panels:
    return (
        series("Requests by code", units.RequestsPerSecond, ("{{namespace}} {{code}}", _requests("code"))),
        series("Requests by model", units.RequestsPerSecond, ("{{namespace}} {{model}}", _requests("model"))),
        series(
            "Latency", units.Seconds, *((f"p{q * 100:g} {{{{namespace}}}}", _quantile(q)) for q in (0.5, 0.95, 0.99))
        ),
        series("Mean time by stage", units.Seconds, ("{{namespace}} {{stage}}", _stage())),
    )


def _budget() -> Panels:
    return (
        series(
            "Budget burnt, times the pace of the month",
            units.Short,
            *_burns("errors", "0.001"),
            about="Errors: 99.9 %.",
        ),
        series("Budget of slow answers burnt", units.Short, *_burns("slow", "0.01"), about="Within 100 ms: 99 %."),
    )


def _pods() -> Panels:
    return (
        series(
            "Decisions waiting for the database",
            units.Seconds,
            ("{{namespace}}", f"max by (namespace) (scoring_api_journal_lag_seconds{{{NAMESPACE}}})"),
        ),
        series(
            "Spool",
            units.BytesIEC,
            ("{{namespace}}", f"sum by (namespace) (scoring_api_journal_spool_bytes{{{NAMESPACE}}})"),
        ),
        series("Requests in flight", units.Short, ("{{namespace}} {{pod}}", f"scoring_api_in_flight{{{NAMESPACE}}}")),
        series(
            "CPU",
            units.Short,
            ("{{namespace}} {{pod}}", f"rate(scoring_api_process_cpu_seconds_total{{{NAMESPACE}}}[{RATE}])"),
            about="Cores; a pod never uses more than one.",
        ),
        series(
            "Pods: now, at most",
            units.Short,
            ("{{namespace}} now", f"kube_horizontalpodautoscaler_status_current_replicas{{{NAMESPACE}}}"),
            ("{{namespace}} at most", f"kube_horizontalpodautoscaler_spec_max_replicas{{{NAMESPACE}}}"),
        ),
    )


def _requests(label: str) -> str:
    return f"sum by (namespace, {label}) (rate(scoring_api_requests_total{{{ASKED}}}[{RATE}]))"


def _quantile(share: float) -> str:
    return f"histogram_quantile({share}, sum by (namespace, le) (rate({SECONDS})))"


def _stage() -> str:
    total, count = (
        f"sum by (namespace, stage) (rate(scoring_api_stage_seconds_{part}{{{NAMESPACE}}}[{RATE}]))"
        for part in ("sum", "count")
    )
    return f"{total} / {count}"


def _burns(fault: str, budget: str) -> list[tuple[str, str]]:
    """How many times faster than allowed the budget goes, by window."""
    return [
        (f"{{{{namespace}}}} {window}", f"namespace:scoring_api_{fault}:ratio_rate{window}{{{NAMESPACE}}} / {budget}")
        for window in ("5m", "1h", "6h", "3d")
    ]
