import datetime
import secrets
from dataclasses import replace
from types import SimpleNamespace

import boto3
import duckdb
import numpy as np
import pandas as pd
import pytest
from moto.server import ThreadedMotoServer
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler, TargetEncoder

from credit_contract.applicant import encode
from credit_contract.baseline import build
from credit_contract.bundle import DatasetVersion, Draft, write_bundle
from credit_contract.golden import GoldenSet, synthesise
from credit_contract.policy import DECISIONS, Band, Policy
from credit_simulator import SCHEMA, Scenario, simulate

POLICY = Policy(
    version="test",
    base_score=600,
    base_odds=20,
    points_to_double=40,
    approve_below=0.2,
    decline_from=0.35,
    bands=(Band(name="A", pd_below=0.1), Band(name="B", pd_below=1)),
    loss_given_default=0.5,
    exposure_field="requested_amount",
    reasons={field.name: f"Reason {field.name}" for field in SCHEMA.scored_fields},
)
NUMBERS = [field.name for field in SCHEMA.number_fields]
CATEGORIES = [field.name for field in SCHEMA.category_fields]


class Scorer:
    """A calibrated model of the simulated portfolio, small enough to be fitted in each test session."""

    def __init__(self, simulation):
        rows = simulation.underwritten
        self.medians = {name: np.nanmedian(simulation.applicants[name]) for name in NUMBERS}
        self.encoder = TargetEncoder(random_state=0)
        codes = self._texts(simulation)[rows]
        self.encoder.fit(codes, simulation.defaulted[rows])
        self.scaler = StandardScaler().fit(self._design(simulation))
        self.model = LogisticRegression().fit(
            self.scaler.transform(self._design(simulation))[rows], simulation.defaulted[rows]
        )

    def _texts(self, simulation):
        return np.column_stack([simulation.applicants[name].astype(str) for name in CATEGORIES])

    def _design(self, simulation):
        numbers = [
            np.log1p(np.where(np.isnan(values := simulation.applicants[name]), self.medians[name], values))
            for name in NUMBERS
        ]
        absent = [np.isnan(simulation.applicants[name]).astype(float) for name in NUMBERS]
        return np.column_stack([*numbers, *absent, self.encoder.transform(self._texts(simulation))])

    def __call__(self, simulation):
        return self.model.predict_proba(self.scaler.transform(self._design(simulation)))[:, 1]


@pytest.fixture(scope="session")
def portfolio(tmp_path_factory):
    """A lender on the simulator: what its model was made from, its bundle, and a way to let it decide on a scenario."""
    reference = simulate(Scenario(seed=7, start="2020-01", months=12, applicants_per_month=1500))
    score = Scorer(reference)
    draft, folder = _draft(reference, score), tmp_path_factory.mktemp("bundles")
    bundle = write_bundle(draft, folder / "champion")
    successor = write_bundle(replace(draft, commit="d" * 40), folder / "successor")
    return SimpleNamespace(
        reference=reference, score=score, draft=draft, bundle=bundle, successor=successor, decide=_decide
    )


def _draft(reference, score):
    rows = np.flatnonzero(reference.underwritten)
    lent = reference.take(rows)
    pds = score(lent).astype(np.float32)
    baseline = build(
        SCHEMA,
        encode(SCHEMA, lent.records()),
        lent.defaulted.astype(int),
        pds,
        POLICY.decisions(pds),
        np.ones(len(rows)),
    )
    applicants = synthesise(SCHEMA, baseline, 8, seed=1)
    return Draft(
        dataset=DatasetVersion(name="simulated", version="v2", sha256="0" * 64, holdout_sha256="1" * 64),
        commit="c" * 40,
        config_sha256="2" * 64,
        seeds={},
        libraries={},
        model=b"never run here",
        schema=SCHEMA,
        policy=POLICY,
        baseline=baseline,
        golden=GoldenSet(applicants=tuple(applicants), pd=tuple(0.5 for _ in applicants)),
        evaluation={"network": {"gini": 0.5}},
    )


def _decide(portfolio, scenario, folder, digest=None):
    """Parquet files of decisions and outcomes, as the lender's journal would hold them."""
    stream = simulate(scenario)
    pds = portfolio.score(stream)
    decisions = POLICY.decisions(pds.astype(np.float32))
    table = pd.DataFrame(
        {
            "id": [f"d{row:08}" for row in range(len(stream))],
            "decided_at": stream.applied.astype("datetime64[us]") + np.arange(len(stream)).astype("timedelta64[us]"),
            "model_digest": digest or portfolio.bundle.digest,
            "pd": pds,
            "decision": np.array(DECISIONS)[decisions],
            **stream.applicants,
        }
    )
    approved = decisions == 0
    known = stream.outcomes(approved, datetime.date(2100, 1, 1))
    outcomes = pd.DataFrame(
        {
            "decision_id": table["id"].to_numpy()[known.rows],
            "outcome": np.where(known.defaulted, "defaulted", "paid"),
            "recorded_at": stream.matures[known.rows].astype("datetime64[us]"),
        }
    )
    folder.mkdir(parents=True, exist_ok=True)
    for name, frame in (("decisions", table), ("outcomes", outcomes)):
        with duckdb.connect() as connection:
            connection.register("frame", frame)
            connection.execute(f"COPY (SELECT * FROM frame) TO '{folder / name}.parquet'")
    return SimpleNamespace(
        decisions=folder / "decisions.parquet", outcomes=folder / "outcomes.parquet", table=table, known=outcomes
    )


@pytest.fixture(scope="session")
def bucket():
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def bucket_of_ones_own(bucket, monkeypatch):
    for name, value in (
        ("AWS_ENDPOINT_URL", bucket),
        ("AWS_ACCESS_KEY_ID", "testing"),
        ("AWS_SECRET_ACCESS_KEY", "testing"),
        ("AWS_DEFAULT_REGION", "us-east-1"),
    ):
        monkeypatch.setenv(name, value)
    name = f"reports-{secrets.token_hex(6)}"
    boto3.client("s3").create_bucket(Bucket=name)
    return f"s3://{name}/drift"
