"""The fitted module as `model.onnx`: one file, the same bytes for the same weights, nothing of this machine in it.

Does not know bundles; what the graph computes is the module's business.
"""

from __future__ import annotations

import contextlib
import io
import logging
import warnings
from collections.abc import Iterator
from pathlib import Path

import onnx
import torch
from torch.export import Dim

from credit_contract.schema import FeatureSchema
from credit_training.lean import LeanScorer
from credit_training.scorer import Scorer

OPSET = 20
INPUTS = ("numbers", "categories")
OUTPUT = "pd"


def onnx_model(module: Scorer, schema: FeatureSchema) -> onnx.ModelProto:
    """The fitted module as an ONNX model with a free batch axis, checked, without the exporter's notes."""
    sample = (
        torch.zeros(2, len(schema.number_fields), dtype=torch.float32),
        torch.zeros(2, len(schema.category_fields), dtype=torch.int64),
    )
    batch = {0: Dim("batch")}
    with _quiet():
        program = torch.onnx.export(
            LeanScorer(module).eval(),
            sample,
            input_names=list(INPUTS),
            output_names=[OUTPUT],
            dynamic_shapes={"numbers": batch, "categories": batch},
            opset_version=OPSET,
            dynamo=True,
        )
    assert program is not None
    model = program.model_proto
    _strip(model)
    _fusable(model.graph)
    onnx.checker.check_model(model, full_check=True)
    return model


def export_onnx(module: Scorer, schema: FeatureSchema, path: Path) -> None:
    """Write the graph to one file; the same module gives the same bytes."""
    path.write_bytes(onnx_model(module, schema).SerializeToString(deterministic=True))


def _strip(model: onnx.ModelProto) -> None:
    """Remove what the exporter leaves: stack traces, paths and versions, which differ between machines.

    `value_info` goes too: after the exporter's folding its shapes are stale, and the quantiser trusts them.
    """
    graph = model.graph
    for part in (model, graph, *graph.node, *graph.input, *graph.output, *graph.initializer):
        del part.metadata_props[:]
        part.doc_string = ""
    del graph.value_info[:]
    del model.functions[:]
    model.producer_name, model.producer_version, graph.name = "", "", "credit_model"


def _fusable(graph: onnx.GraphProto) -> None:
    """Clips to [0, 1] as hard sigmoids of slope 1, which are the same: runtimes join them to the product before."""
    constant = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in graph.initializer}
    for node in graph.node:
        if node.op_type == "Clip" and [float(constant[name]) for name in node.input[1:]] == [0.0, 1.0]:
            node.op_type = "HardSigmoid"
            del node.input[1:]
            node.attribute.extend([onnx.helper.make_attribute("alpha", 1.0), onnx.helper.make_attribute("beta", 0.0)])
    unused = set(constant) - {name for node in graph.node for name in node.input}
    for tensor in [tensor for tensor in graph.initializer if tensor.name in unused]:
        graph.initializer.remove(tensor)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """The exporter prints and warns about what is not in use here."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)
