import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from credit_training.cli import main
from credit_training.errors import RegistryError
from credit_training.registry import Registry

VERBS = ["config", "data", "explore", "run", "evaluate", "select", "search", "demo"]
OTHERS = ["verify", "gate", "holdout", "cards", "mlflow"]


@pytest.fixture(autouse=True)
def _own_home(tmp_path, monkeypatch):
    monkeypatch.setenv("CREDIT_HOME", str(tmp_path / "var"))
    monkeypatch.delenv("CREDIT_DATA_DIR", raising=False)


@pytest.mark.parametrize("verb", VERBS + OTHERS)
def test_every_verb_has_a_help_that_comes_without_loading_torch(verb):
    asked = """
import sys
from credit_training.cli import main
try:
    main([sys.argv[1], "--help"])
except SystemExit:
    print("torch" in sys.modules)
"""
    shown = subprocess.run([sys.executable, "-c", asked, verb], capture_output=True, text=True, check=True).stdout
    assert f"credit-train {verb}" in shown
    assert shown.endswith("False\n")


def test_a_hold_out_is_rebuilt_without_loading_torch():
    asked = "import sys, credit_training.config, credit_training.holdout; print('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True).stdout == "False\n"


def test_an_unknown_verb_or_none_is_wrong_usage():
    for arguments in ([], ["trian"]):
        with pytest.raises(SystemExit) as ended:
            main(arguments)
        assert ended.value.code == 2


@pytest.mark.parametrize("verb", VERBS)
def test_every_configured_verb_refuses_an_unknown_key_in_one_line(verb, capsys, tmp_path):
    assert main([verb, "model.hiden=[8]"]) == 1
    said = capsys.readouterr().err
    assert said == f"credit-train {verb}: conf/train.yaml has no key 'model.hiden'; the nearest is 'model.hidden'\n"
    assert not (tmp_path / "var").exists()


@pytest.mark.parametrize("verb", ["data", "explore", "run", "demo"])
def test_a_dataset_that_is_not_at_hand_is_one_line_that_says_what_to_do(verb, capsys):
    assert main([verb, "dataset=sba"]) == 1
    said = capsys.readouterr().err.splitlines()[-1]
    assert said.startswith(f"credit-train {verb}: ")
    assert "CREDIT_DATA_DIR" in said


def test_config_prints_every_key_that_may_be_overridden(capsys):
    assert main(["config", "seed=3"]) == 0
    shown = capsys.readouterr().out
    assert "seed: 3" in shown
    assert "learning_rate:" in shown


def test_an_empty_home_is_none(lender, monkeypatch):
    monkeypatch.setenv("CREDIT_HOME", "")
    monkeypatch.chdir(lender.folder)
    assert main(["data", f"dataset={lender.yaml}"]) == 0
    assert list((lender.home / "data" / "processed").iterdir())


def test_evaluate_without_folds_says_how_to_ask_for_them(capsys):
    assert main(["evaluate"]) == 1
    assert "cross_validation.folds=5" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["", "5"])
def test_a_dataset_of_no_name_is_one_line(capsys, name):
    assert main(["config", f"dataset={name}"]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert "no dataset" in line


def test_a_tracking_store_that_is_no_database_is_one_line(tmp_path, monkeypatch):
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    (tmp_path / "mlflow.db").write_text("no database" * 100)
    with pytest.raises(RegistryError, match="tracking store"):
        Registry(tmp_path).champion("taiwan")


def test_the_page_of_a_tracking_server_is_named_without_its_password(monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://user:secret@127.0.0.1:9/store")
    asked = "import sys; from credit_training.cli import main; sys.exit(main(['mlflow']))"
    shown = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True)
    assert shown.stdout.endswith(" http://127.0.0.1:9/store\n")
    assert shown.stderr == ""


def test_verify_and_gate_refuse_what_is_no_bundle(capsys, tmp_path):
    assert main(["gate", str(tmp_path)]) == 1
    assert "manifest.json: cannot be read" in capsys.readouterr().err
    assert main(["verify", str(tmp_path / "no"), str(tmp_path / "no.pt")]) == 1
    assert "is not a bundle directory" in capsys.readouterr().err


def test_the_command_is_installed():
    assert shutil.which("credit-train", path=str(Path(sys.executable).parent))
