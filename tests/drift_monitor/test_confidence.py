from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest

from credit_contract.stability import psi
from drift_monitor.assessment import assess
from drift_monitor.counting import FieldCounts, WindowCounts
from drift_monitor.limits import Limits
from drift_monitor.maturity import CountedOutcomes
from drift_monitor.measurement import Measured
from drift_monitor.promise import CountedPds, promise
from drift_monitor.significance import holm, homogeneity, psi_interval
from drift_monitor.verdict import read_table
from drift_monitor.windows import Window

START, END = datetime(2024, 1, 1, tzinfo=UTC), datetime(2024, 2, 1, tzinfo=UTC)


class Reference:
    """Draws windows from the baseline itself; outcomes come as the PDs promise, moved by `rise`."""

    def __init__(self, portfolio):
        self.bundle, self.baseline = portfolio.bundle, portfolio.bundle.baseline
        lent = portfolio.reference.take(np.flatnonzero(portfolio.reference.underwritten))
        scores, self.table = portfolio.score(lent), read_table()
        buckets, count = np.unique(np.round(np.log(scores / (1 - scores)) * 25), return_counts=True)
        self.pds, self.share = 1 / (1 + np.exp(-buckets / 25)), count / count.sum()

    def draw(self, rng, n, rise=0.0):
        histograms = {**self.baseline.numbers, **self.baseline.categories}
        fields = {name: FieldCounts(self._sample(rng, n, h.reference()), 0, 0, False) for name, h in histograms.items()}
        counts = WindowCounts(
            decisions=n,
            with_values=n,
            last=END,
            repeated=0,
            fields=fields,
            score=self._sample(rng, n, self.baseline.pd.reference()),
            decided=self._sample(rng, n, np.array(self.baseline.decisions)),
            approvals={},
        )
        drawn = rng.multinomial(n, self.share)
        pds = CountedPds(self.pds[drawn > 0], drawn[drawn > 0])
        return Measured(counts, pds, pds, None, self._outcomes(rng, n, rise), self._outcomes(rng, n, 0.1), 0)

    def _outcomes(self, rng, n, rise):
        drawn = rng.multinomial(n, self.share)
        bad = rng.binomial(drawn, np.clip(self.pds * (1 + rise / (self.pds @ self.share)), 0, 1))
        return CountedOutcomes(
            START, END, n, 0, n, 0, CountedPds(self.pds[drawn > 0], drawn[drawn > 0]), bad[drawn > 0]
        )

    def with_gini(self, wanted, n):
        """PDs that tell applicants apart so well: the odds drawn together around their mean."""
        logits, count = np.log(self.pds / (1 - self.pds)), np.round(n * self.share).astype(np.int64)
        centre = logits @ self.share
        flatter = [
            CountedPds(1 / (1 + np.exp(-centre - s * (logits - centre))), count) for s in np.linspace(0.2, 1, 200)
        ]
        return min(flatter, key=lambda pds: abs(promise(pds).gini.value - wanted))

    @staticmethod
    def _sample(rng, n, reference):
        return rng.multinomial(n, reference / reference.sum()).astype(float)

    def verdict(self, measured):
        window = Window(START, END, self.bundle.digest, measured.counts.decisions)
        return assess(window, measured, self.bundle, self.table, Limits())


@pytest.fixture(scope="module")
def reference(portfolio):
    return Reference(portfolio)


@pytest.mark.parametrize("n", [500, 50_000])
def test_windows_drawn_from_the_reference_itself_are_hardly_ever_called_anything_but_ok(reference, n):
    rng = np.random.default_rng(1)
    alarms = [v.because for v in (reference.verdict(reference.draw(rng, n)) for _ in range(1000)) if v.verdict != "ok"]
    assert len(alarms) <= 10, alarms


def _shifted(histogram, wanted):
    """Shares with this PSI: weight moved from the first half of the bins to the second."""
    reference = histogram.reference() / histogram.reference().sum()
    direction = np.where(np.arange(len(reference)) < len(reference) / 2, -1.0, 1.0)
    strengths = np.linspace(0, 2, 2001)
    tilted = [reference * np.exp(strength * direction) for strength in strengths]
    gaps = [abs(psi(reference, shares) - wanted) for shares in tilted]
    return tilted[int(np.argmin(gaps))] / tilted[int(np.argmin(gaps))].sum()


@pytest.mark.parametrize("field", ["net_income", "card_utilisation", "housing"])
def test_a_psi_of_a_quarter_on_one_field_is_caught_in_a_window_of_two_thousand(reference, field):
    rng = np.random.default_rng(2)
    histogram = {**reference.baseline.numbers, **reference.baseline.categories}[field]
    shares, caught = _shifted(histogram, 0.25), 0
    for _ in range(200):
        measured = reference.draw(rng, 2000)
        moved = FieldCounts(rng.multinomial(2000, shares).astype(float), 0, 0, False)
        fields = {**measured.counts.fields, field: moved}
        verdict = reference.verdict(replace(measured, counts=replace(measured.counts, fields=fields)))
        caught += verdict.verdict == "watch" and field in verdict.because
    assert caught >= 180


@pytest.mark.parametrize(("drifted", "called"), [(False, "watch"), (True, "retrain")])
def test_an_estimated_loss_is_watched_and_with_drift_asks_for_retraining(reference, drifted, called):
    measured = reference.draw(np.random.default_rng(6), 5000)
    flatter = reference.with_gini(0.4, 5000)
    shares = _shifted(reference.baseline.numbers["net_income"], 0.25 if drifted else 0.0)
    fields = measured.counts.fields | {"net_income": FieldCounts(np.round(5000 * shares), 0, 0, False)}
    verdict = reference.verdict(replace(measured, pds=flatter, counts=replace(measured.counts, fields=fields)))
    fired = {finding.check: finding for finding in verdict.findings if finding.fired}
    assert set(fired) == {"estimated_gini"} | ({"psi"} if drifted else set())
    assert fired["estimated_gini"].value == pytest.approx(0.1, abs=0.005)
    assert verdict.verdict == called
    assert "estimated Gini is 0.4" in verdict.because


def test_a_matured_default_rate_three_points_up_is_caught_at_five_thousand_outcomes(reference):
    rng = np.random.default_rng(3)
    verdicts = [reference.verdict(reference.draw(rng, 5000, rise=0.03)) for _ in range(200)]
    assert sum("default rate" in v.because and v.verdict == "retrain" for v in verdicts) >= 180


def test_the_homogeneity_test_is_exact_enough_where_bins_are_sparse():
    rng = np.random.default_rng(4)
    shares = np.array([0.6, 0.3, 0.09, 0.005, 0.003, 0.0015, 0.0005])
    p_values = [
        homogeneity(rng.multinomial(20_000, shares).astype(float), rng.multinomial(500, shares).astype(float))
        for _ in range(4000)
    ]
    assert np.mean(np.array(p_values) < 0.01) < 0.015


def test_the_interval_of_a_psi_covers_it():
    rng = np.random.default_rng(5)
    before, after = np.full(10, 0.1), np.linspace(0.06, 0.14, 10)
    intervals = [
        psi_interval(rng.multinomial(20_000, before).astype(float), rng.multinomial(2000, after).astype(float))
        for _ in range(1000)
    ]
    assert np.mean([interval.low <= psi(before, after) <= interval.high for interval in intervals]) > 0.93


def test_holm_keeps_the_order_and_never_calls_more_than_plain_p_values():
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([]) == []
