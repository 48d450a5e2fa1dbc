"""A bundle of the network that published comparisons of servers use: 23 numbers in, layers of 64 and 32, one PD out.

Its weights are made up, so it says nothing about anybody. A server's own share of a request shows best where the graph
costs next to nothing.
"""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

from credit_contract.applicant import Encoded, encode
from credit_contract.baseline import build
from credit_contract.bundle import DatasetVersion, Draft, write_bundle
from credit_contract.golden import GoldenSet, synthesise
from credit_contract.policy import Band, Policy
from credit_contract.schema import FeatureSchema, Field

AMOUNTS, STATUSES = 17, 6
LARGEST, LOWEST_STATUS, HIGHEST_STATUS = 1_000_000, -2, 8
HIDDEN = (64, 32)
PEOPLE, GOLDEN, SEED = 2_000, 40, 23
BASE_LOGIT, STEEPNESS = -1.6, 2.5


def make(folder: Path) -> Path:
    """The bundle, at `folder`; the same one every time."""
    schema = _schema()
    policy = _policy(schema)
    rng = np.random.default_rng(SEED)
    amounts = rng.integers(0, LARGEST // 4, (PEOPLE, AMOUNTS))
    statuses = rng.integers(LOWEST_STATUS, HIGHEST_STATUS + 1, (PEOPLE, STATUSES))
    encoded = Encoded(
        np.concatenate([amounts, statuses], axis=1).astype(np.float32), np.empty((PEOPLE, 0), dtype=np.int64)
    )
    graph = _graph(rng)
    session = onnxruntime.InferenceSession(graph)

    def pd_of(people: Encoded) -> npt.NDArray[np.float64]:
        return np.asarray(session.run(["pd"], people.feed())[0], dtype=np.float64)

    pd = pd_of(encoded)
    baseline = build(
        schema, encoded, (rng.random(PEOPLE) < pd).astype(np.int8), pd, policy.decisions(pd), np.ones(PEOPLE)
    )
    golden = synthesise(schema, baseline, GOLDEN, SEED)
    draft = Draft(
        dataset=DatasetVersion(name=schema.dataset, version=schema.version, sha256="0" * 64, holdout_sha256="0" * 64),
        commit="0" * 40,
        config_sha256="0" * 64,
        seeds={"weights": SEED},
        libraries={"onnx": onnx.__version__},
        model=graph,
        schema=schema,
        policy=policy,
        baseline=baseline,
        golden=GoldenSet(applicants=tuple(golden), pd=tuple(pd_of(encode(schema, golden)).tolist())),
        evaluation={},
    )
    write_bundle(draft, folder)
    return folder


def _schema() -> FeatureSchema:
    amounts = [(f"amount_{number:02d}", 0, LARGEST) for number in range(1, AMOUNTS + 1)]
    statuses = [(f"status_{number}", LOWEST_STATUS, HIGHEST_STATUS) for number in range(1, STATUSES + 1)]
    return FeatureSchema(
        dataset="small",
        version="v1",
        fields=tuple(
            Field(name=name, kind="integer", meaning="Made up.", minimum=low, maximum=high, reason=name)
            for name, low, high in [*amounts, *statuses]
        ),
    )


def _policy(schema: FeatureSchema) -> Policy:
    return Policy(
        version="bench",
        base_score=600,
        base_odds=30,
        points_to_double=20,
        approve_below=0.2,
        decline_from=0.5,
        bands=(Band(name="A", pd_below=0.1), Band(name="B", pd_below=0.3), Band(name="C", pd_below=1)),
        loss_given_default=0.45,
        reasons={field.name: field.name for field in schema.fields},
    )


def _graph(rng: np.random.Generator) -> bytes:
    scale = np.array([LARGEST] * AMOUNTS + [HIGHEST_STATUS] * STATUSES, dtype=np.float32)
    sizes = [len(scale), *HIDDEN, 1]
    nodes, last = [], "numbers"
    constants: dict[str, npt.NDArray[Any]] = {"axis": np.array([1], dtype=np.int64)}
    for layer, (width, after) in enumerate(pairwise(sizes)):
        weights = rng.normal(0, STEEPNESS * width**-0.5, (width, after)).astype(np.float32)
        constants[f"w{layer}"] = weights if layer else weights / scale[:, None]
        constants[f"b{layer}"] = np.full(after, BASE_LOGIT if after == 1 else 0, dtype=np.float32)
        nodes.append(helper.make_node("Gemm", [last, f"w{layer}", f"b{layer}"], [f"h{layer}"]))
        last = f"a{layer}"
        nodes.append(helper.make_node("Sigmoid" if after == 1 else "Relu", [f"h{layer}"], [last]))
    nodes.append(helper.make_node("Squeeze", [last, "axis"], ["pd"]))
    inputs = [
        helper.make_tensor_value_info("numbers", TensorProto.FLOAT, ["n", len(scale)]),
        helper.make_tensor_value_info("categories", TensorProto.INT64, ["n", 0]),
    ]
    pd = helper.make_tensor_value_info("pd", TensorProto.FLOAT, ["n"])
    kept = [numpy_helper.from_array(value, name) for name, value in constants.items()]
    made = helper.make_graph(nodes, "small", inputs, [pd], kept)
    model = helper.make_model(made, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString())
