import ast
import json
import os
import re
import subprocess
from datetime import datetime
from pathlib import Path

import pytest

from drift_monitor.trainers import Order

from .workflows import ROOT, WORKFLOWS

DAG = ROOT / "ml/delivery/airflow/credit_retraining.py"
READ = """
import json, sys
from airflow.dag_processing.dagbag import DagBag
bag = DagBag(sys.argv[1])
tasks = {t.task_id: [t.bash_command, sorted(t.downstream_task_ids)] for d in bag.dags.values() for t in d.tasks}
print(json.dumps({"errors": list(bag.import_errors.values()), "dags": list(bag.dags), "tasks": tasks}))
"""


def steps_of_workflow() -> list[str]:
    runs = [step["run"] for step in WORKFLOWS["retrain"]["jobs"]["retrain"]["steps"] if "run" in step]
    return [command for command in runs if command != "make cut-off"]


def steps_of_dag() -> dict[str, str]:
    assigned = [node for node in ast.parse(DAG.read_text()).body if isinstance(node, ast.Assign)]
    (steps,) = [node.value for node in assigned if getattr(node.targets[0], "id", "") == "STEPS"]
    found = ast.literal_eval(steps)
    assert isinstance(found, dict)
    return found


def test_airflow_and_github_retrain_by_the_same_steps() -> None:
    assert list(steps_of_dag().values()) == steps_of_workflow()


def test_retraining_goes_from_data_to_a_pull_request() -> None:
    assert [command.split()[1] for command in steps_of_workflow()] == ["data", "run", "build", "promote"]


def said_by_the_workflow() -> dict[str, str]:
    job = WORKFLOWS["retrain"]["jobs"]["retrain"]
    commands = [step.get("env", {}) for step in job["steps"] if step.get("run") in steps_of_dag().values()]
    same = [{name for name in given if name != "GITHUB_TOKEN"} for given in commands]
    assert same == [same[0]] * len(same)  # a step without the journal would not find its hold-out
    return job["env"] | commands[0]


def test_the_journal_is_told_everything_that_it_asks_for() -> None:
    asked = set(re.findall(r"oc\.env:(\w+)", (ROOT / "ml/training/conf/journal.yaml").read_text()))
    assert asked <= set(said_by_the_workflow()) | {"RETRAIN_CUT_OFF"}
    assert asked <= set(re.findall(r"[A-Z]+_[A-Z_]+", DAG.read_text()))


def test_the_monitors_order_is_what_the_workflow_reads() -> None:
    read = set(re.findall(r"client_payload\.(\w+)", (ROOT / ".github/workflows/retrain.yml").read_text()))
    assert {"dataset", "cut_off", "performance_days"} == read <= set(Order.model_fields)


@pytest.mark.parametrize(
    ("ordered", "written"), [("2026-10-01T00:00:00+00:00", "2026-10-01T00:00:00+00:00"), ("", "20")]
)
def test_the_cut_off_is_the_orders_or_now_and_the_same_for_every_step(
    tmp_path: Path, ordered: str, written: str
) -> None:
    (step,) = [step for step in WORKFLOWS["retrain"]["jobs"]["retrain"]["steps"] if "ORDERED" in step.get("env", {})]
    environment = os.environ | {"ORDERED": ordered, "GITHUB_ENV": str(tmp_path / "env")}
    subprocess.run(["bash", "-e", "-c", step["run"]], env=environment, cwd=ROOT, check=True)
    name, _, moment = (tmp_path / "env").read_text().strip().partition("=")
    assert name == "RETRAIN_CUT_OFF"
    assert moment.startswith(written)
    assert datetime.fromisoformat(moment).tzinfo is not None


def test_an_order_without_a_moment_ends_the_retraining(tmp_path: Path) -> None:
    environment = os.environ | {"ORDERED": "when it suits", "GITHUB_ENV": str(tmp_path / "env")}
    result = subprocess.run(["make", "cut-off"], env=environment, cwd=ROOT, capture_output=True, text=True)
    assert result.returncode != 0
    assert "when it suits" in result.stderr
    assert not (tmp_path / "env").exists()


def test_airflow_itself_reads_the_dag_as_one_chain(tmp_path: Path) -> None:
    python = os.environ.get("AIRFLOW_PYTHON")
    if python is None:
        pytest.skip("AIRFLOW_PYTHON names no Python with apache-airflow 3: `make test-airflow`")
    environment = os.environ | {"AIRFLOW_HOME": str(tmp_path), "AIRFLOW__CORE__LOAD_EXAMPLES": "false"}
    migrated = [python, "-m", "airflow", "db", "migrate"]
    subprocess.run(migrated, env=environment, check=True, capture_output=True)
    command = [python, "-c", READ, str(DAG.parent)]
    result = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    read = json.loads(result.stdout.splitlines()[-1])
    assert read["errors"] == []
    assert read["dags"] == ["credit_retraining"]
    names = list(steps_of_dag())
    assert {name: task[1] for name, task in read["tasks"].items()} == {
        name: names[position + 1 : position + 2] for position, name in enumerate(names)
    }
