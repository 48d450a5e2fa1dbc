"""Every counter and histogram of the service, declared once. One registry per application, so that tests do not clash.

No label ever carries an applicant's data. Does not know requests or models, only numbers and their names.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from itertools import accumulate
from typing import Literal

import numpy as np
from prometheus_client import CollectorRegistry, Gauge, ProcessCollector
from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.registry import Collector

Stage = Literal["parse", "model", "reasons", "journal"]
SECONDS = (0.00005, 0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0)
DIFFERENCES = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5)
SCORES = tuple(range(300, 851, 25))
MANY = 32
"""From so many values on numpy counts faster than Python."""
CONTENT_TYPE = CONTENT_TYPE_LATEST


class Metrics:
    """The service's metrics; all names start with `scoring_api_`. Counted from the event loop only."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(namespace="scoring_api", registry=self.registry)
        self._requests = self._counter("requests", "Requests answered.", "route", "code", "model")
        self._decisions = self._counter("decisions", "Applicants by decision.", "decision", "model")
        self._request_seconds = self._tally("request_seconds", "From arrival to answer.", "route", SECONDS)
        self._stage_seconds = self._tally("stage_seconds", "Time by stage of scoring.", "stage", SECONDS)
        self._scores = self._tally("score", "Scores, so that PSI can be computed from here alone.", "model", SCORES)
        self._shadowed = self._counter(
            "shadow_decisions", "Decisions, and what the challenger would have decided.", "decision", "other", "model"
        )
        self._shadow_dropped = self._counter("shadow_dropped", "Applicants that the challenger missed.", "reason")
        self._shadow_pd = self._tally("shadow_pd_difference", "|PD - the challenger's PD|.", "model", DIFFERENCES)
        self.in_flight = self._gauge("in_flight", "Requests being answered.")
        self.ready = self._gauge("ready", "1 when ready.")
        self.journal_lag = self._gauge("journal_lag_seconds", "Age of the oldest decision not yet in the database.")
        self.journal_spool = self._gauge("journal_spool_bytes", "Decisions waiting in the spool.")
        self._bundle = self._gauge(
            "bundle_info", "The bundle that answers.", "tag", "model", "dataset", "version", "policy"
        )

    def answered(self, route: str, code: int, model: str, seconds: float) -> None:
        """One request."""
        self._requests.count(route, code, model)
        self._request_seconds.repeat(route, seconds, 1)

    def took(self, stage: Stage, seconds: float, requests: int = 1) -> None:
        """A stage of so many requests, each of which it took so long."""
        if requests:
            self._stage_seconds.repeat(stage, seconds, requests)

    def decided(self, model: str, decisions: Sequence[str], scores: Sequence[int]) -> None:
        """Some applicants."""
        for decision in set(decisions):
            self._decisions.count(decision, model, times=decisions.count(decision))
        self._scores.observe(model, scores)

    def shadowed(self, model: str, decision: str, other: str, difference: float) -> None:
        """One applicant by the challenger `model`, whose decision would have been the other."""
        self._shadowed.count(decision, other, model)
        self._shadow_pd.repeat(model, difference, 1)

    def shadow_dropped(self, reason: str, applicants: int) -> None:
        """Applicants that the challenger did not score, or whose scores were not recorded."""
        self._shadow_dropped.count(reason, times=applicants)

    def serves(self, tag: str, model: str, dataset: str, version: str, policy: str) -> None:
        """Another bundle answers from now on."""
        self._bundle.clear()
        self._bundle.labels(tag, model, dataset, version, policy).set(1)

    def exposition(self) -> bytes:
        """All of it as Prometheus text."""
        return generate_latest(self.registry)

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        counter = Counter(f"scoring_api_{name}", text, labels)
        self.registry.register(counter)
        return counter

    def _gauge(self, name: str, text: str, *labels: str) -> Gauge:
        return Gauge(f"scoring_api_{name}", text, labels, registry=self.registry)

    def _tally(self, name: str, text: str, label: str, edges: Sequence[float]) -> Tally:
        tally = Tally(f"scoring_api_{name}", text, label, edges)
        self.registry.register(tally)
        return tally


class Counter(Collector):
    """A counter with labels, without prometheus_client's locks: everything counts in one thread."""

    def __init__(self, name: str, text: str, labels: Sequence[str]) -> None:
        self._name, self._text, self._labels = name, text, labels
        self._counts: dict[tuple[str | int, ...], int] = {}

    def count(self, *labels: str | int, times: int = 1) -> None:
        """One or more of these labels."""
        self._counts[labels] = self._counts.get(labels, 0) + times

    def collect(self) -> Iterator[CounterMetricFamily]:
        """What Prometheus reads."""
        family = CounterMetricFamily(self._name, self._text, labels=self._labels)
        for labels, count in self._counts.items():
            family.add_metric([str(label) for label in labels], count)
        yield family


class Tally(Collector):
    """A histogram with one label, on the same terms."""

    def __init__(self, name: str, text: str, label: str, edges: Sequence[float]) -> None:
        self._name, self._text, self._label, self._edges = name, text, label, edges
        self._borders = np.array(edges)
        self._counts: dict[str, list[float]] = {}

    def observe(self, label: str, values: Sequence[float]) -> None:
        """Count values, each in the bucket of the first edge not below it; their sum is kept behind the buckets."""
        counts = self._of(label)
        if len(values) < MANY:
            for value in values:
                counts[bisect_left(self._edges, value)] += 1
        else:
            found = np.bincount(self._borders.searchsorted(np.array(values)))
            for place, times in enumerate(found.tolist()):
                counts[place] += times
        counts[-1] += sum(values)

    def repeat(self, label: str, value: float, times: int) -> None:
        """Count a value so many times."""
        counts = self._of(label)
        counts[bisect_left(self._edges, value)] += times
        counts[-1] += value * times

    def _of(self, label: str) -> list[float]:
        counts = self._counts.get(label)
        if counts is None:
            counts = self._counts[label] = [0] * (len(self._edges) + 2)
        return counts

    def collect(self) -> Iterator[HistogramMetricFamily]:
        """What Prometheus reads: cumulative counts."""
        family = HistogramMetricFamily(self._name, self._text, labels=[self._label])
        edges = [*map(str, self._edges), "+Inf"]
        for label, (*counts, total) in self._counts.items():
            family.add_metric([label], list(zip(edges, accumulate(counts), strict=True)), total)
        yield family
