"""What PDs promise before any outcome is known: confidence-based performance estimation (CBPE).

Blind to concept shift: when the same applicants turn bad more often, PDs stay as they are and so does the promise.
Works on counted PDs; does not know outcomes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from credit_contract.schema import Frozen
from drift_monitor.history import History

Array = npt.NDArray[np.float64]
BUCKETS_PER_LOGIT = 1000
"""PDs of one bucket differ by 0.1 % of their odds, and are ties. Against the rows that moves Gini by less than 1e-4 and
KS by 1e-3 at a spread of 0.3 logits, and by 2e-3 and 8e-3 at 0.01, where there is hardly anything to rank."""
CLIP = 1e-6
Z95 = 1.959964
BUCKET = (
    f"floor(ln(greatest({CLIP}, least(1 - {CLIP}, pd)) / (1 - greatest({CLIP}, least(1 - {CLIP}, pd))))"
    f" * {BUCKETS_PER_LOGIT})::INTEGER"
)
# Summed as decimals: floats added in another order, as threads do, give another last digit, and the report other bytes.
SUM_OF_PDS = "sum(pd::DECIMAL(18, 15))"
SUM = "coalesce(sum(({})::DECIMAL(38, 6)), 0)"


@dataclass(frozen=True, slots=True)
class CountedPds:
    """PDs in narrow buckets, rising: mean PD float64 [k], count int64 [k]."""

    pd: Array
    count: npt.NDArray[np.int64]

    def __len__(self) -> int:
        return int(self.count.sum())


class Estimate(Frozen):
    """A figure with the 95 % interval of what may be realised, and its standard error."""

    value: float
    low: float
    high: float
    standard_error: float


class Promise(Frozen):
    """Estimated figures of n decisions; the interval is that of outcomes by chance, not of a wrong calibration."""

    decisions: int
    auc: Estimate
    gini: Estimate
    ks: Estimate
    default_rate: Estimate


class ExpectedLoss(Frozen):
    """Sum of PD x exposure x loss given default over approved decisions, in the exposure's unit."""

    exposure: float
    loss: Estimate


def counted_pds(history: History, condition: str) -> CountedPds:
    """The PDs of the decisions under an SQL condition."""
    rows = history.rows(
        f"SELECT {BUCKET} AS bucket, {SUM_OF_PDS}, count(*) FROM decisions WHERE {condition} AND pd BETWEEN 0 AND 1"
        " GROUP BY 1 ORDER BY 1"
    )
    sums, counts = (
        np.array([row[1] for row in rows], dtype=np.float64),
        np.array([row[2] for row in rows], dtype=np.int64),
    )
    return CountedPds(sums / np.maximum(counts, 1), counts)


def promise(pds: CountedPds) -> Promise | None:
    """The estimate; None where fewer than five bad, or five good, are to be expected.

    If PDs are calibrated, applicant i is bad with probability PD_i, and every metric has a distribution that follows
    from the PDs alone: NannyML's CBPE, and J. Bialek et al., "Estimating Model Performance Under Covariate Shift
    Without Labels" (2024, arXiv:2401.08348).
    Each figure is that of the expected outcomes. Its variance is the delta method's: outcomes are independent, each
    with variance PD (1 - PD), and move the figure by its derivative.
    """
    pd, count = pds.pd, pds.count.astype(np.float64)
    n, bads = float(count.sum()), float(pd @ count)
    if min(bads, n - bads) < 5:
        return None
    spread = count * pd * (1 - pd)
    auc, auc_slope = _auc(pd, count)
    ks, ks_slope = _ks(pd, count)
    auc_error, ks_error = (float(np.sqrt(np.sum(spread * slope**2))) for slope in (auc_slope, ks_slope))
    return Promise(
        decisions=len(pds),
        auc=_estimate(auc, auc_error),
        gini=_estimate(2 * auc - 1, 2 * auc_error),
        ks=_estimate(ks, ks_error),
        default_rate=_estimate(bads / n, float(np.sqrt(spread.sum())) / n),
    )


def _auc(pd: Array, count: Array) -> tuple[float, Array]:
    """AUC of expected outcomes by rising PD, and its derivative by the outcome of one decision, float64 [k].

    AUC = U / (B G), with U the pairs of a bad above a good, equal PDs by half, of B bad and G good.
    """
    bad, good = count * pd, count * (1 - pd)
    bads, goods = bad.sum(), good.sum()
    good_below = np.cumsum(good) - good / 2
    bad_above = bads - np.cumsum(bad) + bad / 2
    value = float(bad @ good_below / (bads * goods))
    return value, (good_below - bad_above - value * (goods - bads)) / (bads * goods)


def _ks(pd: Array, count: Array) -> tuple[float, Array]:
    """KS of expected outcomes, and its derivative where the largest gap stays at the same PD."""
    bad, good = count * pd, count * (1 - pd)
    bads, goods = bad.sum(), good.sum()
    bad_share, good_share = np.cumsum(bad) / bads, np.cumsum(good) / goods
    at = int(np.argmax(good_share - bad_share))
    below = np.arange(len(pd)) <= at
    slope = (good_share[at] - below) / goods - (below - bad_share[at]) / bads
    return float(good_share[at] - bad_share[at]), slope


def expected_loss(history: History, condition: str, exposure: str, loss_given_default: float) -> ExpectedLoss:
    """Expected loss of the approved decisions under a condition; `exposure` is an SQL number, missing counts as 0."""
    total, loss, variance = history.row(
        f"SELECT {SUM.format('e')}, {SUM.format('pd * e')}, {SUM.format('pd * (1 - pd) * e * e')} FROM ("
        f"SELECT pd, coalesce({exposure}, 0) AS e FROM decisions WHERE {condition} AND decision = 'approve'"
        " AND pd BETWEEN 0 AND 1)"
    )
    error = float(np.sqrt(variance)) * loss_given_default
    return ExpectedLoss(exposure=float(total), loss=_estimate(float(loss) * loss_given_default, error))


def _estimate(value: float, error: float) -> Estimate:
    return Estimate(value=value, low=value - Z95 * error, high=value + Z95 * error, standard_error=error)
