"""A portfolio as it came to a lender: applicants in order of time, and the day on which each outcome became known.

One function per dataset. Knows the data's traps; does not know models or the monitor.
"""

from __future__ import annotations

import io
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from credit_contract.applicant import Encoded, encode
from credit_contract.policy import Policy
from credit_contract.schema import FeatureSchema
from credit_simulator import Event, Scenario, simulate
from credit_training.dataset import DatasetSpec, load_dataset
from credit_training.feature_steps import STEPS, StepSpec, usable_steps
from credit_training.files import home
from credit_training.prepare import prepared
from credit_training.source import obtain
from credit_training.table import encode_table

Days = npt.NDArray[np.datetime64]
FOUR_YEARS = 1461


@dataclass(frozen=True, slots=True)
class Stream:
    """n applicants in order of time.

    bad: bool [n], within the performance window. applied, known: datetime64[D] [n]; an outcome must not be used
    before `known`. origin: int64 [n], equal where resampling drew one row more than once. until: the last day whose
    outcomes the data has.
    """

    name: str
    schema: FeatureSchema
    policy: Policy
    steps: Sequence[StepSpec]
    encoded: Encoded
    bad: npt.NDArray[np.bool_]
    applied: Days
    known: Days
    origin: npt.NDArray[np.int64]
    performance_days: int
    until: np.datetime64

    def __len__(self) -> int:
        return len(self.bad)

    def take(self, rows: npt.NDArray[Any]) -> Stream:
        """Some of the applicants, by mask or by index."""
        return replace(
            self,
            encoded=self.encoded[rows],
            bad=self.bad[rows],
            applied=self.applied[rows],
            known=self.known[rows],
            origin=self.origin[rows],
        )

    def columns(self) -> dict[str, npt.NDArray[Any]]:
        """The applicants' values by field, as the journal keeps them."""
        columns: dict[str, npt.NDArray[Any]] = {}
        for place, field in enumerate(self.schema.number_fields):
            columns[field.name] = self.encoded.numbers[:, place]
        for place, field in enumerate(self.schema.category_fields):
            texts = np.array([None, *map(str, field.categories)], dtype=object)
            columns[field.name] = texts[self.encoded.categories[:, place]]
        return columns


def sba(seed: int) -> Stream:
    """SBA loans approved since fiscal year 1989, resampled by `sample_weight` within each quarter.

    Bad is a charge-off within four years, the median time to one, known on its day; good is known when the four years
    are over. `sector` and `urban_rural` are left out: in the years to be learned from they were not recorded.
    """
    spec = load_dataset("sba")
    table = prepared(spec, "v2", home()).frame
    raw = pd.read_csv(io.BytesIO(obtain(spec, home()).content), parse_dates=["approval_date", "chg_off_date"])
    raw = raw[raw["approval_fy"] >= 1989].reset_index(drop=True)
    applied = raw["approval_date"].to_numpy("datetime64[D]")
    charged_off = raw["chg_off_date"].to_numpy("datetime64[D]")
    over = applied + np.timedelta64(FOUR_YEARS, "D")
    bad = (raw["mis_status"] == "CHGOFF").to_numpy() & (charged_off <= over)
    known = np.where(bad, charged_off, over)
    whole = _stream(spec, "v2", table, ("sector", "urban_rural"), bad, applied, known, FOUR_YEARS)
    whole = replace(whole, until=np.nanmax(charged_off))
    return whole.take(_resampled(applied, raw["sample_weight"].to_numpy(), seed))


def bank(seed: int) -> Stream:
    """Calls of the bank's campaigns with their rebuilt dates; the response is known after thirty days.

    `day` and `month` are left out: they only say when the call was.
    """
    del seed
    spec = load_dataset("bank")
    table = prepared(spec, "v2", home()).frame
    applied: Days = table["_time"].to_numpy("datetime64[D]")
    known: Days = applied + np.timedelta64(30, "D")
    return _stream(spec, "v2", table, ("day", "month"), table["_target"].to_numpy() == 1, applied, known, 30)


def simulated(seed: int, events: Sequence[Event] = ()) -> Stream:
    """Four years of 2,000 applicants a month; events are scripted from the third year on."""
    spec = load_dataset("simulated")
    scenario = Scenario(seed=seed, start="2020-01", months=48, applicants_per_month=2000, events=tuple(events))
    drawn = simulate(scenario)
    schema = spec.feature_schema("v2")
    return Stream(
        name="simulated",
        schema=schema,
        policy=spec.policy_for(schema),
        steps=tuple(STEPS.validate_python(spec.features)),
        encoded=encode(schema, drawn.records()),
        bad=drawn.defaulted,
        applied=drawn.applied,
        known=drawn.matures,
        origin=np.arange(len(drawn)),
        performance_days=365,
        until=drawn.matures.max(),
    )


def _stream(
    spec: DatasetSpec,
    version: str,
    table: pd.DataFrame,
    left_out: Collection[str],
    bad: npt.NDArray[np.bool_],
    applied: Days,
    known: Days,
    days: int,
) -> Stream:
    described = spec.feature_schema(version)
    fields = tuple(f.model_copy(update={"role": "unused"}) if f.name in left_out else f for f in described.fields)
    schema = FeatureSchema(dataset=described.dataset, version=described.version, fields=fields)
    order = np.argsort(applied, kind="stable")
    policy = spec.policy_for(schema)
    steps = usable_steps(schema, STEPS.validate_python(spec.features))
    encoded = encode_table(schema, table)
    rows = np.arange(len(bad))
    whole = Stream(spec.name, schema, policy, steps, encoded, bad, applied, known, rows, days, known.max())
    return whole.take(order)


def _resampled(applied: Days, weight: npt.NDArray[np.float64], seed: int) -> npt.NDArray[np.int64]:
    """As many rows of each quarter as there are, drawn with replacement by weight; in order of time."""
    rng = np.random.default_rng(seed)
    quarter = applied.astype("datetime64[M]").astype(int) // 3
    drawn = []
    for one in np.unique(quarter):
        rows = np.flatnonzero(quarter == one)
        drawn.append(rng.choice(rows, len(rows), p=weight[rows] / weight[rows].sum()))
    chosen = np.concatenate(drawn)
    return np.asarray(chosen[np.argsort(applied[chosen], kind="stable")], dtype=np.int64)
