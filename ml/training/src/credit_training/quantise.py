"""INT8 tried and measured against FP32: what it would save, and whose decision it would change.

Returns a table; does not decide what is shipped, and measures no time (`latency` does).
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import onnx
from onnxruntime.quantization import CalibrationDataReader, QuantType, quantize_dynamic, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process

from credit_contract.applicant import Encoded
from credit_contract.schema import FeatureSchema, Frozen
from credit_training.parity import batch_invariant, graph_pd

Way = Literal["dynamic", "static"]
WAYS: tuple[Way, ...] = ("dynamic", "static")
CALIBRATION_ROWS = 2000


class Quantised(Frozen):
    """One graph of the table. Flips count applicants whose decision differs from FP32's at any of the cut-offs."""

    way: Literal["fp32", "dynamic", "static"]
    bytes: int
    max_abs_delta: float
    flipped: int
    rows: int
    batch_invariant: bool


def quantisation_table(
    plain: bytes, int8: Mapping[Way, bytes], schema: FeatureSchema, encoded: Encoded, cut_offs: Sequence[float]
) -> tuple[Quantised, ...]:
    """The FP32 graph, then its INT8 ones, on the same applicants."""
    graphs: list[tuple[Literal["fp32", "dynamic", "static"], bytes]] = [("fp32", plain), *int8.items()]
    reference = graph_pd(plain, encoded)
    return tuple(
        Quantised(
            way=way,
            bytes=len(content),
            max_abs_delta=float(np.abs((pd := graph_pd(content, encoded)) - reference).max()),
            flipped=int((_decisions(pd, cut_offs) != _decisions(reference, cut_offs)).sum()),
            rows=len(encoded),
            batch_invariant=batch_invariant(content, schema, encoded),
        )
        for way, content in graphs
    )


def quantised(graph: Path, calibration: Encoded, way: Way) -> bytes:
    """The graph with the network's weights in INT8; static scales are taken from `calibration` applicants.

    Feature engineering stays FP32: amounts up to millions do not fit into 256 steps.
    """
    layers = [
        node.name
        for node in onnx.load(graph).graph.node
        if node.op_type == "MatMul" and any(name.startswith("network.") for name in node.input)
    ]
    with tempfile.TemporaryDirectory() as folder:
        prepared, result = Path(folder) / "prepared.onnx", Path(folder) / "int8.onnx"
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


def _decisions(pd: npt.NDArray[np.float64], cut_offs: Sequence[float]) -> npt.NDArray[np.int64]:
    return np.digitize(pd, sorted(cut_offs))
