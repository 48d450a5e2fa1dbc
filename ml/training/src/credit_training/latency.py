"""How long one call takes in torch, ONNX Runtime and OpenVINO, by batch size. For reports, never for a bundle.

Time is of this machine at this moment: medians over interleaved rounds of calls, so that a
busy moment hits all runtimes alike.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

# Without this package OpenVINO uses a stub; with it, importing OpenVINO tells its makers.
sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
import openvino  # noqa: E402
import torch  # noqa: E402

from credit_contract.applicant import Encoded  # noqa: E402
from credit_contract.schema import Frozen  # noqa: E402
from credit_training.parity import open_graph  # noqa: E402
from credit_training.scorer import Scorer  # noqa: E402

BATCHES = (1, 32, 256)
ROUNDS = 5
WARM_UP = 5
Call = Callable[[], object]


class Latency(Frozen):
    """One runtime at one batch size; `speed_up` is torch's p50 divided by this one's."""

    runtime: str
    batch: int
    p50_us: float
    p99_us: float
    speed_up: float


def latency_table(
    scorer: Scorer, graphs: Mapping[str, Path | bytes], encoded: Encoded, calls: int = 300
) -> tuple[Latency, ...]:
    """Torch, then every graph in ONNX Runtime by its name, then the first graph in OpenVINO; one thread each."""
    torch.set_num_threads(1)
    compiled = _openvino(next(iter(graphs.values())))
    rows: list[Latency] = []
    for batch in BATCHES:
        people = encoded[np.arange(batch) % len(encoded)]
        runtimes: dict[str, Call] = {"torch": _torch_call(scorer, people)}
        runtimes |= {name: _session_call(graph, people) for name, graph in graphs.items()}
        runtimes["openvino"] = _openvino_call(compiled, people)
        rows += _measure(runtimes, batch, calls)
    return tuple(rows)


def _measure(runtimes: Mapping[str, Call], batch: int, calls: int) -> list[Latency]:
    taken: dict[str, list[float]] = {name: [] for name in runtimes}
    for _ in range(ROUNDS):
        for name, call in runtimes.items():
            for turn in range(WARM_UP + max(1, calls // ROUNDS)):
                start = time.perf_counter()
                call()
                if turn >= WARM_UP:
                    taken[name].append((time.perf_counter() - start) * 1e6)
    slowest = float(np.median(taken["torch"]))
    return [
        Latency(
            runtime=name,
            batch=batch,
            p50_us=float(np.median(times)),
            p99_us=float(np.quantile(times, 0.99)),
            speed_up=slowest / float(np.median(times)),
        )
        for name, times in taken.items()
    ]


def _torch_call(scorer: Scorer, people: Encoded) -> Call:
    numbers, categories = torch.from_numpy(people.numbers), torch.from_numpy(people.categories)

    def call() -> object:
        with torch.inference_mode():
            return scorer(numbers, categories)

    return call


def _session_call(graph: Path | bytes, people: Encoded) -> Call:
    session, feed = open_graph(graph), people.feed()
    return lambda: session.run(["pd"], feed)


def _openvino(graph: Path | bytes) -> openvino.CompiledModel:
    core = openvino.Core()
    source = graph if isinstance(graph, bytes) else graph.read_bytes()
    settings = {"INFERENCE_NUM_THREADS": 1, "NUM_STREAMS": 1, "INFERENCE_PRECISION_HINT": "f32"}
    return core.compile_model(core.read_model(source, b""), "CPU", settings)


def _openvino_call(compiled: openvino.CompiledModel, people: Encoded) -> Call:
    request, feed = compiled.create_infer_request(), people.feed()
    return lambda: request.infer(feed)
