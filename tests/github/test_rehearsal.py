import csv
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from onnx import ModelProto, TensorProto, helper, numpy_helper

from credit_contract.applicant import encode
from credit_contract.baseline import build
from credit_contract.bundle import DatasetVersion, Draft, read_bundle, write_bundle
from credit_contract.golden import GoldenSet, synthesise
from credit_contract.policy import Band, Policy
from credit_delivery.errors import ReleaseError
from credit_delivery.rehearsal import main, rehearse
from credit_simulator import SCHEMA, Scenario, simulate
from drift_monitor.cli import main as drift_monitor

SMALL = Scenario(seed=1, start="2023-01", months=2, applicants_per_month=300)
POLICY = Policy(
    version="test",
    base_score=600,
    base_odds=20,
    points_to_double=40,
    approve_below=0.15,
    decline_from=0.4,
    bands=(Band(name="A", pd_below=1),),
    loss_given_default=0.5,
    reasons={field.name: f"Reason {field.name}" for field in SCHEMA.scored_fields},
)


def graph() -> ModelProto:
    """The more is asked for, the riskier."""
    column = [field.name for field in SCHEMA.number_fields].index("requested_amount")
    constants = {"column": np.array(column), "slope": np.float32(1e-4), "start": np.float32(-2.5)}
    nodes = [
        helper.make_node("Gather", ["numbers", "column"], ["amount"], axis=1),
        helper.make_node("Mul", ["amount", "slope"], ["more"]),
        helper.make_node("Add", ["more", "start"], ["logit"]),
        helper.make_node("Sigmoid", ["logit"], ["pd"]),
    ]
    inputs = [
        helper.make_tensor_value_info("numbers", TensorProto.FLOAT, ["n", len(SCHEMA.number_fields)]),
        helper.make_tensor_value_info("categories", TensorProto.INT64, ["n", len(SCHEMA.category_fields)]),
    ]
    outputs = [helper.make_tensor_value_info("pd", TensorProto.FLOAT, ["n"])]
    kept = [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()]
    made = helper.make_graph(nodes, "amount", inputs, outputs, kept)
    return helper.make_model(made, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)


def bundle(folder: Path, dataset: str = "simulated") -> Path:
    model = graph().SerializeToString()
    session = onnxruntime.InferenceSession(model)
    past = simulate(Scenario(seed=2, start="2022-07", months=6, applicants_per_month=300))
    known = encode(SCHEMA, past.records())
    (pds,) = session.run(["pd"], known.feed())
    baseline = build(SCHEMA, known, past.defaulted.astype(int), pds, POLICY.decisions(pds), np.ones(len(past)))
    people = synthesise(SCHEMA, baseline, 8, seed=1)
    (golden,) = session.run(["pd"], encode(SCHEMA, people).feed())
    return write_bundle(
        Draft(
            dataset=DatasetVersion(name=dataset, version="v2", sha256="0" * 64, holdout_sha256="1" * 64),
            commit="0" * 40,
            config_sha256="2" * 64,
            seeds={},
            libraries={},
            model=model,
            schema=SCHEMA,
            policy=POLICY,
            baseline=baseline,
            golden=GoldenSet(applicants=tuple(people), pd=tuple(map(float, golden))),
            evaluation={"network": {"gini": 0.2}},
        ),
        folder / "bundle",
    ).path


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_a_rehearsed_decision_is_the_bundles_own(tmp_path: Path) -> None:
    path = bundle(tmp_path)
    assert rehearse(path, tmp_path / "out", SMALL) == 600
    decisions = rows(tmp_path / "out/decisions.csv")
    assert {row["model_digest"] for row in decisions} == {read_bundle(path).digest}
    for row in decisions:
        logit = 1e-4 * float(row["requested_amount"]) - 2.5
        assert float(row["pd"]) == pytest.approx(1 / (1 + np.exp(-logit)), abs=1e-5)
        assert row["decision"] == POLICY.decide(float(row["pd"]))


def test_only_the_approved_have_an_outcome(tmp_path: Path) -> None:
    rehearse(bundle(tmp_path), tmp_path / "out", SMALL)
    approved = {row["id"] for row in rows(tmp_path / "out/decisions.csv") if row["decision"] == "approve"}
    assert {row["decision_id"] for row in rows(tmp_path / "out/outcomes.csv")} == approved


def test_the_drift_monitor_reads_a_rehearsal(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = bundle(tmp_path)
    rehearse(path, tmp_path / "out", SMALL)
    files = [f"files.{name}={tmp_path}/out/{name}.csv" for name in ("decisions", "outcomes")]
    settings = [f"bundles=[{path}]", *files, f"reports.folder={tmp_path}/reports", "reports.sample=0"]
    span = ["--from", "2023-01-01", "--to", "2023-03-01"]
    code = drift_monitor(["run", *span, *settings, "windows.every=month", "retraining.by=nothing"])
    said = capsys.readouterr()
    assert code == 0, said.out + said.err
    assert "2 windows" in said.out


def test_a_bundle_of_another_portfolio_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ReleaseError, match="trained on taiwan"):
        rehearse(bundle(tmp_path, "taiwan"), tmp_path / "out", SMALL)


def test_a_folder_that_is_no_bundle_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main([str(tmp_path), str(tmp_path / "out")])
    assert capsys.readouterr().err.count("\n") == 1
