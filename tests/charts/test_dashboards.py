import json
import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
import yaml

import drift_monitor.metrics
import scoring_api.metrics
from credit_delivery.dashboards.files import FOLDER, PAGES, Query, queries
from credit_delivery.dashboards.prometheus import faults
from credit_delivery.errors import DeliveryError

from .rendering import CHARTS, ROOT, helm, program, run

QUERIES = queries(ROOT / FOLDER)
# One series of each metric that others expose, and of the monitor's that have labels.
OTHERS = [
    'ALERTS{alertname="JournalLags", alertstate="firing", severity="warning"}',
    'argocd_app_info{name="a", sync_status="Synced", health_status="Healthy", dest_namespace="staging"}',
    'argocd_app_reconcile_bucket{le="1"}',
    'argocd_app_reconcile_bucket{le="+Inf"}',
    'argocd_app_sync_total{name="a", phase="Succeeded"}',
    'drift_monitor_adverse_impact_ratio{attribute="sex"}',
    'drift_monitor_estimate_error{figure="gini"}',
    'drift_monitor_estimated{figure="gini"}',
    'drift_monitor_estimated{figure="default_rate"}',
    'drift_monitor_missing_share{field="age"}',
    'drift_monitor_promised{figure="gini"}',
    'drift_monitor_psi{field="age"}',
    'drift_monitor_realised{figure="gini"}',
    'drift_monitor_realised{figure="default_rate"}',
    'drift_monitor_realised{figure="expected_default_rate"}',
    'drift_monitor_verdict{verdict="ok"}',
    'kube_deployment_spec_replicas{deployment="scoring-api"}',
    'kube_deployment_status_replicas_ready{deployment="scoring-api"}',
    'kube_deployment_status_replicas_unavailable{deployment="scoring-api"}',
    'kube_deployment_status_replicas_updated{deployment="scoring-api"}',
    'kube_horizontalpodautoscaler_spec_max_replicas{horizontalpodautoscaler="scoring-api"}',
    'kube_horizontalpodautoscaler_status_current_replicas{horizontalpodautoscaler="scoring-api"}',
    'kube_pod_container_info{container="scoring-api", image="scoring-api:1"}',
    'kube_pod_container_status_restarts_total{pod="a"}',
    'namespace:scoring_api_model_named:info{namespace="staging", model="abc"}',
]


def exposed() -> list[str]:
    """What both services say of themselves: scoring-api after one request, the monitor before any window."""
    api = scoring_api.metrics.Metrics()
    api.serves("taiwan-1", "abc", "taiwan", "v2", "1")
    api.answered("/v1/score", 200, "abc", 0.004)
    api.decided("abc", ["approve"], [640])
    api.took("model", 0.001)
    text = (api.exposition() + drift_monitor.metrics.Metrics().exposition()).decode()
    return [line.rpartition(" ")[0] for line in text.splitlines() if not line.startswith("#")]


def families() -> set[str]:
    """Names of all metrics of both services."""
    text = (scoring_api.metrics.Metrics().exposition() + drift_monitor.metrics.Metrics().exposition()).decode()
    return set(re.findall(r"^# TYPE (\S+)", text, re.MULTILINE))


def test_every_panel_shows_something(tmp_path: Path) -> None:
    series = [*exposed(), *OTHERS]
    checks = [
        {
            "expr": f"count({query.expression}) > bool 0",
            "eval_time": "20m",
            "exp_samples": [{"labels": "{}", "value": 1}],
        }
        for query in QUERIES
    ]
    test = {
        "input_series": [{"series": name, "values": "1+1x40"} for name in series],
        "interval": "1m",
        "promql_expr_test": checks,
    }
    rules = [str(CHARTS / "monitoring/rules" / name) for name in ("availability.yaml", "latency.yaml")]
    path = tmp_path / "tests.yaml"
    path.write_text(yaml.safe_dump({"rule_files": rules, "evaluation_interval": "1m", "tests": [test]}))
    result = run(program("promtool"), "test", "rules", str(path))
    assert result.returncode == 0, result.stdout + result.stderr


def test_first_syncs_are_counted_though_their_counter_begins_with_them(tmp_path: Path) -> None:
    (failed,) = [query.expression for query in QUERIES if query.panel == "Failed syncs, 1 hour"]
    (syncs,) = [query.expression for query in QUERIES if query.panel == "Syncs"]
    test = {
        "input_series": [
            {"series": 'argocd_app_info{name="a"}', "values": "1x200"},
            {"series": 'argocd_app_sync_total{name="a", phase="Succeeded"}', "values": "3x200"},
            {"series": 'argocd_app_sync_total{name="before", phase="Failed"}', "values": "1x200"},
            {"series": 'argocd_app_sync_total{name="a", phase="Failed"}', "values": "_x100 1x100"},
            {"series": 'argocd_app_sync_total{name="a", phase="Error"}', "values": "_x110 1x90"},
        ],
        "interval": "1m",
        "promql_expr_test": [
            {"expr": failed, "eval_time": time, "exp_samples": [{"labels": "{}", "value": count}]}
            for time, count in (("30m", 0), ("90m", 0), ("105m", 1), ("115m", 2), ("180m", 0))
        ]
        + [
            {
                "expr": f"{syncs} > 0",
                "eval_time": "102m",
                "exp_samples": [{"labels": '{name="a", phase="Failed"}', "value": 1}],
            }
        ],
    }
    path = tmp_path / "tests.yaml"
    path.write_text(yaml.safe_dump({"evaluation_interval": "1m", "tests": [test]}))
    result = run(program("promtool"), "test", "rules", str(path))
    assert result.returncode == 0, result.stdout + result.stderr


def test_panels_ask_for_metrics_that_the_services_have() -> None:
    named = {
        name for query in QUERIES for name in re.findall(r"(?<!:)\b(?:scoring_api|drift_monitor)_\w+", query.expression)
    }
    assert len(named) > 25
    assert {re.sub("_(bucket|count|sum)$", "", name) for name in named} <= families()


def test_panels_that_wait_for_the_monitor_are_those_of_what_it_says_of_windows() -> None:
    # A new monitor, which has published nothing, exposes exactly what need not be waited for.
    at_first = drift_monitor.metrics.Metrics().exposition().decode()
    there = set(re.findall(r"^(drift_monitor_\w+) ", at_first, re.MULTILINE))
    for query in QUERIES:
        named = set(re.findall(r"\bdrift_monitor_\w+", query.expression))
        assert (query.waits_for == "nothing") == bool(named <= there or named & {"drift_monitor_stale"}), query


def test_each_page_is_a_configuration_map_for_grafana() -> None:
    found = {
        key: json.loads(text)
        for item in helm("charts/monitoring", "monitoring", "monitoring")
        if item["kind"] == "ConfigMap" and item["metadata"]["labels"]["grafana_dashboard"] == "1"
        for key, text in item["data"].items()
    }
    assert {name.removesuffix(".json") for name in found} == set(PAGES)
    assert len({page["uid"] for page in found.values()}) == len(PAGES)


@pytest.mark.parametrize("name", PAGES)
def test_panels_fill_the_page_without_overlap(name: str) -> None:
    taken: set[tuple[int, int]] = set()
    for panel in json.loads((ROOT / FOLDER / f"{name}.json").read_text())["panels"]:
        place = panel["gridPos"]
        cells = {(place["x"] + x, place["y"] + y) for x in range(place["w"]) for y in range(place["h"])}
        assert not cells & taken, panel["title"]
        assert max(x for x, _ in cells) < 24, panel["title"]
        taken |= cells


@pytest.fixture
def prometheus() -> Iterator[str]:
    """Prometheus' API as far as it is asked: it knows `up` only, and refuses what does not parse."""

    class Answers(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            (asked,) = parse_qs(urlsplit(self.path).query)["query"]
            result = [{"metric": {}, "value": [0, "1"]}] if asked == "up" else []
            self.send_response(400 if asked.endswith("{") else 200)
            self.end_headers()
            self.wfile.write(json.dumps({"data": {"result": result}, "error": "parse error"}).encode())

        def log_message(self, *_: object) -> None: ...

    server = HTTPServer(("127.0.0.1", 0), Answers)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_queries_without_an_answer_are_named(prometheus: str) -> None:
    asked = [Query("a", "one", "up"), Query("a", "two", "nothing"), Query("b", "three", "up{")]
    empty, refused = faults(prometheus, asked)
    assert empty == "a, two: no data: nothing"
    assert refused.startswith("b, three: refused: ")
    assert "parse error" in refused


def test_a_prometheus_that_is_not_there_is_one_line() -> None:
    with pytest.raises(DeliveryError, match=r"Prometheus at http://127.0.0.1:9: .*; give the address of its API"):
        faults("http://127.0.0.1:9", [Query("a", "one", "up")])
