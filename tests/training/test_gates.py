import json
from pathlib import Path

import pytest
import yaml

from credit_contract.errors import GateError
from credit_contract.fairness import over_attributes
from credit_contract.gates import evaluate, failed
from credit_training.dataset import conf_folder, dataset_names, load_dataset
from credit_training.gate_file import gate_table, load_gates

SHIPPED = conf_folder() / "gates.yaml"
ROOT = Path(__file__).parents[2]


def good_figures():
    network = {
        "auc": 0.79,
        "ks": 0.44,
        "ece": 0.01,
        "log_loss": 0.42,
        "calibration_slope": 1.0,
        "stability": {"score_psi": 0.01},
        "fairness": over_attributes({"sex": {"adverse_impact_ratio": 0.95, "equal_opportunity_difference": 0.02}}),
    }
    return {
        "network": network,
        "boosting": {"auc": 0.79, "log_loss": 0.42},
        "logistic": {"auc": 0.77},
        "monotone": {"violations": 0},
        "parity": {"max_abs_delta": 2e-7},
        "batch_invariant": True,
        "sizes": {"bundle_bytes": 90_000},
    }


@pytest.fixture
def gate_yaml(tmp_path):
    def write(document):
        path: Path = tmp_path / "gates.yaml"
        path.write_text(document if isinstance(document, str) else yaml.safe_dump(document), encoding="utf-8")
        return path

    return write


def test_every_dataset_named_in_the_shipped_file_has_gates_and_exists():
    for dataset in yaml.safe_load(SHIPPED.read_text())["datasets"]:
        assert (conf_folder() / "dataset" / f"{dataset}.yaml").is_file()
        assert len(load_gates(SHIPPED, dataset)) == len(load_gates(SHIPPED, "another"))


def test_a_good_model_without_champion_passes_the_shipped_gates():
    results = evaluate(load_gates(SHIPPED, "taiwan"), good_figures())
    assert failed(results) == []
    verdicts = {result.name: result.verdict for result in results}
    assert verdicts["auc_against_champion"] == "not applicable"
    assert verdicts["adverse_impact_marital"] == "not applicable"
    assert verdicts["adverse_impact_sex"] == "pass"


@pytest.mark.parametrize(
    ("path", "value", "gate"),
    [
        ("network.auc", 0.76, "auc"),
        ("network.ece", 0.05, "calibration_error"),
        ("boosting.auc", 0.80, "auc_against_boosting"),
        ("monotone.violations", 1, "monotone"),
        ("parity.max_abs_delta", 2e-6, "parity"),
        ("batch_invariant", False, "batch_invariance"),
        ("sizes.bundle_bytes", 1_000_001, "bundle_size"),
        ("network.fairness.attributes.sex.adverse_impact_ratio", 0.79, "adverse_impact_sex"),
        ("network.fairness.adverse_impact_ratio", 0.79, "adverse_impact"),
        ("network.fairness.equal_opportunity_difference", 0.21, "equal_opportunity"),
        ("champion", {"auc": 0.80, "log_loss": 0.42}, "auc_against_champion"),
    ],
)
def test_each_shortcoming_fails_its_own_gate(path, value, gate):
    figures = good_figures()
    *parents, last = path.split(".")
    holder = figures
    for parent in parents:
        holder = holder[parent]
    holder[last] = value
    assert gate in failed(evaluate(load_gates(SHIPPED, "taiwan"), figures))


def protected_fields():
    specs = [load_dataset(name) for name in dataset_names()]
    columns = [(spec.name, column) for spec in specs for version in spec.versions for column in spec.columns(version)]
    return sorted({(dataset, column.name) for dataset, column in columns if column.role == "protected"})


@pytest.mark.parametrize(("dataset", "field"), protected_fields())
def test_every_protected_field_is_judged_by_a_gate_or_the_file_says_why_not(dataset, field):
    unfair = over_attributes({field: {"adverse_impact_ratio": 0.4, "equal_opportunity_difference": 0.5}})
    figures = good_figures()
    figures["network"] |= {"fairness": unfair}
    assert {"adverse_impact", "equal_opportunity"} <= set(failed(evaluate(load_gates(SHIPPED, dataset), figures)))
    kept = json.loads((ROOT / "docs" / "figures" / f"{dataset}.json").read_text())
    measured = kept["model"]["fairness"]["attributes"][field]
    stated = yaml.safe_load(SHIPPED.read_text())["datasets"][dataset].get("adverse_impact", {})
    assert measured["adverse_impact_ratio"] is not None or stated.get("why", "").startswith("not applicable")


def test_a_figure_that_nobody_measured_fails():
    figures = good_figures()
    del figures["parity"]
    assert failed(evaluate(load_gates(SHIPPED, "taiwan"), figures)) == ["parity"]


def test_a_dataset_changes_only_its_own_threshold(gate_yaml):
    gate = {"name": "auc", "figure": "network.auc", "minimum": 0.7, "why": "w"}
    path = gate_yaml({"gates": [gate], "datasets": {"small": {"auc": {"minimum": 0.6}}}})
    assert load_gates(path, "small")[0].minimum == 0.6
    assert load_gates(path, "other")[0].minimum == 0.7


def test_a_version_changes_what_its_dataset_left_and_what_it_changed(gate_yaml):
    gates = [{"name": name, "figure": f"network.{name}", "minimum": 0.7, "why": "w"} for name in ("auc", "ks")]
    changes = {"datasets": {"small": {"auc": {"minimum": 0.6}}}, "versions": {"journal": {"auc": {"minimum": 0.5}}}}
    path = gate_yaml({"gates": gates, **changes})
    assert [gate.minimum for gate in load_gates(path, "small", "journal-20260601T000000Z-90d")] == [0.5, 0.7]
    assert [gate.minimum for gate in load_gates(path, "small", "v2")] == [0.6, 0.7]


def test_a_retrained_model_must_beat_the_champion_on_the_newest_outcomes():
    champion = {"auc": 0.78, "log_loss": 0.43}
    figures = good_figures()
    figures["network"] |= {"auc": 0.775, "log_loss": 0.44}
    judged = evaluate(load_gates(SHIPPED, "taiwan", "journal-20260601T000000Z-365d"), figures | {"champion": champion})
    assert "log_loss_against_champion" in failed(judged)
    assert "auc_against_champion" not in failed(judged)


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ("gates: [", "not YAML"),
        ({"datasets": {}}, "needs the key gates"),
        ({"gates": [{"name": "auc", "figure": "f", "minimun": 1, "why": "w"}]}, "gate auc: minimun"),
        ({"gates": [{"name": "auc", "figure": "f", "minimum": 1, "why": "w"}] * 2}, "named twice"),
        (
            {
                "gates": [{"name": "auc", "figure": "f", "minimum": 1, "why": "w"}],
                "datasets": {"tiny": {"aux": {"minimum": 2}}},
            },
            "datasets.tiny.aux: no such gate; the nearest is auc",
        ),
    ],
)
def test_a_wrong_file_is_one_line_that_names_the_key(gate_yaml, document, message):
    with pytest.raises(GateError, match=message) as raised:
        load_gates(gate_yaml(document), "tiny")
    assert "\n" not in str(raised.value)


def test_no_file_is_named():
    with pytest.raises(GateError, match=r"nowhere\.yaml"):
        load_gates(Path("nowhere.yaml"), "tiny")


def test_the_table_tells_people_why_a_gate_failed():
    figures = good_figures()
    figures["monotone"]["violations"] = 3
    table = gate_table(evaluate(load_gates(SHIPPED, "taiwan"), figures))
    assert "fail           monotone" in table
    assert "an applicant who improves must never score worse" in table
