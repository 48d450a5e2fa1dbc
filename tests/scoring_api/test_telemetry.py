"""Spans, as a collector receives them over HTTP."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from credit_contract.bundle import Bundle
from scoring_api.errors import SettingsError
from scoring_api.settings import load

from .conftest import Serve
from .toy import BAD, GOOD

TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
SAMPLED = {"traceparent": f"00-{TRACE}-{PARENT}-01"}
DEADLINE_S = 20


class Collector(ThreadingHTTPServer):
    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Receiver)
        self.paths: set[str] = set()
        self.bodies: list[bytes] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def spans(self) -> list[Any]:
        received = [ExportTraceServiceRequest.FromString(body) for body in self.bodies]
        return [
            span
            for request in received
            for resource in request.resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        ]

    def roots(self) -> list[Any]:
        return [span for span in self.spans() if span.kind == span.SPAN_KIND_SERVER]

    def wait_for(self, requests: int) -> list[Any]:
        until = time.monotonic() + DEADLINE_S
        while len(self.roots()) < requests:
            assert time.monotonic() < until, f"{len(self.roots())} of {requests} requests arrived"
            time.sleep(0.01)
        return self.roots()

    def forget(self) -> None:
        self.bodies.clear()


class Receiver(BaseHTTPRequestHandler):
    server: Collector

    def do_POST(self) -> None:
        self.server.paths.add(self.path)
        self.server.bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def running() -> Iterator[Collector]:
    with Collector() as server, pytest.MonkeyPatch.context() as patched:
        patched.setenv("OTEL_BSP_SCHEDULE_DELAY", "20")
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def collector(running: Collector) -> Collector:
    running.forget()
    return running


@pytest.fixture(scope="module")
def traced(running: Collector, serve: Serve, tmp_path_factory: pytest.TempPathFactory) -> httpx.Client:
    journal = {"file": tmp_path_factory.mktemp("traced") / "journal.sqlite"}
    return serve(traces_endpoint=running.url, journal=journal)


def attributes(span: Any) -> dict[str, str | int]:
    return {a.key: a.value.string_value or a.value.int_value for a in span.attributes}


def test_a_request_and_its_stages_join_the_callers_trace(
    traced: httpx.Client, collector: Collector, bundle: Bundle
) -> None:
    response = traced.post("/v1/score", json=BAD, headers=SAMPLED)
    (root,) = collector.wait_for(1)
    assert (root.name, root.trace_id.hex(), root.parent_span_id.hex()) == ("POST /v1/score", TRACE, PARENT)
    assert attributes(root) == {
        "http.request.method": "POST",
        "http.route": "/v1/score",
        "http.response.status_code": 200,
        "scoring_api.request_id": response.headers["x-request-id"],
        "scoring_api.model": bundle.digest[:12],
    }
    stages = [span for span in collector.spans() if span.parent_span_id == root.span_id]
    assert [span.name for span in stages] == ["parse", "model", "reasons", "journal"]
    for span in stages:
        assert root.start_time_unix_nano <= span.start_time_unix_nano <= span.end_time_unix_nano
        assert span.end_time_unix_nano <= root.end_time_unix_nano
        assert not span.attributes
    assert collector.paths == {"/v1/traces"}


@pytest.mark.parametrize("path", ["/predict", "/v2/models/toy/infer", "/nowhere"])
def test_other_routes_are_traced_by_their_pattern(traced: httpx.Client, collector: Collector, path: str) -> None:
    response = traced.post(path, json=GOOD)
    (root,) = collector.wait_for(1)
    assert attributes(root)["http.response.status_code"] == response.status_code
    names = {"/predict": "POST /predict", "/nowhere": "POST unmatched"}
    assert root.name == names.get(path, "POST /v2/models/{name}/infer")


def test_no_value_or_name_that_a_client_made_up_is_sent(traced: httpx.Client, collector: Collector) -> None:
    traced.post("/v1/score", json={**BAD, "housing": "houseboat"})
    traced.post("/v1/score?explain=true", json={**GOOD, "mothers_name": "Lovelace"})
    traced.get("/decisions/Lovelace")
    collector.wait_for(3)
    sent = b"".join(collector.bodies)
    assert not [word for word in (b"houseboat", b"mothers_name", b"Lovelace", b"late_payments") if word in sent]


def test_probes_and_what_the_caller_does_not_sample_are_not_sent(traced: httpx.Client, collector: Collector) -> None:
    for path in ("/health", "/ready", "/metrics"):
        assert traced.get(path).status_code == 200
    traced.post("/v1/score", json=GOOD, headers={"traceparent": f"00-{TRACE}-{PARENT}-00"})
    traced.post("/v1/score", json=GOOD, headers={"traceparent": "nonsense"})
    (root,) = collector.wait_for(1)
    assert root.trace_id.hex() != TRACE
    assert not root.parent_span_id


def test_without_a_collector_there_the_service_answers_and_stops(serve: Serve) -> None:
    assert serve(traces_endpoint="http://127.0.0.1:9").post("/v1/score", json=GOOD).status_code == 200


def test_nothing_of_it_is_imported_when_it_is_off(tmp_path: Path) -> None:
    program = """
import sys
from scoring_api.app import create_app
from scoring_api.settings import Settings
create_app(Settings(auth="none"))
sys.exit("opentelemetry.sdk" in sys.modules or "requests" in sys.modules)
"""
    assert subprocess.run([sys.executable, "-c", program], cwd=tmp_path).returncode == 0


def test_an_endpoint_that_is_none_is_refused_with_its_key() -> None:
    with pytest.raises(SettingsError, match=r"setting traces_endpoint: .*https\?://"):
        load(None, ["traces_endpoint=collector:4318"])
