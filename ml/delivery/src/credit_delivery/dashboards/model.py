"""The dashboard of the model: which one answers, whether git names it, and what it decides."""

from __future__ import annotations

from grafana_foundation_sdk.builders.dashboard import Dashboard
from grafana_foundation_sdk.models import units

from credit_delivery.dashboards.panels import NAMESPACE, RATE, Panels, figure, page, rows, series

SCORES = f"rate(scoring_api_score_bucket{{{NAMESPACE}}}[{RATE}])"
BUNDLE = f"scoring_api_bundle_info{{{NAMESPACE}}}"


def model() -> Dashboard:
    """The page."""
    panels = (*_now(), *_answering(), *_deciding())
    return page(
        "scoring-model", "Scoring: model", "Which model answers, and what it decides", "scoring_api_bundle_info", panels
    )


def _now() -> Panels:
    return (
        figure("Models answering", units.Short, f"count by (namespace) (count by (namespace, model) ({BUNDLE}))"),
        figure(
            "Applicants",
            units.Short,
            f"sum by (namespace) (increase(scoring_api_decisions_total{{{NAMESPACE}}}[1h]))",
            "Decided in the last hour.",
        ),
        figure("Approved", units.PercentUnit, _share("approve")),
        figure("Referred", units.PercentUnit, _share("refer")),
        figure("Declined", units.PercentUnit, _share("decline")),
        figure("Median score", units.Short, f"histogram_quantile(0.5, sum by (namespace, le) ({SCORES}))"),
    )


def _answering() -> Panels:
    return (
        rows(
            "Answering",
            f"count by (namespace, tag, model, dataset, version, policy) ({BUNDLE})",
            *("namespace", "tag", "model", "dataset", "version", "policy"),
            about="By what the pods say of themselves.",
        ),
        rows("Named by git", "namespace:scoring_api_model_named:info", "namespace", "model", about="By environments/."),
    )


def _deciding() -> Panels:
    return (
        series(
            "Decisions",
            units.CountsPerSecond,
            ("{{namespace}} {{decision}}", _decided("namespace, decision")),
        ),
        series(
            "Decisions by model",
            units.CountsPerSecond,
            ("{{namespace}} {{model}}", _decided("namespace, model")),
        ),
        series(
            "Approved, by model",
            units.PercentUnit,
            ("{{namespace}} {{model}}", _share("approve", "namespace, model")),
            about="A promotion that moves this line moves it for applicants.",
        ),
        series(
            "Score by model",
            units.Short,
            *(
                (f"p{q * 100:g} {{{{model}}}}", f"histogram_quantile({q}, sum by (namespace, model, le) ({SCORES}))")
                for q in (0.1, 0.5, 0.9)
            ),
        ),
    )


def _share(decision: str, by: str = "namespace") -> str:
    """Of all decisions, the share that is this one; 0 where there are others only."""
    chosen, all_of_them = _decided(by, f', decision="{decision}"'), _decided(by)
    return f"({chosen} or 0 * {all_of_them}) / {all_of_them}"


def _decided(by: str, matcher: str = "") -> str:
    return f"sum by ({by}) (rate(scoring_api_decisions_total{{{NAMESPACE}{matcher}}}[{RATE}]))"
