import hashlib
import json
import shutil
import signal
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
import yaml
from mlflow import MlflowClient

from credit_contract.applicant import encode
from credit_contract.bundle import read_bundle
from credit_training.card_figures import FOLDER, read_figures
from credit_training.cards import CARDS
from credit_training.cli import main
from credit_training.dataset import conf_folder
from credit_training.parity import graph_pd
from credit_training.scorer import load_scorer
from credit_training.serving import serving

from .process import run_until

QUICK = [
    "versions=[v2]", "model.folds=2", "model.imagined=6000", "model.epochs=12", "model.learning_rate=0.006",
    "proof.latency_calls=5", "proof.golden_applicants=64",
]  # fmt: skip
SMALL = [
    "algorithms=[network]", "model.epochs=1", "model.imagined=0", "model.teacher_epochs=1", "model.teacher_trees=20",
    "proof.quantise=false", "proof.latency_calls=0",
]  # fmt: skip

ENDED = {signal.SIGINT: (130, "interrupted"), signal.SIGTERM: (143, "terminated")}


def pocket_lender(folder: Path) -> Path:
    document = yaml.safe_load((conf_folder() / "dataset" / "simulated.yaml").read_text())
    document["name"] = "pocket"
    document["source"]["scenario"]["applicants_per_month"] = 300
    for version in document["versions"].values():
        del version["holdout_sha256"]
    file = folder / "pocket.yaml"
    file.write_text(yaml.safe_dump(document, sort_keys=False))
    return file


@pytest.fixture(scope="module")
def ran(tmp_path_factory, tracking_store):
    """A quick run through the command, and the run again elsewhere, with the first as its champion."""
    folder = tmp_path_factory.mktemp("run")
    dataset, also = f"dataset={pocket_lender(folder)}", f"dataset={folder / 'second' / '..' / 'pocket.yaml'}"
    (folder / "second").mkdir()
    shutil.copy(tracking_store, folder / "second")
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        patch.setenv("CREDIT_COMMIT", "c" * 40)  # somebody may commit between the two
        codes = []
        for name, more in (("first", [dataset]), ("second", [also, f"champion={candidate(folder / 'first')}"])):
            patch.setenv("CREDIT_HOME", str(folder / name))
            codes.append(main(["run", *QUICK, *more]))
    return SimpleNamespace(codes=codes, first=folder / "first", second=folder / "second", dataset=dataset)


def candidate(home: Path) -> Path:
    return home / "bundles" / "pocket" / "candidate"


def changed(bundle: Path, copy: Path, change) -> Path:
    """A copy of a bundle whose evaluation says something else, whole by its manifest."""
    shutil.copytree(bundle, copy)
    evaluation = json.loads((copy / "evaluation.json").read_text())
    change(evaluation)
    (copy / "evaluation.json").write_text(json.dumps(evaluation))
    manifest = json.loads((copy / "manifest.json").read_text())
    manifest["files"]["evaluation.json"] = hashlib.sha256((copy / "evaluation.json").read_bytes()).hexdigest()
    (copy / "manifest.json").write_text(json.dumps(manifest))
    return copy


def test_two_runs_with_one_seed_give_the_same_digest_wherever_they_find_the_yaml(ran):
    assert ran.codes == [0, 0]
    assert read_bundle(candidate(ran.first)).digest == read_bundle(candidate(ran.second)).digest


def test_torch_graph_and_service_agree_on_the_golden_applicants_behind_a_proxy_too(ran, monkeypatch, unused_tcp_port):
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{unused_tcp_port}")
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.setattr("urllib.request._opener", None)  # the process's first urlopen keeps its proxies
    bundle = read_bundle(candidate(ran.first))
    people = list(bundle.golden.applicants)
    encoded = encode(bundle.schema, people)
    state = candidate(ran.first).resolve().with_suffix(".pt")
    assert bundle.golden.disagreement(load_scorer(state, bundle.schema).predict(encoded)) <= 1e-6
    assert bundle.golden.disagreement(graph_pd(bundle.model, encoded)) == 0
    with serving(candidate(ran.first), "pocket-1") as service:
        answer = service.predict(people)
    assert bundle.golden.disagreement(np.array([one["pd"] for one in answer["results"]])) == 0
    assert (answer["model_digest"], answer["model_tag"]) == (bundle.digest, "pocket-1")


def test_many_golden_applicants_differ_from_the_reference_in_several_fields(ran):
    reference, *people = read_bundle(candidate(ran.first)).golden.applicants
    assert sum(sum(person[name] != reference[name] for name in reference) > 1 for person in people) >= 64


def test_nothing_in_the_bundle_tells_of_this_machine_or_moment(ran):
    bundle = read_bundle(candidate(ran.first))
    whole = b"".join(file.read_bytes() for file in sorted(bundle.path.iterdir()))
    assert str(Path.home()).encode() not in whole
    assert str(Path(__file__).parents[2]).encode() not in whole
    assert b"latency" not in whole
    assert sum(file.stat().st_size for file in bundle.path.iterdir()) <= 1_000_000


def test_no_protected_attribute_or_leak_is_scored(ran):
    bundle = read_bundle(candidate(ran.first))
    roles = {field.name: field.role for field in bundle.schema.fields}
    assert roles["age"] == roles["sex"] == "protected"
    assert roles["months_on_book"] == "leak"
    assert not {"age", "sex", "months_on_book"} & {field.name for field in bundle.schema.scored_fields}


def test_the_candidate_is_a_registered_version_with_its_proof(ran):
    client = MlflowClient(tracking_uri=f"sqlite:///{ran.first / 'mlflow.db'}")
    version = client.get_model_version_by_alias("credit-pocket", "candidate")
    assert version.tags["digest"] == read_bundle(candidate(ran.first)).digest
    assert version.tags["gate.parity"] == "pass"
    experiment = client.get_experiment_by_name("credit-pocket")
    runs = client.search_runs([experiment.experiment_id])
    assert {run.data.tags["algorithm"] for run in runs} == {"logistic", "boosting", "network"}
    measured = client.get_run(version.run_id).data.metrics
    assert {
        f"latency.{runtime}.batch_1.p50_us" for runtime in ("torch", "onnxruntime", "int8 dynamic", "openvino")
    } <= (set(measured))
    assert {"model.pt", "pocket-run.html"} <= {entry.path for entry in client.list_artifacts(version.run_id)}


def test_every_run_in_mlflow_says_what_was_fitted_on_what(ran):
    client = MlflowClient(tracking_uri=f"sqlite:///{ran.first / 'mlflow.db'}")
    experiment = client.get_experiment_by_name("credit-pocket").experiment_id
    runs = client.search_runs([experiment])
    found = {run.data.params["algorithm"]: run.data.params for run in runs}
    assert found["logistic"]["model.C"] == "1.0"
    assert found["boosting"]["model.max_leaf_nodes"] == "10"
    assert found["network"]["model.folds"] == "2"
    assert {params["dataset.version"] for params in found.values()} == {"v2"}
    assert all("drop_duplicates" in params["dataset.recipe"] for params in found.values())


def test_verify_repeats_the_proof_and_sees_another_model(ran, capsys):
    state = candidate(ran.first).resolve().with_suffix(".pt")
    assert main(["verify", str(candidate(ran.first)), str(state)]) == 0
    assert "the same model" in capsys.readouterr().out


def test_verify_refuses_what_is_no_state_of_the_network(ran, tmp_path, capsys):
    (tmp_path / "text.pt").write_text("no tensors")
    torch.save({"state": {}}, tmp_path / "other.pt")
    no_state = "no state of this bundle's network"
    for state, why in (("none.pt", "No such file"), ("text.pt", "damaged, or no state at all"), ("other.pt", no_state)):
        assert main(["verify", str(candidate(ran.first)), str(tmp_path / state)]) == 1
        (line,) = capsys.readouterr().err.splitlines()
        assert f"{state}: {why}" in line
        assert line.endswith("; name the model.pt that the bundle was exported from")
        assert "weights_only" not in line
    with pytest.raises(SystemExit) as refused:
        main(["verify", str(candidate(ran.first)), "model.pt", "--rows", "-5"])
    assert refused.value.code == 2
    assert "above 0" in capsys.readouterr().err


def test_gate_prints_every_gate(ran, capsys, monkeypatch):
    monkeypatch.setenv("CREDIT_HOME", str(ran.first))
    assert main(["gate", str(candidate(ran.first))]) == 0
    assert "parity" in capsys.readouterr().out


def test_gate_ends_with_3_and_names_each_gate_that_failed(ran, tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("CREDIT_HOME", str(ran.first))

    def spoil(evaluation):
        evaluation["network"]["ece"] = 0.2
        evaluation["monotone"]["violations"] = 7

    assert main(["gate", str(changed(candidate(ran.first), tmp_path / "copy", spoil))]) == 3
    told = capsys.readouterr()
    assert told.err == "gates failed: calibration_error, monotone\n"
    assert "fail           monotone" in told.out


def test_a_champion_named_by_its_bundle_is_compared_with_in_gates_and_report(ran):
    client = MlflowClient(tracking_uri=f"sqlite:///{ran.second / 'mlflow.db'}")
    version = client.get_model_version_by_alias("credit-pocket", "candidate")
    assert version.tags["gate.auc_against_champion"] == version.tags["gate.log_loss_against_champion"] == "pass"
    shown = [(home / "reports" / "pocket-run.html").read_text() for home in (ran.first, ran.second)]
    assert ["Champion against challenger" in page for page in shown] == [False, True]


def test_gate_compares_with_a_champion_that_is_named_by_its_bundle(ran, tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("CREDIT_HOME", str(ran.first))
    better = changed(candidate(ran.first), tmp_path / "better", lambda found: found["network"].update(auc=0.99))
    for champion, code, told in ((candidate(ran.first), 0, ""), (better, 3, "gates failed: auc_against_champion\n")):
        assert main(["gate", str(candidate(ran.first)), "--champion", str(champion)]) == code
        shown = capsys.readouterr()
        assert shown.err == told
        assert "not applicable auc_against_champion" not in shown.out


def test_a_champion_of_another_hold_out_is_refused_before_anything_is_fitted(ran, tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("CREDIT_HOME", str(ran.first))
    stranger = changed(
        candidate(ran.first), tmp_path / "copy", lambda found: found["dataset"].update(holdout_sha256="0" * 64)
    )
    for named, told in ((stranger, "was not measured on the hold-out of pocket v2"), (tmp_path, "manifest.json")):
        assert main(["run", ran.dataset, *QUICK, f"champion={named}"]) == 1
        said = capsys.readouterr().err
        assert told in said.splitlines()[-1]
        assert "fit " not in said
        assert main(["gate", str(candidate(ran.first)), "--champion", str(named)]) == 1
        assert told in capsys.readouterr().err


def test_a_tracking_server_that_is_off_is_known_before_anything_is_fitted(ran, capsys, monkeypatch, unused_tcp_port):
    monkeypatch.setenv("CREDIT_HOME", str(ran.first))
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{unused_tcp_port}")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    for verb in ("run", "search", "select"):
        assert main([verb, ran.dataset, *QUICK]) == 1
        *before, last = capsys.readouterr().err.splitlines()
        assert last.endswith("correct MLFLOW_TRACKING_URI")
        assert [line for line in before if "prepare pocket" not in line] == []


def test_figures_for_the_cards_name_the_digest_and_commit_of_their_bundle(ran, tmp_path, monkeypatch):
    (tmp_path / FOLDER).mkdir(parents=True)
    for name in CARDS:
        (tmp_path / name).write_text("By hand.\n")
    monkeypatch.chdir(tmp_path)
    assert main(["cards", "--bundle", str(candidate(ran.first))]) == 0
    kept = read_figures("pocket", tmp_path)["model"]
    assert kept["model_digest"] == read_bundle(candidate(ran.first)).digest
    assert kept["commit"] == "c" * 40


def test_a_damaged_bundle_is_neither_judged_nor_verified(ran, tmp_path, capsys):
    copy = tmp_path / "copy"
    shutil.copytree(candidate(ran.first), copy)
    evaluation = json.loads((copy / "evaluation.json").read_text())
    evaluation["network"]["auc"] = 0.99
    (copy / "evaluation.json").write_text(json.dumps(evaluation))
    assert main(["gate", str(copy)]) == 1
    assert "evaluation.json: hash mismatch" in capsys.readouterr().err


def test_a_home_that_cannot_be_written_is_one_line(ran, tmp_path, monkeypatch, capsys):
    blocked = tmp_path / "file"
    blocked.write_text("")
    monkeypatch.setenv("CREDIT_HOME", str(blocked / "var"))
    assert main(["run", ran.dataset, *QUICK]) == 1
    assert "cannot write" in capsys.readouterr().err.splitlines()[-1]


@pytest.fixture
def tracked(lender, monkeypatch, tracking_store):
    """The lender with a store of its own."""
    lender.home.mkdir()
    shutil.copy(tracking_store, lender.home)
    monkeypatch.setenv("CREDIT_HOME", str(lender.home))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    return lender


def registered(home: Path) -> list:
    return MlflowClient(tracking_uri=f"sqlite:///{home / 'mlflow.db'}").search_registered_models()


@pytest.mark.parametrize(("sent", "moment"), [(signal.SIGINT, "export to ONNX"), (signal.SIGTERM, "fit network")])
def test_an_interrupted_run_leaves_nothing_half_written(tracked, sent, moment):
    code, how = ENDED[sent]
    ended, said = run_until(["run", f"dataset={tracked.yaml}", *QUICK, *SMALL], moment, sent, tracked.folder / "said")
    assert ended == code
    assert said.splitlines()[-1] == f"credit-train run: {how}; nothing half-written was kept"
    assert list((tracked.home / "bundles" / "lender").glob("*")) == []


def test_the_run_after_a_killed_one_is_whole_and_registers_nothing_when_a_gate_fails(tracked, capsys):
    command = ["run", f"dataset={tracked.yaml}", *QUICK, *SMALL]
    moment = "record 1 runs"
    assert run_until(command, moment, signal.SIGKILL, tracked.folder / "said")[0] == -signal.SIGKILL
    made = tracked.home / "bundles" / "lender"
    (bundle,) = made.glob("[!.]*/")
    before = read_bundle(bundle).manifest.dataset
    assert registered(tracked.home) == []
    assert main(command) == 3
    assert "gates failed: auc" in capsys.readouterr().err
    assert {read_bundle(one).manifest.dataset for one in made.glob("[!.]*/")} == {before}
    assert not (made / "candidate").exists()
    assert registered(tracked.home) == []
