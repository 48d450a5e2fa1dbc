import shutil

import pytest

from credit_training.cli import main
from credit_training.config import run_config
from credit_training.demo import demo

from .conftest import HEADER

SMALL = [
    "algorithms=[network]", "model.hidden=[4]", "model.folds=2", "model.imagined=0", "model.epochs=1",
    "model.teacher_epochs=1", "model.teacher_trees=20", "proof.quantise=false", "proof.latency_calls=0",
]  # fmt: skip


@pytest.fixture
def asked(lender, api, monkeypatch):
    """How often the lender's API was asked, which has a new applicant each time."""
    times = []

    def answer(query):
        times.append(query)
        grown = [*lender.rows, *([str(len(lender.rows) + n), *lender.rows[n][1:]] for n in range(2, 1 + len(times)))]
        return [dict(zip(HEADER.split(","), row, strict=True)) for row in grown]

    lender.describe(source=f"{{kind: http, url: '{api(answer)}'}}")
    monkeypatch.setenv("CREDIT_HOME", str(lender.home))
    return times


@pytest.mark.parametrize("verb", ["data", "explore"])
def test_versions_are_prepared_of_one_answer_of_a_source_that_changes(lender, asked, verb):
    assert main([verb, f"dataset={lender.yaml}"]) == 0
    assert len(asked) == 1


def test_a_demo_explores_and_compares_versions_of_the_same_applicants(lender, asked, monkeypatch, tracking_store):
    lender.home.mkdir()
    shutil.copy(tracking_store, lender.home)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    result = demo(run_config([f"dataset={lender.yaml}", *SMALL]))
    assert [len(one.data.frame) for one in result.contenders] == [200, 199]
    assert len(asked) == 1
    assert {page.name for page in (lender.home / "reports").glob("explore-*")} == {
        "explore-lender-v1.html",
        "explore-lender-v2.html",
    }
