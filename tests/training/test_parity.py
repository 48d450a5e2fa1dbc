import numpy as np
import onnx
import pytest
from hypothesis import given, settings, strategies as st

from credit_contract.applicant import Encoded
from credit_training.dataset import conf_folder
from credit_training.errors import OutputError
from credit_training.export import export_onnx
from credit_training.feature_steps import STEPS
from credit_training.fit import fit_network
from credit_training.gate_file import load_gates
from credit_training.latency import latency_table
from credit_training.monotonicity import monotone_violations
from credit_training.network_recipe import NetworkRecipe
from credit_training.parity import agreement, batch_invariant, graph_pd, open_graph, outliers, parity
from credit_training.proof import Witnesses, proved, quantisation_table
from credit_training.quantise import WAYS, quantised
from credit_training.scorer import load_scorer

from .conftest import no_file_above

RECIPE = NetworkRecipe(hidden=(16, 8), bins=6, folds=2, imagined=0, epochs=6, teacher_epochs=3, batch=128)
STEP = STEPS.validate_python([{"step": "signed_log", "name": "log_income", "field": "income", "scale": 1000}])


@pytest.fixture(scope="module")
def saved(borrowers, tmp_path_factory):
    folder = tmp_path_factory.mktemp("saved")
    fitted = fit_network(borrowers.development(), RECIPE, STEP, 1)
    fitted.save(folder / "model.pt")
    export_onnx(fitted.module, borrowers.schema, folder / "model.onnx")
    return folder


@pytest.fixture(scope="module")
def scorer(saved, borrowers):
    return load_scorer(saved / "model.pt", borrowers.schema)


@pytest.fixture(scope="module")
def session(saved):
    return open_graph(saved / "model.onnx")


def test_torch_and_onnx_agree_from_their_files_alone(saved, scorer, borrowers):
    found = parity(scorer, saved / "model.onnx", borrowers.encoded)
    assert found.agrees
    assert found.rows == len(borrowers)
    assert found.max_abs_delta <= found.atol == 1e-6


@settings(max_examples=60, deadline=None)
@given(
    income=st.none() | st.floats(0, 1e6, width=32),
    late=st.none() | st.integers(-2, 9),
    car=st.floats(0, 99, width=32),
    job=st.integers(0, 3),
)
def test_they_agree_on_any_applicant(saved, scorer, income, late, car, job):
    numbers = [np.nan if value is None else value for value in (income, late, car)]
    person = Encoded(np.array([numbers], dtype=np.float32), np.array([[job]], dtype=np.int64))
    pd = graph_pd(saved / "model.onnx", person)
    assert 0 <= pd[0] <= 1
    assert abs(pd[0] - scorer.predict(person)[0]) <= 1e-6


def test_another_model_does_not_agree(scorer, borrowers):
    assert not agreement(scorer.predict(borrowers.encoded), scorer.predict(borrowers.encoded) + 2e-6).agrees
    assert not agreement(np.array([0.5]), np.array([np.nan])).agrees


def test_an_applicant_has_one_pd_in_any_company(saved, borrowers):
    assert batch_invariant(saved / "model.onnx", borrowers.schema, borrowers.encoded)


PEOPLE = st.tuples(
    st.none() | st.floats(0, 1e6, width=32), st.none() | st.integers(-2, 9), st.floats(0, 99, width=32),
    st.integers(0, 3),
)  # fmt: skip


@settings(max_examples=100, deadline=None)
@given(
    crowd=st.lists(PEOPLE, min_size=1, max_size=40),
    place=st.integers(0, 39),
    stranger=st.floats(-(2.0**100), 2.0**100, width=32),
)
def test_nobody_moves_the_pd_of_another(session, crowd, place, stranger):
    numbers = np.array([[np.nan if v is None else v for v in one[:3]] for one in crowd], dtype=np.float32)
    codes = np.array([[one[3]] for one in crowd], dtype=np.int64)
    row = place % len(crowd)
    alone = pds(session, numbers[row : row + 1], codes[row : row + 1])[0]
    assert pds(session, numbers, codes)[row] == alone
    others = np.delete(np.arange(len(crowd)), row)
    numbers[others], codes[others] = stranger, 0
    assert pds(session, numbers, codes)[row] == alone
    assert pds(session, numbers[::-1].copy(), codes[::-1].copy())[len(crowd) - 1 - row] == alone


def pds(session, numbers, codes):
    return session.run(["pd"], {"numbers": numbers, "categories": codes})[0]


def test_a_graph_that_looks_at_the_batch_is_found_out(saved, borrowers):
    model = onnx.load(saved / "model.onnx")
    last = model.graph.node[-1]
    inner, last.output[0] = "own", "own"
    model.graph.node.extend(
        [
            onnx.helper.make_node("ReduceMean", [inner], ["mean"], keepdims=1),
            onnx.helper.make_node("Max", [inner, "mean"], ["pd"]),
        ]
    )
    assert not batch_invariant(model.SerializeToString(), borrowers.schema, borrowers.encoded)


def test_outliers_are_beyond_every_range_and_missing(borrowers):
    strangers = outliers(borrowers.schema, 20)
    assert np.isnan(strangers.numbers).all(axis=1).any()
    assert (np.nanmin(strangers.numbers, axis=0) < [0, -2, 0]).all()
    assert (np.nanmax(strangers.numbers, axis=0) > [1e6, 9, 99]).all()


def test_the_graph_keeps_every_direction(saved, borrowers):
    found = monotone_violations(
        lambda people: graph_pd(saved / "model.onnx", people), borrowers.schema, borrowers.encoded
    )
    assert found.violations == 0


def test_latency_has_a_row_for_each_runtime_and_batch(saved, scorer, borrowers):
    rows = latency_table(scorer, {"onnxruntime": saved / "model.onnx"}, borrowers.encoded, calls=5)
    assert {(row.runtime, row.batch) for row in rows} == {
        (runtime, batch) for runtime in ("torch", "onnxruntime", "openvino") for batch in (1, 32, 256)
    }
    assert all(0 < row.p50_us <= row.p99_us for row in rows)
    assert [row.speed_up for row in rows if row.runtime == "torch"] == [1.0, 1.0, 1.0]


def test_int8_graphs_are_judged_by_the_gates_of_the_graph_that_ships(saved, scorer, borrowers, policy):
    graph = (saved / "model.onnx").read_bytes()
    int8 = {way: quantised(saved / "model.onnx", borrowers.encoded, way) for way in WAYS}
    people = borrowers.encoded[:500]
    witnesses = Witnesses(borrowers, policy, people, scorer.predict(people), 500, 1)
    gates = load_gates(conf_folder() / "gates.yaml", "borrowers")
    asked = {"auc_against_boosting", "monotone", "parity", "batch_invariance", "bundle_size"}
    rivals = {name: {"auc": 0.5, "log_loss": 0.7} for name in ("boosting", "logistic")}
    judges = [gate for gate in gates if gate.name in asked]
    full, dynamic, static = quantisation_table(graph, proved(graph, witnesses), int8, witnesses, rivals, judges)
    assert (full.way, dynamic.way, static.way) == ("fp32", "dynamic", "static")
    assert (full.max_abs_delta, full.flipped, full.failed_gates) == (0.0, 0, ())
    assert full.bytes == len(graph)
    for row in (dynamic, static):
        assert 0 < row.max_abs_delta < 0.2
        assert row.rows == len(borrowers.test())
        assert "parity" in row.failed_gates
    assert "batch_invariance" in dynamic.failed_gates


def test_a_temporary_folder_without_room_for_int8_is_named_with_another_way(saved, borrowers):
    with no_file_above(512), pytest.raises(OutputError, match=r"cannot write .*; free space or .* with TMPDIR"):
        quantised(saved / "model.onnx", borrowers.encoded, "dynamic")


@pytest.mark.parametrize("way", ["dynamic", "static"])
def test_quantised_graphs_keep_feature_engineering_in_full_precision(saved, borrowers, way):
    content = onnx.load_from_string(quantised(saved / "model.onnx", borrowers.encoded, way))
    kept = {tensor.name for tensor in content.graph.initializer if tensor.data_type == onnx.TensorProto.FLOAT}
    assert {"features.mixing", "features.slope"} <= kept
