import numpy as np
import pytest

from credit_contract.applicant import Encoded
from credit_contract.baseline import build
from credit_contract.bundle import DatasetVersion, Draft
from credit_contract.golden import GoldenSet, synthesise
from credit_contract.policy import Band, Policy
from credit_contract.schema import FeatureSchema, Field

POLICY = Policy(
    version="2026-01",
    base_score=600,
    base_odds=20,
    points_to_double=40,
    approve_below=0.1,
    decline_from=0.3,
    bands=(Band(name="A", pd_below=0.1), Band(name="B", pd_below=1)),
    loss_given_default=0.5,
    reasons={"income": "Income is low", "debts": "Debts are high", "job": "Type of work"},
)


@pytest.fixture(scope="session")
def policy():
    return POLICY


@pytest.fixture(scope="session")
def schema():
    return FeatureSchema(
        dataset="tiny",
        version="v1",
        fields=(
            Field(name="income", kind="number", meaning="m", minimum=0, maximum=1e6, reason="r", monotone="decreasing"),
            Field(name="job", kind="category", meaning="m", categories=("a", "b", "c"), aliases={"z": "c"}, reason="r"),
            Field(name="debts", kind="integer", meaning="m", minimum=0, maximum=50, reason="r", optional=True),
            Field(name="age", kind="integer", meaning="m", minimum=18, maximum=110, role="protected"),
        ),
    )


@pytest.fixture(scope="session")
def draft(schema):
    rng = np.random.default_rng(1)
    encoded = Encoded(
        np.column_stack([rng.uniform(0, 1e5, 500), rng.integers(0, 9, 500)]).astype(np.float32),
        rng.integers(1, 4, (500, 1)),
    )
    encoded.numbers[:50, 1] = np.nan
    pd = rng.uniform(0, 1, 500)
    baseline = build(schema, encoded, rng.integers(0, 2, 500), pd, POLICY.decisions(pd), np.ones(500))
    applicants = synthesise(schema, baseline, 32, seed=1)
    return Draft(
        dataset=DatasetVersion(name="tiny", version="v1", sha256="0" * 64, holdout_sha256="1" * 64),
        commit="c" * 40,
        config_sha256="2" * 64,
        seeds={"training": 1},
        libraries={"numpy": np.__version__},
        model=b"not a graph, but bytes all the same",
        schema=schema,
        policy=POLICY,
        baseline=baseline,
        golden=GoldenSet(applicants=tuple(applicants), pd=tuple(0.5 for _ in applicants)),
        evaluation={"auc": 0.7},
    )
