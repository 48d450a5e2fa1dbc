import numpy as np
import pandas as pd
import pytest

from credit_contract import metrics
from drift_monitor.history import History, database
from drift_monitor.promise import CountedPds, expected_loss, promise


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


@pytest.fixture(scope="module")
def lent():
    """Windows of decisions with exposures, some unknown, some declined; and what was lost of each, at 45 %."""
    rng = np.random.default_rng(3)
    window, pds = np.repeat(np.arange(400), [500] * 200 + [5000] * 200), calibrated(rng, 200 * 5500)
    exposure = np.where(rng.random(len(pds)) < 0.01, np.nan, rng.lognormal(9, 1, len(pds)))
    approved = pds < 0.3
    lost = np.where(approved & (rng.random(len(pds)) < pds), np.nan_to_num(exposure), 0) * 0.45
    decision = np.where(approved, "approve", "decline")
    frame = pd.DataFrame({"window": window, "pd": pds, "exposure": exposure, "decision": decision})
    with database() as connection:
        connection.register("frame", frame)
        connection.execute("CREATE TABLE decisions AS SELECT * FROM frame")
        yield History(connection), np.bincount(window, lost)


@pytest.mark.parametrize("windows", [range(200), range(200, 400)], ids=["500", "5000"])
def test_losses_realised_with_calibrated_pds_lie_in_the_promised_interval(lent, windows):
    history, lost = lent
    inside = []
    for window in windows:
        loss = expected_loss(history, f'"window" = {window}', "exposure", 0.45).loss
        inside.append(loss.low <= lost[window] <= loss.high)
    assert 0.9 < np.mean(inside) < 0.99


def test_fewer_applicants_make_a_wider_interval():
    rng = np.random.default_rng(2)
    few, many = (promise(counted(calibrated(rng, n))).gini for n in (500, 50_000))
    assert few.high - few.low > 5 * (many.high - many.low)


def test_without_a_handful_of_expected_defaults_nothing_is_promised():
    assert promise(CountedPds(np.array([0.001]), np.array([1000]))) is None
    assert promise(CountedPds(np.array([]), np.array([], dtype=np.int64))) is None
