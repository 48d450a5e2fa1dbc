"""What each server is sent for the same applicants, and where the PDs are in what it answers."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from bench.applicants import People
from credit_contract.applicant import encode


@dataclass(frozen=True)
class Wire:
    """`body` makes a JSON document of some people; `pds` finds their PDs in the answer to it."""

    path: str
    body: Callable[[People], Any]
    pds: Callable[[Any], list[float]]

    def request(self, people: People) -> bytes:
        """The document as sent."""
        return json.dumps(self.body(people), separators=(",", ":")).encode()


def _tensors(people: People) -> dict[str, Any]:
    arrays = encode(people.bundle.schema, people.rows).feed()
    return {name: array.tolist() for name, array in arrays.items()}


def _protocol(people: People) -> dict[str, Any]:
    arrays = encode(people.bundle.schema, people.rows).feed()
    kinds = {"numbers": "FP32", "categories": "INT64"}
    return {
        "inputs": [
            {"name": name, "shape": list(array.shape), "datatype": kinds[name], "data": array.ravel().tolist()}
            for name, array in arrays.items()
        ]
    }


def _columns(people: People) -> dict[str, Any]:
    columns = [field.name for field in people.bundle.schema.scored_fields]
    return {"columns": columns, "rows": [[row[name] for name in columns] for row in people.rows]}


OBJECTS = Wire(
    "/v1/score",
    lambda people: people.rows[0] if len(people.rows) == 1 else list(people.rows),
    lambda answer: [result["pd"] for result in answer["results"]],
)
COLUMNS = Wire("/v1/score", _columns, lambda answer: answer["columns"]["pd"])
LIST = Wire("/score", lambda people: list(people.rows), lambda answer: answer["pd"])
APPLICANTS = Wire("/score", lambda people: {"applicants": list(people.rows)}, lambda answer: answer)
INSTANCES = Wire("/predict", lambda people: {"instances": list(people.rows)}, lambda answer: answer["pd"])
KSERVE = Wire(
    "/v1/models/scorer:predict",
    lambda people: {"instances": list(people.rows)},
    lambda answer: answer["predictions"],
)
V2 = Wire("/v2/models/scorer/infer", _protocol, lambda answer: answer["outputs"][0]["data"])
TENSORS = Wire(
    "/invocations",
    lambda people: {"inputs": _tensors(people)},
    lambda answer: list(
        answer["predictions"]["pd"] if isinstance(answer["predictions"], dict) else answer["predictions"]
    ),
)
