"""The dashboard of delivery: does the cluster run what git says, and does a release arrive."""

from __future__ import annotations

from grafana_foundation_sdk.builders.dashboard import Dashboard
from grafana_foundation_sdk.models import units

from credit_delivery.dashboards.panels import NAMESPACE, RATE, Panels, figure, page, rows, series

APPLICATIONS = "argocd_app_info"


def delivery() -> Dashboard:
    """The page."""
    panels = (*_now(), *_running(), *_arriving(), *_failing())
    return page(
        "scoring-delivery", "Scoring: delivery", "Does the cluster run what git says", "kube_deployment_created", panels
    )


def _now() -> Panels:
    return (
        figure("Applications", units.Short, f"count({APPLICATIONS})", legend=""),
        figure("Out of sync", units.Short, _not("sync_status", "Synced"), legend=""),
        figure("Not healthy", units.Short, _not("health_status", "Healthy"), legend=""),
        figure("Failed syncs, 1 hour", units.Short, _failed(), legend=""),
        figure(
            "Containers that wait", units.Short, _waiting(), "Starting, crashing, or without their image.", legend=""
        ),
        figure(
            "Restarts, 1 hour",
            units.Short,
            f"sum(increase({_kube('pod_container_status_restarts_total')}[1h]))",
            legend="",
        ),
    )


def _running() -> Panels:
    return (
        rows(
            "Applications",
            f"max by (name, sync_status, health_status, dest_namespace) ({APPLICATIONS})",
            *("name", "sync_status", "health_status", "dest_namespace"),
        ),
        rows(
            "Images that run",
            f"count by (namespace, container, image) ({_kube('pod_container_info')})",
            *("namespace", "container", "image"),
        ),
    )


def _arriving() -> Panels:
    return (
        series(
            "Syncs",
            units.Short,
            ("{{name}} {{phase}}", f"sum by (name, phase) ({_synced(RATE)})"),
        ),
        series(
            "Time to reconcile, p95",
            units.Seconds,
            ("p95", f"histogram_quantile(0.95, sum by (le) (rate(argocd_app_reconcile_bucket[{RATE}])))"),
            about="How long Argo CD takes to compare an Application with git.",
        ),
        series(
            "Rollout of scoring-api",
            units.Short,
            *(
                (f"{{{{namespace}}}} {said}", _kube(metric, 'deployment="scoring-api"'))
                for said, metric in (
                    ("wanted", "deployment_spec_replicas"),
                    ("new", "deployment_status_replicas_updated"),
                    ("ready", "deployment_status_replicas_ready"),
                    ("unavailable", "deployment_status_replicas_unavailable"),
                )
            ),
        ),
    )


def _failing() -> Panels:
    return (
        series(
            "Jobs that failed",
            units.Short,
            ("{{namespace}} {{job_name}}", f"({_kube('job_status_failed')} > 0) or vector(0)"),
            about="Migrations, golden checks, retraining.",
        ),
        rows(
            "Alerts",
            'ALERTS{alertstate="firing"} or label_replace(vector(0), "alertname", "none", "", "")',
            *("alertname", "severity", "namespace", "name"),
            width=24,
        ),
    )


def _kube(metric: str, matcher: str = "") -> str:
    return f"kube_{metric}{{{', '.join(filter(None, (NAMESPACE, matcher)))}}}"


def _not(label: str, well: str) -> str:
    return f'count({APPLICATIONS}{{{label}!="{well}"}}) or vector(0)'


def _failed() -> str:
    return f"""sum({_synced("1h", '{phase=~"Failed|Error"}')}) or vector(0)"""


def _synced(window: str, matcher: str = "") -> str:
    """Syncs that ended in a window. The first of its sort makes the counter, which then has not increased.

    Where Prometheus has not looked for that long, every counter is new, and its first is not counted.
    """
    syncs = f"argocd_app_sync_total{matcher}"
    looked = f"group({APPLICATIONS} offset {window})"
    return f"{syncs} unless {syncs} offset {window} and on () {looked} or increase({syncs}[{window}])"


def _waiting() -> str:
    reasons = _kube("pod_container_status_waiting_reason")
    init = _kube("pod_init_container_status_waiting_reason")
    return f"sum({reasons} or {init}) or vector(0)"
