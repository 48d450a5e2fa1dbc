"""A small bundle with a hand-made graph: logistic, so that its PDs can be checked by hand."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from credit_contract.applicant import encode
from credit_contract.baseline import build
from credit_contract.bundle import Bundle, DatasetVersion, Draft, write_bundle
from credit_contract.golden import GoldenSet, synthesise
from credit_contract.policy import Band, Policy
from credit_contract.schema import FeatureSchema, Field

WEIGHTS = np.array([0.8, -1.5, 1.2], dtype=np.float32)
CENTRES = np.array([2.0, 50.0, 0.5], dtype=np.float32)
SCALES = np.array([1.0, 40.0, 0.5], dtype=np.float32)
HOUSING = np.array([0.2, 0.9, 0.0, -0.6], dtype=np.float32)
STATUS = np.array([0.0, 0.0, 0.7], dtype=np.float32)
INTERCEPT = np.float32(-1.4)

SCHEMA = FeatureSchema(
    dataset="toy",
    version="v1",
    fields=(
        Field(
            name="late_payments",
            kind="integer",
            meaning="Payments late in the last year.",
            minimum=0,
            maximum=12,
            monotone="increasing",
            reason="Too many late payments",
        ),
        Field(
            name="income",
            kind="number",
            meaning="Income.",
            unit="thousand a year",
            minimum=0,
            maximum=1000,
            optional=True,
            reason="Income",
        ),
        Field(name="utilisation", kind="number", meaning="Balance by limit.", minimum=-1, maximum=5, reason="Balances"),
        Field(
            name="housing",
            kind="category",
            meaning="Housing.",
            categories=("rent", "own", "free"),
            aliases={"lodger": "rent"},
            optional=True,
            reason="Housing",
        ),
        Field(name="status", kind="category", meaning="Status.", categories=(1, 2), reason="Status"),
        Field(name="sex", kind="category", meaning="Sex.", categories=("f", "m"), role="protected"),
        Field(name="duration", kind="number", meaning="Known later.", minimum=0, maximum=10_000, role="leak"),
    ),
)

POLICY = Policy(
    version="2026-01",
    base_score=600,
    base_odds=30,
    points_to_double=20,
    approve_below=0.2,
    decline_from=0.5,
    bands=(Band(name="A", pd_below=0.1), Band(name="B", pd_below=0.3), Band(name="C", pd_below=1)),
    loss_given_default=0.45,
    reasons={field.name: f"{field.reason} weighed against you" for field in SCHEMA.scored_fields},
)

GOOD = {"late_payments": 0, "income": 90.0, "utilisation": 0.1, "housing": "own", "status": 1}
BAD = {"late_payments": 6, "income": 12.5, "utilisation": 1.4, "housing": "rent", "status": 2}


def graph(order: tuple[int, ...] = (0, 1, 2), housing: np.ndarray[Any, np.dtype[np.float32]] = HOUSING) -> bytes:
    """PD = sigmoid(intercept + weights · scaled numbers, missing at the centre, + a weight for each category).

    The numbers in another `order`, with the codes of `housing` in theirs, make another graph of the same function.
    """
    constants = {
        "centres": CENTRES[list(order)],
        "scales": SCALES[list(order)],
        "weights": WEIGHTS[list(order)],
        "housing": housing,
        "status": STATUS,
        "intercept": INTERCEPT,
        "first": np.array(0, dtype=np.int64),
        "second": np.array(1, dtype=np.int64),
        "last_axis": np.array([1], dtype=np.int64),
    }
    node = helper.make_node
    nodes = [
        node("IsNaN", ["numbers"], ["missing"]),
        node("Where", ["missing", "centres", "numbers"], ["filled"]),
        node("Sub", ["filled", "centres"], ["moved"]),
        node("Div", ["moved", "scales"], ["scaled"]),
        node("Mul", ["scaled", "weights"], ["weighted"]),
        node("ReduceSum", ["weighted", "last_axis"], ["linear"], keepdims=0),
        node("Gather", ["categories", "first"], ["housing_code"], axis=1),
        node("Gather", ["categories", "second"], ["status_code"], axis=1),
        node("Gather", ["housing", "housing_code"], ["housing_weight"]),
        node("Gather", ["status", "status_code"], ["status_weight"]),
        node("Sum", ["linear", "housing_weight", "status_weight", "intercept"], ["logit"]),
        node("Sigmoid", ["logit"], ["pd"]),
    ]
    inputs = [
        helper.make_tensor_value_info("numbers", TensorProto.FLOAT, ["n", 3]),
        helper.make_tensor_value_info("categories", TensorProto.INT64, ["n", 2]),
    ]
    outputs = [helper.make_tensor_value_info("pd", TensorProto.FLOAT, ["n"])]
    weights = [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()]
    made = helper.make_graph(nodes, "toy", inputs, outputs, weights)
    model = helper.make_model(made, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString())


def expected_pd(applicants: list[dict[str, Any]]) -> np.ndarray[Any, np.dtype[np.float64]]:
    """The same by numpy, in float64."""
    encoded = encode(SCHEMA, applicants)
    numbers = np.where(np.isnan(encoded.numbers), CENTRES, encoded.numbers).astype(np.float64)
    logit = ((numbers - CENTRES) / SCALES) @ WEIGHTS.astype(np.float64) + INTERCEPT
    logit += HOUSING[encoded.categories[:, 0]] + STATUS[encoded.categories[:, 1]]
    return np.asarray(1 / (1 + np.exp(-logit)))


def make_bundle(path: Path, policy: Policy = POLICY, schema: FeatureSchema = SCHEMA) -> Bundle:
    """A bundle of the toy model at `path`; another schema may differ in its words only."""
    rng = np.random.default_rng(1)
    rows = [
        {
            "late_payments": int(rng.integers(0, 6)),
            "income": None if rng.random() < 0.1 else float(rng.gamma(4, 15)),
            "utilisation": float(rng.random() * 1.2),
            "housing": str(rng.choice(["rent", "own", "free"])),
            "status": int(rng.integers(1, 3)),
        }
        for _ in range(400)
    ]
    return bundle_of(path, schema, policy, graph(), rows, expected_pd)


def bundle_of(
    path: Path,
    schema: FeatureSchema,
    policy: Policy,
    model: bytes,
    rows: list[dict[str, Any]],
    pd_of: Callable[[list[dict[str, Any]]], np.ndarray[Any, np.dtype[np.float64]]],
) -> Bundle:
    """A bundle at `path` whose baseline is of these rows and whose golden PDs are `pd_of`'s."""
    encoded, pd = encode(schema, rows), pd_of(rows)
    decisions = policy.decisions(pd)
    baseline = build(schema, encoded, (pd > 0.5).astype(np.int8), pd, decisions, np.ones(len(rows)))
    people = synthesise(schema, baseline, 40, seed=1)
    draft = Draft(
        dataset=DatasetVersion(name=schema.dataset, version="v1", sha256="0" * 64, holdout_sha256="1" * 64),
        commit="0" * 40,
        config_sha256="2" * 64,
        seeds={"train": 1},
        libraries={"numpy": "2"},
        model=model,
        schema=schema,
        policy=policy,
        baseline=baseline,
        golden=GoldenSet(applicants=tuple(people), pd=tuple(pd_of(people).tolist())),
        evaluation={"auc": 0.8},
    )
    return write_bundle(draft, path)
