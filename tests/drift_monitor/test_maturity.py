from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pytest

from credit_contract import metrics
from drift_monitor.history import History, database
from drift_monitor.limits import Limits
from drift_monitor.maturity import checks, counted_outcomes, mature

START = datetime(2024, 1, 1, tzinfo=UTC)
END = START + timedelta(days=30)
DIGEST = "a" * 64


def vintage(pds, bad, decision="approve"):
    """What the monitor says of decisions with these PDs and outcomes."""
    with database() as connection:
        ids = [f"d{row}" for row in range(len(pds))]
        decisions = pd.DataFrame({"id": ids, "decided_at": START.replace(tzinfo=None), "pd": pds})
        outcomes = pd.DataFrame({"decision_id": ids, "defaulted": bad, "recorded_at": END.replace(tzinfo=None)})
        connection.register("decided", decisions.assign(model_digest=DIGEST, decision=decision))
        connection.register("known", outcomes)
        connection.execute("CREATE TABLE decisions AS SELECT * FROM decided")
        connection.execute("CREATE TABLE outcomes AS SELECT * FROM known")
        return mature(counted_outcomes(History(connection), DIGEST, (START, END), END))


def calibrated(n, spread, seed):
    """PDs whose log-odds are normal with this spread, and outcomes that come as they promise."""
    rng = np.random.default_rng(seed)
    pds = 1 / (1 + np.exp(-rng.normal(-2.5, spread, n)))
    return pds, rng.random(n) < pds


@pytest.mark.parametrize("spread", [1.0, 0.3, 0.05])
@pytest.mark.parametrize("n", [500, 5000])
def test_realised_figures_are_those_of_the_rows_also_where_pds_are_nearly_one(n, spread):
    pds, bad = calibrated(n, spread, seed=1)
    realised = vintage(pds, bad).realised

    assert realised.gini == pytest.approx(metrics.gini(bad, pds), abs=1e-3)
    assert realised.auc == pytest.approx(metrics.auc(bad, pds), abs=5e-4)
    assert realised.ks == pytest.approx(metrics.ks(bad, pds), abs=5e-3)
    assert realised.brier == pytest.approx(metrics.brier(bad, pds), abs=1e-5)
    line = realised.calibration_slope, realised.calibration_intercept
    assert line == pytest.approx(metrics.calibration_line(bad, pds), rel=5e-3, abs=1e-3)
    assert realised.default_rate == pytest.approx(bad.mean())
    assert realised.expected_default_rate == pytest.approx(pds.mean())


def test_outcomes_of_the_declined_are_no_part_of_the_share_that_is_known():
    pds, bad = calibrated(1000, 0.3, seed=3)
    known = vintage(pds, bad, np.where(pds > np.median(pds), "decline", "approve"))

    assert (known.matured, known.censored, known.realised.outcomes) == (1, 0.5, 1000)


def test_the_promise_for_a_vintage_is_that_of_its_rows():
    pds, bad = calibrated(5000, 0.3, seed=2)
    area = metrics.auc(np.repeat([1, 0], 5000), np.tile(pds, 2), np.concatenate([pds, 1 - pds]))

    assert vintage(pds, bad).promised.gini.value == pytest.approx(2 * area - 1, abs=1e-3)


def test_one_pd_for_all_ranks_nobody():
    rng = np.random.default_rng(3)
    realised = vintage(np.full(1000, 0.08), rng.random(1000) < 0.08).realised

    assert (realised.auc, realised.gini, realised.ks, realised.calibration_slope) == (0.5, 0, 0, None)


@pytest.mark.parametrize("spread", [0.01, 0.05])
def test_a_healthy_model_whose_pds_hardly_differ_is_not_called_worse_ranked(portfolio, spread):
    fired = 0
    for seed in range(20):
        found = checks(vintage(*calibrated(2000, spread, seed)), portfolio.bundle.baseline, Limits())
        fired += sum(check.name == "realised_gini" and check.beyond and check.p_value < 0.01 for check in found)
    assert fired == 0
