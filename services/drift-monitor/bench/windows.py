"""Make a window of many decisions from the simulator's portfolio, and the vintage that matured in it, as Parquet files.

One simulated month is drawn once and repeated in SQL with fresh ids, times and a jittered PD, so that ten million rows
cost seconds and the distributions stay those of the portfolio.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd

from credit_contract.applicant import encode
from credit_contract.baseline import build
from credit_contract.bundle import Bundle, DatasetVersion, Draft, write_bundle
from credit_contract.golden import GoldenSet, synthesise
from credit_contract.policy import DECISIONS, Band, Policy
from credit_simulator import SCHEMA, Scenario, Simulation, simulate

DRAWN = 100_000
POLICY = Policy(
    version="bench",
    base_score=600,
    base_odds=20,
    points_to_double=40,
    approve_below=0.2,
    decline_from=0.35,
    bands=(Band(name="A", pd_below=0.1), Band(name="B", pd_below=1)),
    loss_given_default=0.5,
    exposure_field="requested_amount",
    reasons={field.name: field.name for field in SCHEMA.scored_fields},
)


def portfolio(seed: int) -> Simulation:
    """Applicants to draw windows from."""
    return simulate(Scenario(seed=seed, start="2024-01", months=1, applicants_per_month=DRAWN))


def make_bundle(reference: Simulation, path: Path) -> Bundle:
    """A bundle whose model is the simulator's own true PD: as calibrated as can be."""
    pds = reference.true_pd.astype(np.float32)
    rows = encode(SCHEMA, reference.records())
    baseline = build(
        SCHEMA, rows, reference.defaulted.astype(np.int8), pds, POLICY.decisions(pds), np.ones(len(reference))
    )
    people = tuple(synthesise(SCHEMA, baseline, 8, seed=1))
    return write_bundle(
        Draft(
            dataset=DatasetVersion(name="simulated", version="bench", sha256="0" * 64, holdout_sha256="0" * 64),
            commit="0" * 40,
            config_sha256="0" * 64,
            seeds={},
            libraries={},
            model=b"not run",
            schema=SCHEMA,
            policy=POLICY,
            baseline=baseline,
            golden=GoldenSet(applicants=people, pd=(0.5,) * len(people)),
            evaluation={},
        ),
        path,
    )


def write_window(drawn: Simulation, digest: str, rows: int, path: Path) -> None:
    """`rows` decisions of January 2024 as one Parquet file with the journal's columns."""
    decided = _decided("2024-01-01", digest, rows, ", ".join(drawn.applicants))
    with _repeatable(drawn) as connection:
        connection.execute(f"COPY ({decided}) TO '{path}' (FORMAT parquet)")


def write_vintage(drawn: Simulation, digest: str, rows: int, decisions: Path, outcomes: Path) -> None:
    """`rows` decisions of the January before, which the monitor reads no applicants of; every approved one has ended.

    A default became known after 200 days, a repayment after a year: when the performance window was over.
    """
    decided = _decided("2023-01-01", digest, rows, "bad")
    known = (
        "SELECT id AS decision_id, CASE WHEN bad THEN 'defaulted' ELSE 'paid' END AS outcome,"
        " decided_at + INTERVAL 1 DAY * CASE WHEN bad THEN 200 ELSE 365 END AS recorded_at"
        f" FROM ({decided}) WHERE decision = 'approve'"
    )
    with _repeatable(drawn) as connection:
        connection.execute(f"COPY (SELECT * EXCLUDE (bad) FROM ({decided})) TO '{decisions}' (FORMAT parquet)")
        connection.execute(f"COPY ({known}) TO '{outcomes}' (FORMAT parquet)")


@contextmanager
def _repeatable(drawn: Simulation) -> Iterator[duckdb.DuckDBPyConnection]:
    """A database with the drawn month as `drawn`, its rows numbered by `place`."""
    decision = np.array(DECISIONS)[POLICY.decisions(drawn.true_pd)]
    columns = {"place": np.arange(len(drawn)), "pd": drawn.true_pd, "decision": decision, "bad": drawn.defaulted}
    with duckdb.connect() as connection:
        connection.register("drawn", pd.DataFrame(columns | drawn.applicants))
        yield connection


def _decided(start: str, digest: str, rows: int, more: str) -> str:
    """SQL of `rows` decisions spread evenly over 31 days; ids as the scoring API makes them, by time."""
    decided_at = f"TIMESTAMP '{start}' + INTERVAL 1 SECOND * (i * 2678400 // {rows})"
    return (
        f"SELECT printf('%012x', epoch_ms({decided_at})) || md5(i::VARCHAR)[:20] || '-0' AS id,"
        f" {decided_at} AS decided_at, '{digest}' AS model_digest, pd, decision, {more}"
        f" FROM range({rows}) AS numbers(i) JOIN drawn ON place = (i * 7919) % {DRAWN}"
    )


def write_reference(drawn: Simulation, path: Path) -> None:
    """What the others compare with: the drawn month itself, with its outcomes."""
    decided = np.array(DECISIONS)[POLICY.decisions(drawn.true_pd)]
    table = pd.DataFrame({"pd": drawn.true_pd, "decision": decided, "bad": drawn.defaulted.astype(int)})
    table.assign(**drawn.applicants).to_parquet(path)
