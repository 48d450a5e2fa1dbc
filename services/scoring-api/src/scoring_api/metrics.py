"""Every counter and histogram of the service, declared once. One registry per application, so that tests do not clash.

No label ever carries an applicant's data. Does not know requests or models, only numbers and their names.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.core import HistogramMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.registry import Collector

SECONDS = (0.00005, 0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0)
STAGES = ("parse", "model", "reasons", "journal")
SCORES = tuple(range(300, 851, 25))
CONTENT_TYPE = CONTENT_TYPE_LATEST


class Metrics:
    """The service's metrics; all names start with `scoring_api_`."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._requests = Counter(
            "scoring_api_requests", "Requests answered.", ["route", "code", "model"], registry=self.registry
        )
        self._request_seconds = Histogram(
            "scoring_api_request_seconds", "From arrival to answer.", ["route"], buckets=SECONDS, registry=self.registry
        )
        stages = Histogram(
            "scoring_api_stage_seconds", "Time by stage.", ["stage"], buckets=SECONDS, registry=self.registry
        )
        self.parse, self.model, self.reasons, self.journal = (stages.labels(stage) for stage in STAGES)
        self._decisions = Counter(
            "scoring_api_decisions", "Applicants by decision.", ["decision", "model"], registry=self.registry
        )
        self.scores = ScoreHistogram()
        self.registry.register(self.scores)
        self.in_flight = Gauge("scoring_api_in_flight", "Requests being read or answered.", registry=self.registry)
        self.ready = Gauge("scoring_api_ready", "1 when ready.", registry=self.registry)
        self.journal_lag = Gauge(
            "scoring_api_journal_lag_seconds", "Age of the oldest undrained decision.", registry=self.registry
        )
        self.journal_spool = Gauge(
            "scoring_api_journal_spool_bytes", "Decisions waiting in the spool.", registry=self.registry
        )
        self._bundle = Gauge(
            "scoring_api_bundle_info",
            "The bundle that answers.",
            ["tag", "model", "dataset", "version", "policy"],
            registry=self.registry,
        )
        self._children: dict[tuple[str, int, str], tuple[Counter, Histogram]] = {}
        self._decision_children: dict[tuple[str, str], Counter] = {}

    def answered(self, route: str, code: int, model: str, seconds: float) -> None:
        """One request."""
        children = self._children.get((route, code, model))
        if children is None:
            children = self._requests.labels(route, str(code), model), self._request_seconds.labels(route)
            self._children[route, code, model] = children
        children[0].inc()
        children[1].observe(seconds)

    def decided(self, model: str, decisions: Sequence[str], scores: Sequence[int]) -> None:
        """Some applicants."""
        for decision in set(decisions):
            child = self._decision_children.get((decision, model))
            if child is None:
                child = self._decision_children[decision, model] = self._decisions.labels(decision, model)
            child.inc(decisions.count(decision))
        self.scores.observe(model, scores)

    def serves(self, tag: str, model: str, dataset: str, version: str, policy: str) -> None:
        """Another bundle answers from now on."""
        self._bundle.clear()
        self._bundle.labels(tag, model, dataset, version, policy).set(1)

    def exposition(self) -> bytes:
        """All of it as Prometheus text."""
        return generate_latest(self.registry)


class ScoreHistogram(Collector):
    """Scores in fixed buckets by model, so that PSI can be computed from Prometheus alone.

    Counts whole batches: prometheus_client's own histogram takes a lock for each applicant.
    """

    def __init__(self) -> None:
        self._counts: dict[str, list[int]] = {}
        self._sums: dict[str, int] = {}

    def observe(self, model: str, scores: Iterable[int]) -> None:
        """Count scores; call from the event loop only."""
        counts = self._counts.get(model)
        if counts is None:
            counts = self._counts[model] = [0] * (len(SCORES) + 1)
            self._sums[model] = 0
        total = 0
        for score in scores:
            counts[bisect_left(SCORES, score)] += 1
            total += score
        self._sums[model] += total

    def collect(self) -> Iterator[HistogramMetricFamily]:
        """What Prometheus reads: cumulative counts up to and including each edge."""
        family = HistogramMetricFamily("scoring_api_score", "Scores of applicants.", labels=["model"])
        for model, counts in self._counts.items():
            running, buckets = 0, []
            for edge, count in zip([*map(str, SCORES), "+Inf"], counts, strict=True):
                running += count
                buckets.append((edge, running))
            family.add_metric([model], buckets, sum_value=self._sums[model])
        yield family
