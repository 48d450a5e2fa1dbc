"""The graph with the network's weights in INT8, to be tried against FP32.

Does not know what it costs: `proof` measures and judges, `latency` times.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import numpy.typing as npt
import onnx
from onnxruntime.quantization import CalibrationDataReader, QuantType, quantize_dynamic, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process

from credit_contract.applicant import Encoded
from credit_training.files import temporary_folder

Way = Literal["dynamic", "static"]
WAYS: tuple[Way, ...] = ("dynamic", "static")
CALIBRATION_ROWS = 2000


def quantised(graph: Path, calibration: Encoded, way: Way) -> bytes:
    """The graph with the network's weights in INT8; static scales are taken from `calibration` applicants.

    Feature engineering stays FP32: amounts up to millions do not fit into 256 steps.
    """
    layers = [
        node.name
        for node in onnx.load(graph).graph.node
        if node.op_type == "MatMul" and any(name.startswith("network.") for name in node.input)
    ]
    with temporary_folder() as folder:
        prepared, result = folder / "prepared.onnx", folder / "int8.onnx"
        # symbolic inference fails on a free batch axis; fusing would hide which product is whose
        quant_pre_process(graph, prepared, skip_optimization=True, skip_symbolic_shape=True)
        if way == "dynamic":
            quantize_dynamic(prepared, result, nodes_to_quantize=layers, weight_type=QuantType.QInt8)
        else:
            quantize_static(prepared, result, _Rows(calibration), nodes_to_quantize=layers, per_channel=True)
        return result.read_bytes()


class _Rows(CalibrationDataReader):  # type: ignore[misc]  # the package has no types
    """Calibration applicants in batches, as the quantiser asks for them."""

    def __init__(self, encoded: Encoded) -> None:
        self.batches: Iterator[dict[str, npt.NDArray[Any]]] = (
            encoded[start : start + 500].feed() for start in range(0, len(encoded), 500)
        )

    def get_next(self) -> dict[str, npt.NDArray[Any]] | None:
        """The next batch, None after the last."""
        return next(self.batches, None)
