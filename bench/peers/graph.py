"""What every peer serves: the bundle's graph, and JSON applicants as its arrays. Checking is each peer's part."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime


class Graph:
    """The ONNX graph of the bundle that BUNDLE names, in one session with one thread, as the service runs it."""

    def __init__(self) -> None:
        folder = Path(os.environ["BUNDLE"])
        fields = [
            field for field in json.loads((folder / "schema.json").read_text())["fields"] if field["role"] == "used"
        ]
        self.numbers = [field for field in fields if field["kind"] != "category"]
        self.categories = [field for field in fields if field["kind"] == "category"]
        self._codes = [
            (field["name"], {category: code for code, category in enumerate(field["categories"], start=1)})
            for field in self.categories
        ]
        self._names = [field["name"] for field in self.numbers]
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        self._session = onnxruntime.InferenceSession(folder / "model.onnx", options, providers=["CPUExecutionProvider"])

    def pd(self, rows: list[dict[str, Any]]) -> list[float]:
        """PDs of applicants by field name."""
        numbers = np.array([[row[name] for name in self._names] for row in rows], dtype=np.float32)
        codes = [[code[row[name]] for name, code in self._codes] for row in rows]
        return self.run(numbers, np.array(codes, dtype=np.int64).reshape(len(rows), len(self._codes)))

    def run(self, numbers: np.ndarray, categories: np.ndarray) -> list[float]:
        """PDs of arrays."""
        (pd,) = self._session.run(["pd"], {"numbers": numbers, "categories": categories})
        return pd.tolist()
