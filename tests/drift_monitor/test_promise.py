import numpy as np
import pytest

from credit_contract import metrics
from drift_monitor.promise import CountedPds, promise


def counted(pds):
    buckets = np.unique(pds)
    return CountedPds(buckets, np.array([(pds == bucket).sum() for bucket in buckets]))


def calibrated(rng, n):
    return np.round(1 / (1 + np.exp(-rng.normal(-2, 1.2, n))), 3).clip(0.001, 0.999)


@pytest.mark.parametrize("figure", ["auc", "gini", "ks", "default_rate"])
@pytest.mark.parametrize("n", [500, 5000])
def test_figures_realised_with_calibrated_pds_lie_in_the_promised_interval(figure, n):
    rng = np.random.default_rng(1)
    measured = {"auc": metrics.auc, "gini": metrics.gini, "ks": metrics.ks, "default_rate": lambda bad, _: bad.mean()}
    inside = []
    for _ in range(200):
        pds = calibrated(rng, n)
        bad = (rng.random(n) < pds).astype(float)
        estimate = getattr(promise(counted(pds)), figure)
        inside.append(estimate.low <= measured[figure](bad, pds) <= estimate.high)
    assert np.mean(inside) > 0.9


def test_fewer_applicants_make_a_wider_interval():
    rng = np.random.default_rng(2)
    few, many = (promise(counted(calibrated(rng, n))).gini for n in (500, 50_000))
    assert few.high - few.low > 5 * (many.high - many.low)


def test_without_a_handful_of_expected_defaults_nothing_is_promised():
    assert promise(CountedPds(np.array([0.001]), np.array([1000]))) is None
    assert promise(CountedPds(np.array([]), np.array([], dtype=np.int64))) is None
