"""The Open Inference Protocol, JSON and binary, over HTTP."""

from __future__ import annotations

import json
import struct
from itertools import chain
from typing import Any

import httpx
import numpy as np
import pytest

from credit_contract.applicant import encode
from credit_contract.bundle import Bundle

from .toy import BAD, GOOD, SCHEMA, expected_pd

PEOPLE = [GOOD, BAD, {**GOOD, "income": None, "housing": None}]
INFER = "/v2/models/toy/infer"


def tensor(name: str, datatype: str, array: Any, *, flat: bool = False) -> dict[str, Any]:
    values = np.asarray(array)
    data = [[None if value != value else value for value in row] for row in values.tolist()]
    return {
        "name": name,
        "datatype": datatype,
        "shape": list(values.shape),
        "data": list(chain.from_iterable(data)) if flat else data,
    }


def request(people: list[dict[str, Any]], *, flat: bool = False) -> dict[str, Any]:
    encoded = encode(SCHEMA, people)
    inputs = [
        tensor("numbers", "FP32", encoded.numbers, flat=flat),
        tensor("categories", "INT64", encoded.categories, flat=flat),
    ]
    return {"id": "r-1", "inputs": inputs}


def outputs(told: dict[str, Any]) -> dict[str, Any]:
    return {output["name"]: output.get("data") for output in told["outputs"]}


@pytest.mark.parametrize("flat", [True, False])
@pytest.mark.parametrize("version", ["", "/versions/toy-1"])
def test_json_tensors_get_what_json_applicants_get(client: httpx.Client, flat: bool, version: str) -> None:
    answer = client.post(f"/v2/models/toy{version}/infer", json=request(PEOPLE, flat=flat))
    assert answer.status_code == 200
    told = answer.json()
    results = client.post("/v1/score", json=PEOPLE).json()["results"]
    assert (told["id"], told["model_name"]) == ("r-1", "toy")
    for name in ("pd", "score", "decision", "band"):
        assert outputs(told)[name] == [result[name] for result in results]
    assert [json.loads(why) for why in outputs(told)["reasons"]] == [result["reasons"] for result in results]


def binary(people: list[dict[str, Any]], **parameters: Any) -> tuple[bytes, dict[str, str]]:
    encoded = encode(SCHEMA, people)
    parts: dict[str, tuple[str, Any]] = {
        "numbers": ("FP32", encoded.numbers),
        "categories": ("INT64", encoded.categories),
    }
    inputs = [
        {"name": name, "datatype": datatype, "shape": array.shape, "parameters": {"binary_data_size": array.nbytes}}
        for name, (datatype, array) in parts.items()
    ]
    head = json.dumps({"inputs": inputs, **parameters}).encode()
    content = head + b"".join(array.tobytes() for _, array in parts.values())
    return content, {"inference-header-content-length": str(len(head)), "content-type": "application/octet-stream"}


def test_binary_tensors_come_and_go(client: httpx.Client) -> None:
    wanted = [
        {"name": "pd", "parameters": {"binary_data": True}},
        {"name": "decision", "parameters": {"binary_data": True}},
    ]
    content, headers = binary(PEOPLE, outputs=[*wanted, {"name": "score"}])
    answer = client.post(INFER, content=content, headers=headers)
    assert answer.status_code == 200
    length = int(answer.headers["inference-header-content-length"])
    told = json.loads(answer.content[:length])
    sizes = [output.get("parameters", {}).get("binary_data_size") for output in told["outputs"]]
    pd = np.frombuffer(answer.content[length : length + sizes[0]], dtype="<f4")
    np.testing.assert_allclose(pd, expected_pd(PEOPLE), atol=1e-6)
    texts, at = [], length + sizes[0]
    while at < len(answer.content):
        (size,) = struct.unpack_from("<I", answer.content, at)
        texts.append(answer.content[at + 4 : at + 4 + size].decode())
        at += 4 + size
    assert texts == ["approve", "decline", "approve"]
    assert sizes[2] is None
    assert len(outputs(told)["score"]) == 3


def test_all_outputs_may_be_asked_for_in_binary(client: httpx.Client) -> None:
    content, headers = binary(PEOPLE, parameters={"binary_data_output": True})
    answer = client.post(INFER, content=content, headers=headers)
    told = json.loads(answer.content[: int(answer.headers["inference-header-content-length"])])
    assert all("data" not in output for output in told["outputs"])


def decisions(client: httpx.Client) -> list[str]:
    return [line for line in client.get("/metrics").text.splitlines() if line.startswith("scoring_api_decisions_total")]


def changed(**inputs: Any) -> dict[str, Any]:
    """A good request with members of its first tensor changed."""
    good = request([GOOD])
    return {**good, "inputs": [{**good["inputs"][0], **inputs}, good["inputs"][1]]}


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        (changed(datatype="FP64"), 422, "datatype must be"),
        (changed(shape=[1, 4]), 422, "data must be 4 values"),
        (changed(shape=[3]), 422, "shape must be"),
        (changed(shape=[-1, -3]), 422, "shape must be"),
        (changed(shape=[0, 2**70], data=[]), 422, "shape must be"),
        (changed(name="letters"), 422, "numbers and categories"),
        (changed(data=["1", "2", "3"]), 422, "data must be"),
        (changed(data=[True, 1, 2]), 422, "data must be"),
        (changed(name="categories", datatype="INT64", shape=[1, 2], data=[2**70, 1]), 422, "data must be 2 values"),
        (changed(parameters={"binary_data_size": 12}), 422, "are 12 bytes"),
        ({**request([GOOD]), "inputs": request([GOOD])["inputs"][:1] * 2}, 422, "occurs twice"),
        ({**request([GOOD]), "inputs": []}, 422, "numbers and categories"),
        ({**request([GOOD]), "outputs": [{"name": "mood"}]}, 422, "no output mood"),
        ({**request([GOOD]), "outputs": [{"name": "pd"}] * 2}, 422, "wanted twice"),
        ({"inputs": 3}, 400, "no inference request"),
        (request([GOOD] * 1001), 413, "at most 1000"),
    ],
)
def test_what_is_no_request_is_refused_where_clients_look(
    client: httpx.Client, body: Any, status: int, words: str
) -> None:
    before = decisions(client)
    answer = client.post(INFER, json=body)
    assert answer.status_code == status
    assert words in answer.json()["error"]
    assert decisions(client) == before


@pytest.mark.parametrize(
    ("person", "path", "code"),
    [
        ({**GOOD, "late_payments": 1.5}, "/1/late_payments", "type"),
        ({**GOOD, "utilisation": None}, "/1/utilisation", "null"),
        ({**GOOD, "utilisation": 5.01}, "/1/utilisation", "range"),
    ],
)
def test_arrays_are_held_to_the_schema(client: httpx.Client, person: Any, path: str, code: str) -> None:
    answer = client.post(INFER, json=request([GOOD, person]))
    assert answer.status_code == 422
    assert [(fault["path"], fault["code"]) for fault in answer.json()["problems"]] == [(path, code)]


@pytest.mark.parametrize(("column", "code", "path"), [(0, 4, "/0/housing"), (0, -1, "/0/housing"), (1, 0, "/0/status")])
def test_category_codes_are_held_to_the_schema(client: httpx.Client, column: int, code: int, path: str) -> None:
    body = request([GOOD])
    body["inputs"][1]["data"][0][column] = code
    answer = client.post(INFER, json=body)
    assert answer.status_code == 422
    assert [(fault["path"], fault["code"]) for fault in answer.json()["problems"]] == [(path, "category")]


def test_infinity_cannot_come_in_binary(client: httpx.Client) -> None:
    content, headers = binary([GOOD])
    broken = content[: int(headers["inference-header-content-length"])] + struct.pack("<f", float("inf"))
    answer = client.post(INFER, content=broken + content[len(broken) :], headers=headers)
    assert answer.json()["problems"][0]["code"] == "not_finite"


def test_a_header_length_that_lies_is_refused(client: httpx.Client) -> None:
    content, headers = binary([GOOD])
    for lie in ("1000000", "7", "-1", "x", "9" * 5_000):
        answer = client.post(INFER, content=content, headers={**headers, "inference-header-content-length": lie})
        assert answer.status_code in (400, 422)
    assert client.post(INFER, content=content + b"1234", headers=headers).status_code == 422


@pytest.mark.parametrize(("told", "status"), [(None, 200), ("Application/JSON", 200), ("text/plain", 415)])
def test_tensors_of_another_type_are_refused(client: httpx.Client, told: str | None, status: int) -> None:
    headers = {} if told is None else {"content-type": told}
    assert client.post(INFER, content=json.dumps(request([GOOD])), headers=headers).status_code == status


def test_metadata_names_the_tensors(client: httpx.Client, bundle: Bundle) -> None:
    told = client.get("/v2/models/toy").json()
    assert told["inputs"] == [
        {"name": "numbers", "datatype": "FP32", "shape": [-1, 3]},
        {"name": "categories", "datatype": "INT64", "shape": [-1, 2]},
    ]
    assert told["versions"] == [bundle.digest]
    assert client.get("/v2").json()["extensions"] == ["binary_tensor_data"]
    for path in ("/v2/health/live", "/v2/health/ready", f"/v2/models/toy/versions/{bundle.digest}/ready"):
        assert client.get(path).status_code == 200
    for path in ("/v2/models/other", "/v2/models/toy/versions/9/ready"):
        assert client.get(path).status_code == 404


def test_a_triton_client_works_unchanged(client: httpx.Client) -> None:
    import tritonclient.http as triton  # half a second, which the other tests are spared

    encoded = encode(SCHEMA, PEOPLE)
    with triton.InferenceServerClient(f"{client.base_url.host}:{client.base_url.port}") as opened:
        assert opened.is_server_live()
        assert opened.is_server_ready()
        assert opened.is_model_ready("toy")
        assert opened.get_model_metadata("toy")["name"] == "toy"
        inputs = [triton.InferInput("numbers", [3, 3], "FP32"), triton.InferInput("categories", [3, 2], "INT64")]
        for at, array in enumerate((encoded.numbers, encoded.categories)):
            inputs[at].set_data_from_numpy(array, binary_data=True)
        result = opened.infer("toy", inputs)
        np.testing.assert_allclose(result.as_numpy("pd"), expected_pd(PEOPLE), atol=1e-6)
        assert result.as_numpy("decision").tolist() == [b"approve", b"decline", b"approve"]
        with pytest.raises(Exception, match="the model here is toy"):
            opened.infer("other", inputs)
