"""What became of decisions: realised figures of a vintage whose performance window is complete, against its promise.

Outcomes of younger vintages never enter: defaults are known earlier than repayment, so a young vintage looks worse
than it is. Does not know drift.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import numpy.typing as npt

from credit_contract import metrics
from credit_contract.baseline import Baseline
from credit_contract.errors import MetricError
from credit_contract.schema import Frozen
from drift_monitor.finding import Check
from drift_monitor.history import History, literal
from drift_monitor.limits import Limits
from drift_monitor.promise import BUCKET, SUM_OF_PDS, CountedPds, Promise, promise
from drift_monitor.significance import one_sided, two_sided
from drift_monitor.windows import stamp


@dataclass(frozen=True, slots=True)
class CountedOutcomes:
    """A vintage, counted. bads: int64 [k], how many of each bucket of `pds` were bad; conflicting: see `Maturity`.

    matured: outcomes of decisions not declined; histories know outcomes of the declined, too.
    """

    start: datetime
    end: datetime
    decided: int
    declined: int
    matured: int
    conflicting: int
    pds: CountedPds
    bads: npt.NDArray[np.int64]


class Realised(Frozen):
    """Figures of n outcomes; those that need both classes are None with one only."""

    outcomes: int
    default_rate: float
    expected_default_rate: float
    brier: float
    auc: float | None
    gini: float | None
    ks: float | None
    calibration_slope: float | None
    calibration_intercept: float | None


class Maturity(Frozen):
    """A matured vintage of one model, decided from `start` to before `end`.

    matured: outcomes known over decisions not declined. censored: declined over decided; they never have an outcome.
    conflicting: decisions with outcomes that contradict each other; the one recorded last counts, in one moment the
    default.
    `promised` is CBPE on the same decisions; errors are promised minus realised.
    """

    start: datetime
    end: datetime
    decided: int
    matured: float | None
    censored: float | None
    conflicting: int
    realised: Realised | None
    promised: Promise | None
    gini_error: float | None
    default_rate_error: float | None

    @property
    def lent(self) -> int:
        """Decisions that were not declined, so that an outcome may come."""
        return round(self.decided * (1 - (self.censored or 0)))


def counted_outcomes(
    history: History, digest: str, vintage: tuple[datetime, datetime], as_of: datetime, *, others: bool = False
) -> CountedOutcomes:
    """Count a model's vintage, [start, end), or all others', with outcomes that were recorded up to `as_of`."""
    start, end = vintage
    whose = f"model_digest {'<>' if others else '='} {literal(digest)}"
    members = f"{whose} AND decided_at >= {stamp(start)} AND decided_at < {stamp(end)}"
    decided, declined = history.row(
        f"SELECT count(*), count(*) FILTER (decision = 'decline') FROM decisions WHERE {members}"
    )
    known = (
        "SELECT decision_id, arg_max(defaulted, 2 * epoch_us(recorded_at) + defaulted::BIGINT) AS defaulted,"
        " bool_or(defaulted) <> bool_and(defaulted) AS conflicting"
        f" FROM outcomes WHERE recorded_at <= {stamp(as_of)} AND defaulted IS NOT NULL GROUP BY 1"
    )
    counting = (
        f"SELECT {BUCKET}, {SUM_OF_PDS}, count(*), count(*) FILTER (defaulted), count(*) FILTER (conflicting),"
        " count(*) FILTER (decision <> 'decline')"
        f" FROM (SELECT id, pd, decision FROM decisions WHERE {members} AND pd BETWEEN 0 AND 1) JOIN ({known})"
        " ON id = decision_id GROUP BY 1 ORDER BY 1"
    )
    rows = history.rows(counting) if decided else []  # mostly there is one model: of others' outcomes nothing is read
    # Bad and good of a bucket share its mean: with one of their own they would be ranked by chance, or by class.
    sums = np.array([row[1] for row in rows], dtype=np.float64)
    count, bads = (np.array([row[place] for row in rows], dtype=np.int64) for place in (2, 3))
    return CountedOutcomes(
        start=start,
        end=end,
        decided=decided,
        declined=declined,
        matured=sum(row[5] for row in rows),
        conflicting=sum(row[4] for row in rows),
        pds=CountedPds(sums / np.maximum(count, 1), count),
        bads=bads,
    )


def mature(known: CountedOutcomes) -> Maturity:
    """Realised and promised figures of a vintage."""
    lent = known.decided - known.declined
    realised = _realised(known) if len(known.pds) else None
    promised = promise(known.pds)
    gini = realised.gini if realised else None
    return Maturity(
        start=known.start,
        end=known.end,
        decided=known.decided,
        matured=known.matured / lent if lent else None,
        censored=known.declined / known.decided if known.decided else None,
        conflicting=known.conflicting,
        realised=realised,
        promised=promised,
        gini_error=promised.gini.value - gini if promised and gini is not None else None,
        default_rate_error=realised.expected_default_rate - realised.default_rate if realised else None,
    )


def unknown_outcomes(history: History, start: datetime, end: datetime) -> int:
    """Outcomes recorded in [start, end) for decisions that the history does not hold: counted, never used."""
    within = f"recorded_at >= {stamp(start)} AND recorded_at < {stamp(end)}"
    (recorded,) = history.row(f"SELECT count(DISTINCT decision_id) FROM outcomes WHERE {within}")
    (found,) = history.row(
        f"SELECT count(DISTINCT decision_id) FROM outcomes JOIN decisions ON decision_id = id WHERE {within}"
    )
    return int(recorded - found)


def checks(maturity: Maturity, baseline: Baseline, limits: Limits) -> Iterator[Check]:
    """Checks of realised against promised figures, where enough outcomes are known."""
    realised, promised = maturity.realised, maturity.promised
    if realised is None or realised.outcomes < limits.smallest_window:
        return
    n, expected = realised.outcomes, realised.expected_default_rate
    rise = realised.default_rate - expected
    # PDs were fitted on a sample too: its chance error stays when the window grows.
    spread = promised.default_rate.standard_error if promised else math.sqrt(expected * (1 - expected) / n)
    error = math.hypot(spread, math.sqrt(expected * (1 - expected) / baseline.rows))
    when = f"of decisions from {maturity.start:%Y-%m-%d} to {maturity.end:%Y-%m-%d}"
    text = f"matured default rate {when} is {realised.default_rate:.1%}, {expected:.1%} expected (n = {n:,})"
    beyond = rise >= limits.default_rate
    yield Check(
        "matured_loss", "default_rate", "defaulted", rise, limits.default_rate, beyond, one_sided(rise, error), text
    )
    ratio = (realised.default_rate * n + 0.5) / (expected * n + 0.5)
    yield Check(
        "calibration",
        "calibration_ratio",
        "pd",
        ratio,
        limits.calibration_ratio,
        max(ratio, 1 / ratio) >= limits.calibration_ratio,
        two_sided(rise, error),
        f"{ratio:.2f} times the expected defaults came {when} (n = {n:,})",
    )
    if promised is None or realised.gini is None:
        return
    fall = promised.gini.value - realised.gini
    # Tested against the limit, not against 0: no model is calibrated perfectly within the narrow range of the approved,
    # so a healthy one misses its promise too, and a large vintage would show that beyond chance.
    excess = one_sided(fall - limits.realised_gini, promised.gini.standard_error)
    yield Check(
        "matured_loss",
        "realised_gini",
        "gini",
        fall,
        limits.realised_gini,
        fall >= limits.realised_gini,
        excess,
        f"realised Gini {when} is {realised.gini:.3f}, {promised.gini.value:.3f} promised (n = {n:,})",
    )


def completeness(maturity: Maturity) -> str:
    """How much of a vintage is known, to follow what is said of a window; nothing where nobody was lent anything."""
    if maturity.matured is None:
        return ""
    when = f"from {maturity.start:%Y-%m-%d} to {maturity.end:%Y-%m-%d}"
    return f"; outcomes are known of {maturity.matured:.0%} of {maturity.lent:,} decisions {when}, declined ones aside"


def _rows(known: CountedOutcomes) -> tuple[metrics.Array, metrics.Array, metrics.Array]:
    """Each bucket's bad and its good, both at the bucket's mean PD: target, PD and how many."""
    weight = np.concatenate([known.bads, known.pds.count - known.bads]).astype(np.float64)
    bad, pd = np.repeat([1.0, 0.0], len(known.bads)), np.tile(known.pds.pd, 2)
    return bad[weight > 0], pd[weight > 0], weight[weight > 0]


def _realised(known: CountedOutcomes) -> Realised:
    bad, pd, weight = _rows(known)
    figures: dict[str, float | None] = dict.fromkeys(
        ("auc", "gini", "ks", "calibration_slope", "calibration_intercept")
    )
    try:
        area = metrics.auc(bad, pd, weight)
        figures |= {"auc": area, "gini": 2 * area - 1, "ks": metrics.ks(bad, pd, weight)}
        figures["calibration_slope"], figures["calibration_intercept"] = metrics.calibration_line(bad, pd, weight)
    except MetricError:
        pass  # one class only, or one PD only: the rest is still worth knowing
    return Realised(
        outcomes=len(known.pds),
        default_rate=float(np.average(bad, weights=weight)),
        expected_default_rate=float(np.average(pd, weights=weight)),
        brier=metrics.brier(bad, pd, weight),
        **figures,
    )
