import re
import shutil

import pytest
import yaml
from mlflow import MlflowClient

from credit_contract.gates import GateResult
from credit_training.cli import main
from credit_training.config import train_config
from credit_training.progress import Progress
from credit_training.report import draw_contender, write_report
from credit_training.run import run

from .conftest import Lender

SMALL = [
    "versions=[v2]",
    "proof.quantise=false",
    "proof.latency_calls=0",
    "model.hidden=[4]",
    "model.imagined=0",
    "model.epochs=2",
    "model.teacher_epochs=2",
    "model.teacher_trees=20",
]
FAILED = GateResult(name="ks", verdict="fail", measured=0.1, wanted="network.ks >= 0.3", why="<b>why</b>")


@pytest.fixture(scope="module")
def lender(tmp_path_factory):
    return Lender(tmp_path_factory.mktemp("lender"))


@pytest.fixture(scope="module")
def result(lender, tracking_store):
    """A run after a selection of the same version."""
    lender.home.mkdir()
    shutil.copy(tracking_store, lender.home)
    content = yaml.safe_load(lender.yaml.read_text())
    content["title"] = "<script>alert(1)</script>"
    lender.yaml.write_text(yaml.safe_dump(content, sort_keys=False))
    dataset = f"dataset={lender.yaml}"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CREDIT_DATA_DIR", str(lender.table.parent))
        patch.setenv("CREDIT_HOME", str(lender.home))
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        assert main(["select", dataset, "versions=[v2]"]) == 0
        return run(train_config([dataset, "register_candidate=false", *SMALL]), Progress())


def test_the_page_is_one_file_shows_the_run_and_escapes_what_it_is_given(result, tmp_path):
    evaluation = result.candidate.bundle.evaluation
    arguments = (result.contenders, result.candidate, (FAILED,), result.latency)
    page = write_report(*arguments, evaluation, tmp_path).read_text(encoding="utf-8")
    assert "Not a candidate: ks failed" in page
    assert "&lt;script&gt;alert(1)" in page
    assert "<script" not in page
    assert "&lt;b&gt;why" in page
    assert result.candidate.bundle.digest in page
    assert not re.findall(r'(?:src|href)="(?!data:|#)', page)
    assert page.count('<img src="data:image/svg+xml') == 6
    assert "Champion against challenger" in page
    for algorithm in ("logistic", "boosting", "network"):
        assert f"<td>{algorithm}</td>" in page
    again = write_report(*arguments, evaluation, tmp_path).read_text(encoding="utf-8")
    assert page == again
    elsewhere = {**evaluation, "dataset": {**evaluation["dataset"], "holdout_sha256": "0" * 64}}
    assert "Champion against challenger" not in write_report(*arguments, elsewhere, tmp_path).read_text()
    pictures = draw_contender(result.contenders[0], tmp_path)
    assert {path.name for path in pictures} == {
        "roc.png",
        "ks.png",
        "calibration.png",
        "scores.png",
        "gains.png",
        "psi.png",
    }
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in pictures)


def test_a_selection_is_tracked_and_in_the_report_of_the_next_run(result, lender):
    (kept,) = (lender.home / "reports").glob("lender-v2-selection-*.txt")
    told = kept.read_text().splitlines()[-1]
    assert "fields are within one standard error" in told
    assert told in result.report.read_text()
    client = MlflowClient(tracking_uri=f"sqlite:///{lender.home / 'mlflow.db'}")
    experiment = client.get_experiment_by_name("credit-lender").experiment_id
    (tracked,) = client.search_runs([experiment], "tags.algorithm = 'selection'")
    assert {"enough", "importance.income", "elimination.auc_of_1"} <= set(tracked.data.metrics)
