import re
import shutil

import pytest
import yaml

from credit_contract.gates import GateResult
from credit_training.config import train_config
from credit_training.progress import Progress
from credit_training.report import draw_contender, write_report
from credit_training.run import run

SMALL = [
    "versions=[v2]",
    "proof.quantise=false",
    "proof.latency_calls=0",
    "model.hidden=[4]",
    "model.imagined=0",
    "model.epochs=2",
]
FAILED = GateResult(name="ks", verdict="fail", measured=0.1, wanted="network.ks >= 0.3", why="<b>why</b>")


@pytest.fixture
def result(lender, tracking_store, monkeypatch):
    monkeypatch.setenv("CREDIT_HOME", str(lender.home))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    lender.home.mkdir()
    shutil.copy(tracking_store, lender.home)
    content = yaml.safe_load(lender.yaml.read_text())
    content["title"] = "<script>alert(1)</script>"
    lender.yaml.write_text(yaml.safe_dump(content, sort_keys=False))
    return run(train_config([f"dataset={lender.yaml}", "register_candidate=false", *SMALL]), Progress())


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
