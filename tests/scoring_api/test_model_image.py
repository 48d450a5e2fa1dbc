"""The two commands of the model image, run as it runs them: a script beside its bundle, with nothing but Python."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from credit_contract.bundle import Bundle

from .conftest import Serve
from .toy import make_bundle

SCRIPT = Path(__file__).parents[2] / "ml/delivery/images/credit-model/credit_model.py"


@pytest.fixture
def image(tmp_path: Path) -> Path:
    shutil.copy(SCRIPT, tmp_path)
    make_bundle(tmp_path / "bundle")
    return tmp_path


def run(image: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-I", str(image / SCRIPT.name), *arguments]
    environment = os.environ | {"API_KEY": "any"}
    return subprocess.run(command, capture_output=True, text=True, env=environment)


def test_a_bundle_is_placed_whole(image: Path, tmp_path: Path, bundle: Bundle) -> None:
    destination = tmp_path / "pod"
    destination.mkdir()
    assert run(image, "place", str(destination), bundle.digest).returncode == 0
    names = {path.name for path in bundle.path.iterdir()}
    assert {path.name: path.read_bytes() for path in destination.iterdir()} == {
        name: (bundle.path / name).read_bytes() for name in names
    }


def test_another_bundle_than_git_names_is_not_placed(image: Path, tmp_path: Path) -> None:
    destination = tmp_path / "pod"
    destination.mkdir()
    result = run(image, "place", str(destination), "f" * 64)
    assert result.returncode == 1
    assert "git names ffffffffffff" in result.stderr
    assert not list(destination.iterdir())


def test_a_service_that_answers_as_the_bundle_says_passes(image: Path, serve: Serve, bundle: Bundle) -> None:
    result = run(image, "check", str(serve().base_url), bundle.digest)
    assert result.returncode == 0, result.stderr
    assert f"{len(bundle.golden.pd)} golden applicants agree" in result.stdout


def test_a_service_whose_pd_differs_is_named_with_the_applicant(
    image: Path,
    serve: Serve,
    bundle: Bundle,
) -> None:
    golden = json.loads((image / "bundle/golden.json").read_text())
    golden["pd"][3] += 0.001
    (image / "bundle/golden.json").write_text(json.dumps(golden))
    result = run(image, "check", str(serve().base_url), bundle.digest)
    assert result.returncode == 1
    assert "golden applicant 3" in result.stderr


def test_a_service_that_does_not_answer_fails_with_its_address(image: Path, bundle: Bundle) -> None:
    result = run(image, "check", "http://127.0.0.1:9", bundle.digest)
    assert result.returncode == 1
    assert "http://127.0.0.1:9 does not answer" in result.stderr
