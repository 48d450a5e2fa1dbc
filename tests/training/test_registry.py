import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from mlflow import MlflowClient

from credit_contract.baseline import build
from credit_contract.bundle import DatasetVersion, Draft, read_bundle, write_bundle
from credit_contract.gates import GateResult
from credit_contract.golden import GoldenSet, synthesise
from credit_training.errors import RegistryError
from credit_training.registry import Registry, TrackedRun
from credit_training.search_plan import Trial

from .conftest import no_file_above

DATASET = DatasetVersion(name="borrowers", version="v2", sha256="a" * 64, holdout_sha256="b" * 64)
PASSED = (GateResult(name="auc", verdict="pass", measured=0.7, wanted="auc >= 0.6", why="w"),)
FAILED = (GateResult(name="ks", verdict="fail", measured=0.1, wanted="ks >= 0.3", why="w"),)


@pytest.fixture(scope="session")
def home(tmp_path_factory, tracking_store):
    home = tmp_path_factory.mktemp("registry")
    shutil.copy(tracking_store, home)
    return home


@pytest.fixture
def registry(home, monkeypatch):
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    return Registry(home)


@pytest.fixture
def client(registry):
    return MlflowClient(registry.address, registry.address)


@pytest.fixture
def new_bundle(borrowers, policy, tmp_path):
    """Writes a bundle that differs from others in its evaluation."""
    pd = np.full(len(borrowers), 0.2)
    baseline = build(borrowers.schema, borrowers.encoded, borrowers.target, pd, policy.decisions(pd), borrowers.weight)
    people = tuple(synthesise(borrowers.schema, baseline, 4, seed=1))

    def write(auc):
        draft = Draft(
            dataset=DATASET,
            commit="c" * 40,
            config_sha256="2" * 64,
            seeds={"training": 1},
            libraries={},
            model=b"a graph",
            schema=borrowers.schema,
            policy=policy,
            baseline=baseline,
            golden=GoldenSet(applicants=people, pd=tuple(0.5 for _ in people)),
            evaluation={"network": {"auc": auc}},
        )
        return write_bundle(draft, tmp_path / f"bundle-{auc}")

    return write


def tracked(bundle, **changed):
    run = TrackedRun(
        dataset=DATASET,
        algorithm="network",
        commit="c" * 40,
        parameters={"model": {"hidden": [64, 32], "dropout": 0.1}},
        figures={
            "auc": 0.7,
            "cut_off": {"f1": 0.4},
            "gains": [{"band": "A"}],
            "fairness": {"adverse_impact_ratio": None, "attributes": {"age": {"18–29": 1.0}}},
        },
        artefacts={"bundle": [bundle.path]},
    )
    return replace(run, **changed)


def test_a_run_keeps_parameters_figures_data_and_files(registry, client, new_bundle, tmp_path):
    state = tmp_path / "model.pt"
    state.write_bytes(b"tensors")
    bundle = new_bundle(0.61)
    number = registry.record(tracked(bundle, artefacts={"": [state], "bundle": [bundle.path]}))
    run = client.get_run(number)
    assert run.info.status == "FINISHED"
    assert run.data.params["model.hidden"] == "[64, 32]"
    assert run.data.metrics["cut_off.f1"] == 0.4
    assert run.data.tags["dataset.sha256"] == "a" * 64
    assert run.inputs.dataset_inputs[0].dataset.digest == "a" * 36
    assert {entry.path for entry in client.list_artifacts(number)} == {"model.pt", "bundle", "figures.json"}


def test_a_registered_bundle_is_the_candidate_and_its_source_reads_back(registry, client, new_bundle):
    bundle = new_bundle(0.62)
    version = registry.register(registry.record(tracked(bundle)), bundle, PASSED)
    found = client.get_model_version_by_alias("credit-borrowers", "candidate")
    assert str(found.version) == version
    assert found.tags["digest"] == bundle.digest
    assert found.tags["gate.auc"] == "pass"
    assert read_bundle(Path(found.source.removeprefix("file://"))).digest == bundle.digest


def test_the_same_digest_is_the_same_version(registry, new_bundle):
    bundle, other = new_bundle(0.63), new_bundle(0.64)
    first = registry.register(registry.record(tracked(bundle)), bundle, PASSED)
    second = registry.register(registry.record(tracked(other)), other, PASSED)
    again = registry.register(registry.record(tracked(bundle)), bundle, PASSED)
    assert first == again != second


def test_nothing_is_registered_when_a_gate_fails(registry, client, new_bundle):
    bundle = new_bundle(0.65)
    run = registry.record(tracked(bundle))
    with pytest.raises(RegistryError, match="these gates failed: ks"):
        registry.register(run, bundle, PASSED + FAILED)
    assert not client.search_model_versions(f"tags.digest = '{bundle.digest}'")


def test_a_run_without_the_whole_bundle_is_not_registered(registry, client, new_bundle, tmp_path):
    bundle = new_bundle(0.66)
    part = tmp_path / "part"
    part.mkdir()
    (part / "manifest.json").write_bytes((bundle.path / "manifest.json").read_bytes())
    run = registry.record(tracked(bundle, artefacts={"bundle": [part]}))
    with pytest.raises(RegistryError, match="did not record the bundle"):
        registry.register(run, bundle, PASSED)
    assert not client.search_model_versions(f"tags.digest = '{bundle.digest}'")


def test_a_run_that_breaks_off_is_marked_and_cannot_be_registered(registry, client, new_bundle, tmp_path):
    bundle = new_bundle(0.67)
    missing = tmp_path / "missing.pt"
    with pytest.raises(RegistryError, match=r"missing\.pt"):
        registry.record(tracked(bundle, artefacts={"bundle": [bundle.path], "": [missing]}))
    experiment = client.get_experiment_by_name("credit-borrowers")
    broken = client.search_runs([experiment.experiment_id], max_results=1)[0]
    assert broken.info.status == "FAILED"
    with pytest.raises(RegistryError, match="did not record the bundle"):
        registry.register(broken.info.run_id, bundle, PASSED)


def test_the_champion_is_known_by_its_evaluation(registry, client, new_bundle):
    assert registry.champion("nobody") is None
    bundle = new_bundle(0.68)
    version = registry.register(registry.record(tracked(bundle)), bundle, PASSED)
    assert registry.champion("borrowers") is None
    client.set_registered_model_alias("credit-borrowers", "champion", version)
    assert registry.champion("borrowers") == {"network": {"auc": 0.68}}


def test_a_server_that_does_not_answer_is_one_line_without_its_password(monkeypatch, tmp_path, unused_tcp_port):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://user:secret@127.0.0.1:{unused_tcp_port}")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    with pytest.raises(RegistryError) as raised:
        Registry(tmp_path / "var").champion("borrowers")
    assert str(raised.value) == (
        f"tracking store http://127.0.0.1:{unused_tcp_port}: [Errno 111] Connection refused; "
        "see that it answers and has room, or correct MLFLOW_TRACKING_URI"
    )


def test_a_home_that_cannot_be_made_is_one_line(monkeypatch, tmp_path):
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    (tmp_path / "var").write_text("a file where a folder belongs")
    with pytest.raises(RegistryError, match=r"tracking store .*/var/mlflow\.db: .*; .* CREDIT_HOME$"):
        Registry(tmp_path / "var")


def test_a_store_that_finds_no_room_while_it_is_made_leaves_nothing_behind(monkeypatch, tmp_path):
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    with no_file_above(200_000), pytest.raises(RegistryError) as raised:
        Registry(tmp_path)
    assert str(raised.value) == (
        f"tracking store sqlite:///{tmp_path}/mlflow.db: disk I/O error; "
        "free space or choose another folder with CREDIT_HOME"
    )
    assert not list(tmp_path.iterdir())


def test_a_store_that_finds_no_room_for_a_run_says_so(monkeypatch, tmp_path, tracking_store):
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    shutil.copy(tracking_store, tmp_path)
    registry = Registry(tmp_path)
    run = TrackedRun(DATASET, "network", "c" * 40, {}, {}, {})
    with no_file_above(8192), pytest.raises(RegistryError, match=r"mlflow\.db: disk I/O error; free space"):
        registry.record(run)


def test_a_search_is_one_run_with_a_child_for_each_trial_however_often_it_is_resumed(registry, client):
    trials = [Trial(number, {"hidden": [4], "dropout": 0.1 * number}, {"auc": 0.7}) for number in (1, 0)]
    parent = registry.record_trials(DATASET, "night", trials)
    assert registry.record_trials(DATASET, "night", [*trials, Trial(2, {"dropout": 0.5}, {"auc": 0.8})]) == parent
    experiment = client.get_experiment_by_name("credit-borrowers").experiment_id
    children = client.search_runs([experiment], f"tags.`mlflow.parentRunId` = '{parent}'")
    assert sorted(run.info.run_name for run in children) == ["trial 1", "trial 2", "trial 3"]
    best = max(children, key=lambda run: run.data.metrics["auc"])
    assert (best.data.params["dropout"], best.info.status) == ("0.5", "FINISHED")
    assert registry.record_trials(DATASET, "morning", trials) != parent
