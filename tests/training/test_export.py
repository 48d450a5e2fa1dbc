import dataclasses
from pathlib import Path

import numpy as np
import onnx
import pytest

from credit_contract.applicant import Encoded
from credit_contract.errors import SchemaError
from credit_contract.schema import FeatureSchema
from credit_training.export import export_onnx, onnx_model
from credit_training.feature_steps import STEPS
from credit_training.fit import FittedNetwork, fit_network
from credit_training.network_recipe import NetworkRecipe
from credit_training.parity import graph_pd

QUICK = NetworkRecipe(hidden=(6,), bins=3, folds=2, imagined=0, epochs=2, teacher_epochs=2, batch=128)
ALL_KINDS = STEPS.validate_python(
    [
        {"step": "ratio", "name": "ratio", "numerator": "age_of_car", "denominator": "income"},
        {"step": "product", "name": "product", "left": "age_of_car", "right": "age_of_car"},
        {"step": "power", "name": "cube", "field": "late", "exponent": 3},
        {"step": "mean", "name": "mean", "fields": ["late", "age_of_car"]},
        {"step": "max", "name": "max", "fields": ["late", "age_of_car", "mean"]},
        {"step": "max", "name": "larger", "fields": ["late", "mean"]},
        {"step": "min", "name": "min", "fields": ["late", "age_of_car"]},
        {"step": "count_above", "name": "count", "fields": ["late", "age_of_car"], "threshold": 1},
        {"step": "months_since", "name": "since", "fields": ["late", "age_of_car"], "threshold": 1},
        {"step": "signed_log", "name": "log", "field": "income", "scale": 1000},
        {"step": "missing", "name": "unknown", "field": "late"},
    ]
)


@pytest.fixture(scope="module")
def fitted(borrowers) -> FittedNetwork:
    return fit_network(borrowers.take(np.arange(600)), QUICK, ALL_KINDS, 0)


@pytest.fixture(scope="module")
def model(fitted, borrowers) -> onnx.ModelProto:
    return onnx_model(fitted.module, borrowers.schema)


def test_the_graph_takes_raw_fields_and_gives_pds(model):
    kinds = {value.name: value.type.tensor_type for value in [*model.graph.input, *model.graph.output]}
    assert list(kinds) == ["numbers", "categories", "pd"]
    assert [kind.elem_type for kind in kinds.values()] == [
        onnx.TensorProto.FLOAT,
        onnx.TensorProto.INT64,
        onnx.TensorProto.FLOAT,
    ]
    shapes = [[size.dim_value or size.dim_param for size in kind.shape.dim] for kind in kinds.values()]
    assert shapes == [["batch", 3], ["batch", 1], ["batch"]]


def test_every_kind_of_step_agrees_with_torch(fitted, model, borrowers):
    pd = graph_pd(model.SerializeToString(), borrowers.encoded)
    np.testing.assert_allclose(pd, fitted.predict(borrowers.encoded), rtol=0, atol=1e-6)


def test_the_file_is_one_with_the_same_bytes_each_time(fitted, borrowers, tmp_path):
    (tmp_path / "one").mkdir()
    export_onnx(fitted.module, borrowers.schema, tmp_path / "one" / "model.onnx")
    export_onnx(fitted.module, borrowers.schema, tmp_path / "two.onnx")
    assert [path.name for path in (tmp_path / "one").iterdir()] == ["model.onnx"]
    assert (tmp_path / "one" / "model.onnx").read_bytes() == (tmp_path / "two.onnx").read_bytes()


def test_nothing_of_the_exporting_machine_is_in_it(model):
    content = model.SerializeToString()
    for trace in (str(Path.cwd()), "site-packages", "torch", "stack_trace"):
        assert trace.encode() not in content
    assert not model.metadata_props
    assert not any(node.metadata_props or node.doc_string for node in model.graph.node)


def test_a_schema_without_categories_still_has_both_inputs(borrowers):
    fields = tuple(field for field in borrowers.schema.fields if field.kind != "category")
    numbers = Encoded(borrowers.encoded.numbers, np.zeros((len(borrowers), 0), dtype=np.int64))
    schema = FeatureSchema(dataset="numbers", version="v1", fields=fields)
    portfolio = dataclasses.replace(borrowers, schema=schema, encoded=numbers).take(np.arange(600))
    network = fit_network(portfolio, QUICK, (), 0)
    pd = graph_pd(onnx_model(network.module, schema).SerializeToString(), numbers)
    np.testing.assert_allclose(pd, network.predict(numbers), rtol=0, atol=1e-6)


def test_a_schema_without_numbers_is_refused(borrowers):
    fields = tuple(field for field in borrowers.schema.fields if field.kind == "category")
    schema = FeatureSchema(dataset="letters", version="v1", fields=fields)
    with pytest.raises(SchemaError, match="letters v1: the network needs at least one scored number"):
        fit_network(dataclasses.replace(borrowers, schema=schema), QUICK, (), 0)
