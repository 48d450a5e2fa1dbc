import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def dry(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """What `make` would run, in an environment without variables of the Makefile's own."""
    own = {"MAKEFLAGS", "MAKELEVEL", "ARGS", "BUNDLE", "CREDIT_DATA_DIR", "CREDIT_HOME", "DATASET"}
    apart = {name: value for name, value in os.environ.items() if name not in own}
    return subprocess.run(
        ["make", "--dry-run", *arguments], cwd=ROOT, env=apart | environment, capture_output=True, text=True
    )


@pytest.mark.parametrize(("environment", "home"), [({}, "var"), ({"CREDIT_HOME": "/big"}, "/big")])
def test_what_follows_a_training_looks_where_that_was_told_to_write(environment, home):
    bundle = f"{home}/bundles/simulated/candidate"
    assert f"credit_delivery.downturn {bundle} {home}/downturn\n" in dry("demo", **environment).stdout
    assert f"--bundle {bundle} " in dry("serve", **environment).stdout
    assert f"bench {bundle} " in dry("bench", **environment).stdout
    rehearsed = dry("rehearse", **environment).stdout
    assert f"credit_delivery.rehearsal {bundle} {home}/rehearsal\n" in rehearsed
    assert f"files.decisions={home}/rehearsal/decisions.csv" in rehearsed


@pytest.mark.parametrize("target", ["demo", "serve", "bench", "run-image", "rehearse"])
def test_a_dataset_by_its_path_is_refused_before_anything_runs_where_its_name_is_needed(target):
    ended = dry(target, "DATASET=./mine.yaml")
    assert ended.returncode == 2
    assert "credit-train" not in ended.stdout
    assert "DATASET=./mine.yaml: put the file into ml/training/conf/dataset and give its name" in ended.stderr
    assert "--bundle mine --tag mine-candidate " in dry("serve", "DATASET=./mine.yaml", "BUNDLE=mine").stdout
    assert dry("train", "DATASET=./mine.yaml").returncode == 0
