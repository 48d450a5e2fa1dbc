"""The replay: windows in order of time, each decided by the model of its day and judged by the monitor's own code.

Four lenders live through the same time: one never retrains, one does every year, one on the verdict `retrain` as the
monitor does, and one also on a `stop` for calibration, as a person might who was paged.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt
import pandas as pd
from lender import Learns, Model, fit
from stream import Stream

from credit_contract import metrics
from credit_contract.policy import DECISIONS
from credit_training.network_recipe import NetworkRecipe
from drift_monitor.assessment import assess
from drift_monitor.document import WindowVerdict
from drift_monitor.history import open_files
from drift_monitor.limits import Limits
from drift_monitor.measurement import measure
from drift_monitor.settings import Performance
from drift_monitor.verdict import read_table
from drift_monitor.windows import Window

Strategy = Literal["never", "yearly", "verdict", "verdict or stop"]
Day = np.datetime64
STALE_HOURS = 4_800.0
"""The samples are thin: weeks without anybody in them are no fault of a journal."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What is replayed: [start, end) in windows of whole `months`, pooled until they hold `at_least` decisions.

    ended: fields of products that ended; a person excuses them after the first `stop` that names them.
    """

    start: Day
    end: Day
    months: int
    at_least: int
    approval_rate: float
    recipe: NetworkRecipe
    seed: int
    pooled_vintages: int = 1
    cool_down_days: int = 365
    ended: tuple[str, ...] = ()
    learns: Learns = "complete"


@dataclass(frozen=True, slots=True)
class Lived:
    """One window as it came, and what only hindsight knows: AUC and default rate among the safest share."""

    verdict: WindowVerdict
    retrained: bool
    auc: float | None
    default_rate: float | None
    expected_default_rate: float
    default_rate_of_approved: float | None


@dataclass
class Life:
    """What a lender has decided so far."""

    stream: Stream
    plan: Plan
    folder: Path
    lent: npt.NDArray[np.bool_] = field(init=False)
    excused: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.lent = self.stream.applied < self.plan.start
        shutil.rmtree(self.folder, ignore_errors=True)
        (self.folder / "decisions").mkdir(parents=True)
        (self.folder / "outcomes").mkdir()

    def decide(self, rows: npt.NDArray[np.int64], model: Model) -> npt.NDArray[np.float64]:
        """Decide some applicants, and write decisions and (with the days that they will be known on) outcomes."""
        some = self.stream.take(rows)
        pds = model.predict(some.encoded)
        decisions = model.bundle.policy.decisions(pds)
        ids = [f"d{row:07}" for row in rows]
        decided = {
            "id": ids,
            "decided_at": some.applied.astype("datetime64[us]"),
            "model_digest": model.bundle.digest,
            "pd": pds,
            "decision": np.array(DECISIONS)[decisions],
        }
        approved = decisions == 0
        self.lent[rows] = approved
        outcomes = pd.DataFrame(
            {
                "decision_id": ids,
                "outcome": np.where(some.bad, "defaulted", "paid"),
                "recorded_at": some.known.astype("datetime64[us]"),
            }
        )[approved]
        pd.DataFrame(decided | some.columns()).to_parquet(self.folder / "decisions" / f"{ids[0]}.parquet")
        outcomes.to_parquet(self.folder / "outcomes" / f"{ids[0]}.parquet")
        return pds

    def judge(self, start: Day, end: Day, decisions: int, model: Model) -> WindowVerdict:
        """What the monitor says of a window on its last day; what a person excuses then holds from the next on."""
        window = Window(_utc(start), _utc(end), model.bundle.digest, decisions)
        performance = Performance(days=self.stream.performance_days, pooled_windows=self.plan.pooled_vintages)
        with open_files(self.folder / "decisions", self.folder / "outcomes") as history:
            measured = measure(history, window, model.bundle, performance)
        limits = Limits(stale_hours=STALE_HOURS, constant_fields=tuple(sorted(self.excused)))
        verdict = assess(window, measured, model.bundle, read_table(), limits)
        constant = {finding.subject for finding in verdict.findings if finding.fired and finding.check == "constant"}
        self.excused |= constant & set(self.plan.ended)
        return verdict


def replay(stream: Stream, plan: Plan, strategy: Strategy, folder: Path) -> list[Lived]:
    """Live through the plan with one strategy; the first model is the same for all."""
    life = Life(stream, plan, folder / strategy)
    shutil.rmtree(folder / strategy / "bundles", ignore_errors=True)
    model = _fit(life, plan.start)
    windows = _windows(stream.applied, plan)
    trained_at, lived = plan.start, []
    for start, end in windows:
        rows = np.flatnonzero((stream.applied >= start) & (stream.applied < end))
        pds = life.decide(rows, model)
        verdict = life.judge(start, end, len(rows), model)
        left = end < windows[-1][1]  # after the last one nobody is there to be decided
        due = left and _due(strategy, verdict, end - trained_at, plan)
        lived.append(_hindsight(stream.take(rows), pds, verdict, due, plan.approval_rate))
        if due:
            model, trained_at = _fit(life, end), end
    return lived


def _fit(life: Life, as_of: Day) -> Model:
    plan = life.plan
    bundles = life.folder / "bundles"
    return fit(life.stream, as_of, life.lent, plan.approval_rate, plan.recipe, plan.seed, bundles, plan.learns)


def _due(strategy: Strategy, verdict: WindowVerdict, age: np.timedelta64, plan: Plan) -> bool:
    if strategy == "yearly":
        return bool(age >= np.timedelta64(365, "D"))
    called = strategy != "never" and verdict.verdict == "retrain"
    if strategy == "verdict or stop":
        called |= any(finding.fired and finding.evidence == "calibration" for finding in verdict.findings)
    return called and bool(age >= np.timedelta64(plan.cool_down_days, "D"))


def _windows(applied: npt.NDArray[np.datetime64], plan: Plan) -> Sequence[tuple[Day, Day]]:
    edges = np.arange(plan.start.astype("M8[M]"), plan.end.astype("M8[M]") + 1, plan.months).astype("M8[D]")
    windows, begun = [], edges[0]
    for edge in edges[1:]:
        if np.count_nonzero((applied >= begun) & (applied < edge)) >= plan.at_least:
            windows.append((begun, edge))
            begun = edge
    return windows


def _hindsight(
    some: Stream, pds: npt.NDArray[np.float64], verdict: WindowVerdict, due: bool, approval_rate: float
) -> Lived:
    complete = some.applied.max() + np.timedelta64(some.performance_days, "D") <= some.until
    both = complete and 0 < some.bad.sum() < len(some)
    safest = np.argsort(pds, kind="stable")[: round(approval_rate * len(some))]
    return Lived(
        verdict=verdict,
        retrained=due,
        auc=metrics.auc(some.bad, pds) if both else None,
        default_rate=float(some.bad.mean()) if complete else None,
        expected_default_rate=float(pds.mean()),
        default_rate_of_approved=float(some.bad[safest].mean()) if complete else None,
    )


def _utc(day: Day) -> datetime:
    moment: datetime = day.astype("M8[us]").item()
    return moment.replace(tzinfo=UTC)
