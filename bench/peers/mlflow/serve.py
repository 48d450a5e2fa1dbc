"""Save the graph as an MLflow model with a tensor signature and become `mlflow models serve`."""

import os
import shutil
import sys
from pathlib import Path

import mlflow.onnx
import numpy as np
import onnx
from graph import Graph
from mlflow.models import ModelSignature
from mlflow.types import Schema, TensorSpec

graph = Graph()
folder = Path(os.environ["WORK"]) / "model"
shutil.rmtree(folder, ignore_errors=True)
inputs = [
    TensorSpec(np.dtype(np.float32), (-1, len(graph.numbers)), "numbers"),
    TensorSpec(np.dtype(np.int64), (-1, len(graph.categories)), "categories"),
]
signature = ModelSignature(Schema(inputs), Schema([TensorSpec(np.dtype(np.float32), (-1,), "pd")]))
model = onnx.load(Path(os.environ["BUNDLE"]) / "model.onnx")
mlflow.onnx.save_model(
    model, folder, signature=signature, save_as_external_data=False, onnx_session_options={"intra_op_num_threads": 1}
)
program = Path(sys.executable).with_name("mlflow")
os.environ["PATH"] = f"{program.parent}:{os.environ['PATH']}"
options = ["--env-manager", "local", "--host", "127.0.0.1", "--port", sys.argv[1], "--workers", "1"]
os.execv(program, [str(program), "models", "serve", "--model-uri", str(folder), *options])  # noqa: S606 a fixed command
