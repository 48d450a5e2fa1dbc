"""POST /api/prediction: the thirteen fields that a public bank-scoring client sends, to a bank bundle."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import numpy as np
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from credit_contract.applicant import encode
from credit_training.dataset import load_dataset

from .conftest import Serve
from .toy import bundle_of

CLIENT = {
    "age": 18,
    "job": "technician",
    "marital": "single",
    "education": "secondary",
    "default": "no",
    "balance": 1_000_000,
    "housing": "yes",
    "loan": "no",
    "contact": "cellular",
    "day": 5,
    "month": "may",
    "duration": 261,
    "campaign": 1,
}


BANK = load_dataset("bank")
SCHEMA = BANK.feature_schema("v2")


def graph() -> bytes:
    """PD = sigmoid(0.05 times the sum of all category codes - 2); the numbers do not count."""
    node = helper.make_node
    constants = {"axis": [1], "weight": [0.05], "shift": [2.0]}
    weights = [
        numpy_helper.from_array(np.array(value, dtype=np.int64 if name == "axis" else np.float32), name)
        for name, value in constants.items()
    ]
    nodes = [
        node("Cast", ["categories"], ["codes"], to=TensorProto.FLOAT),
        node("ReduceSum", ["codes", "axis"], ["sum"], keepdims=0),
        node("Mul", ["sum", "weight"], ["weighted"]),
        node("Sub", ["weighted", "shift"], ["logit"]),
        node("Sigmoid", ["logit"], ["pd"]),
    ]
    numbers, categories = len(SCHEMA.number_fields), len(SCHEMA.category_fields)
    inputs = [
        helper.make_tensor_value_info("numbers", TensorProto.FLOAT, ["n", numbers]),
        helper.make_tensor_value_info("categories", TensorProto.INT64, ["n", categories]),
    ]
    output = helper.make_tensor_value_info("pd", TensorProto.FLOAT, ["n"])
    made = helper.make_graph(nodes, "bank", inputs, [output], weights)
    model = helper.make_model(made, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    return bytes(model.SerializeToString())


@pytest.fixture(scope="module")
def bank(serve: Serve, tmp_path_factory: pytest.TempPathFactory) -> httpx.Client:
    folder: Path = tmp_path_factory.mktemp("bank")
    model = graph()
    session = onnxruntime.InferenceSession(model)

    def pd_of(people: list[dict[str, Any]]) -> np.ndarray[Any, np.dtype[np.float64]]:
        return np.asarray(session.run(["pd"], encode(SCHEMA, people).feed())[0], dtype=np.float64)

    rows = [{**CLIENT, "day": day, "month": month} for day, month in enumerate(SCHEMA["month"].categories, start=1)]
    bundle_of(folder / "bundle", SCHEMA, BANK.policy_for(SCHEMA), model, rows, pd_of)
    return serve(
        bundle=folder / "bundle", journal={"file": folder / "journal.sqlite"}, limits={"max_body_bytes": 10_000}
    )


def test_the_clients_thirteen_fields_get_an_answer(bank: httpx.Client) -> None:
    answer = bank.post("/api/prediction", params={"cus_id": "C-1027"}, json=CLIENT)
    assert answer.status_code == 200
    told = answer.json()
    assert told["cus_id"] == "C-1027"
    assert told["decision"] in ("approve", "refer", "decline")
    assert told["fields_not_scored"] == ["age", "marital", "duration"]


def test_the_customer_number_is_recorded_and_does_not_count(bank: httpx.Client) -> None:
    first, second = (bank.post("/api/prediction", params={"cus_id": c}, json=CLIENT).json() for c in ("C-1", "C-2"))
    assert first["pd"] == second["pd"]
    assert bank.get(f"/decisions/{first['id']}").json()["reference"] == "C-1"


def test_what_does_not_fit_is_refused(bank: httpx.Client) -> None:
    refused = {
        "age": bank.post("/api/prediction?cus_id=1", json={**CLIENT, "age": 17}),
        "balance": bank.post("/api/prediction?cus_id=1", json={**CLIENT, "balance": 1_000_001}),
    }
    for field, answer in refused.items():
        assert (answer.status_code, answer.json()["problems"][0]["path"]) == (422, f"/{field}")
    assert bank.post("/api/prediction", json=CLIENT).status_code == 422
    assert bank.post("/api/prediction?cus_id=", json=CLIENT).status_code == 422
    assert bank.post("/api/prediction?cus_id=1", json=[CLIENT]).status_code == 422
    assert bank.post("/api/prediction?cus_id=1", content=b"x").status_code == 415
    large = bank.post("/api/prediction?cus_id=1", content=b" " * 20_000, headers={"content-type": "application/json"})
    assert (large.status_code, large.json()["code"]) == (413, "body_too_large")
