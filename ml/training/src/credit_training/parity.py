"""Proof that the graph is the model: torch and ONNX Runtime agree, and nobody's PD depends on who else is in the batch.

Knows no bundle and no gate; returns figures.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnxruntime

from credit_contract.applicant import Encoded
from credit_contract.schema import MISSING_CODE, FeatureSchema, Frozen
from credit_training.scorer import Scorer

PROVIDERS = ["CPUExecutionProvider"]
RTOL = 0.0
ATOL = 1e-6
LARGEST_BATCH = 300


class Parity(Frozen):
    """How far two computations of the same PDs are apart; they agree if |Δ| ≤ atol + rtol · |PD| on every row."""

    rows: int
    max_abs_delta: float
    max_rel_delta: float
    rtol: float = RTOL
    atol: float = ATOL
    agrees: bool


def open_graph(graph: Path | bytes) -> onnxruntime.InferenceSession:
    """A session as the service opens it: one thread, CPU."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    source = graph if isinstance(graph, bytes) else str(graph)
    return onnxruntime.InferenceSession(source, options, providers=PROVIDERS)


def graph_pd(graph: Path | bytes, encoded: Encoded) -> npt.NDArray[np.float64]:
    """PD float64 [n] by ONNX Runtime."""
    return _run(open_graph(graph), encoded).astype(np.float64)


def parity(scorer: Scorer, graph: Path | bytes, encoded: Encoded) -> Parity:
    """Torch against ONNX Runtime on the same applicants."""
    return agreement(scorer.predict(encoded), graph_pd(graph, encoded))


def agreement(reference: npt.NDArray[np.float64], other: npt.NDArray[np.float64]) -> Parity:
    """Two computations of the same PDs [n]; NaN never agrees."""
    gap = np.abs(reference - other)
    gap = np.where(np.isnan(gap), np.inf, gap)
    return Parity(
        rows=len(gap),
        max_abs_delta=float(np.nan_to_num(gap.max(), posinf=1.0)),
        max_rel_delta=float(np.nan_to_num((gap / np.maximum(np.abs(reference), 1e-12)).max(), posinf=1.0)),
        agrees=bool(np.all(gap <= ATOL + RTOL * np.abs(reference))),
    )


def batch_invariant(graph: Path | bytes, schema: FeatureSchema, encoded: Encoded) -> bool:
    """Whether the first applicants have the same PD, bit for bit, alone, in batches of 2 to 300, and among outliers."""
    session = open_graph(graph)
    people = encoded[:LARGEST_BATCH]
    alone = np.concatenate([_run(session, people[row : row + 1]) for row in range(len(people))])
    if any(not np.array_equal(_run(session, people[:size]), alone[:size]) for size in range(2, len(people) + 1)):
        return False
    strangers = outliers(schema, len(people))
    mixed = Encoded(
        np.stack([people.numbers, strangers.numbers], axis=1).reshape(-1, people.numbers.shape[1]),
        np.stack([people.categories, strangers.categories], axis=1).reshape(-1, people.categories.shape[1]),
    )
    return np.array_equal(_run(session, mixed)[::2], alone)


def outliers(schema: FeatureSchema, count: int) -> Encoded:
    """Applicants at and far beyond the ends of every range, or with everything missing, in turn."""
    low = np.array([field.minimum for field in schema.number_fields], dtype=np.float32)
    high = np.array([field.maximum for field in schema.number_fields], dtype=np.float32)
    kinds = np.stack([low, high, low - 1e6 * (high - low), high + 1e6 * (high - low), np.full_like(low, np.nan)])
    last = np.array([len(field.categories) for field in schema.category_fields], dtype=np.int64)
    codes = np.stack([np.full_like(last, MISSING_CODE), last])
    turn = np.arange(count)
    return Encoded(kinds[turn % len(kinds)], codes[turn % len(codes)])


def _run(session: onnxruntime.InferenceSession, encoded: Encoded) -> npt.NDArray[np.float32]:
    pd: npt.NDArray[np.float32] = session.run(["pd"], encoded.feed())[0]
    return pd
