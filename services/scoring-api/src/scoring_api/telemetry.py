"""Spans of requests for an OpenTelemetry collector, sent over OTLP/HTTP in the background.

Imported only where an endpoint is set: the SDK takes most of a second. Spans are made when a request is over, from the
times that metrics take anyway. Does not know applicants: no value of theirs is ever an attribute.
"""

from __future__ import annotations

from importlib.metadata import version
from time import perf_counter, time_ns

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import SERVICE_NAME, SERVICE_VERSION, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import SpanKind, Status, StatusCode, set_span_in_context
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from scoring_api.ask import Ask
from scoring_api.reply import Headers

PATIENCE_S = 5.0
SERVER_FAULT = 500
CONTEXT = ("traceparent", "tracestate")


class Traces:
    """Where spans go. `traceparent` of a request is honoured, and OTEL_TRACES_SAMPLER, as the SDK reads it."""

    def __init__(self, endpoint: str) -> None:
        """`endpoint` is a collector's base URL, such as http://collector:4318."""
        release = version("scoring-api")
        named = Resource.create({SERVICE_NAME: "scoring-api", SERVICE_VERSION: release})
        self._provider = TracerProvider(resource=named, shutdown_on_exit=False)
        exporter = OTLPSpanExporter(f"{endpoint.rstrip('/')}/v1/traces", timeout=PATIENCE_S)
        self._provider.add_span_processor(BatchSpanProcessor(exporter))
        self._tracer = self._provider.get_tracer("scoring_api", release)
        self._propagator = TraceContextTextMapPropagator()

    def request(self, method: str, route: str, status: int, *, headers: Headers, model: str, ask: Ask) -> None:
        """A request that was just answered, and its stages."""
        now, clock = time_ns(), perf_counter()

        def at(seconds: float) -> int:
            return now - int((clock - seconds) * 1e9)

        carrier = {name: headers[name.encode()].decode("latin-1") for name in CONTEXT if name.encode() in headers}
        span = self._tracer.start_span(
            f"{method} {route}",
            self._propagator.extract(carrier),
            SpanKind.SERVER,
            {
                "http.request.method": method,
                "http.route": route,
                "http.response.status_code": status,
                "scoring_api.request_id": ask.request_id,
                "scoring_api.model": model,
            },
            start_time=at(ask.started),
        )
        inside = set_span_in_context(span)
        for stage, begun, ended in ask.stages or ():
            self._tracer.start_span(stage, inside, start_time=at(begun)).end(at(ended))
        if status >= SERVER_FAULT:
            span.set_status(Status(StatusCode.ERROR))
        span.end(now)

    def close(self) -> None:
        """Send what is left, where somebody takes it."""
        self._provider.shutdown()
