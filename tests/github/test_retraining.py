import ast
import json
import os
import subprocess
from pathlib import Path

import pytest

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
    return [step["run"] for step in WORKFLOWS["retrain"]["jobs"]["retrain"]["steps"] if "run" in step]


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


def test_airflow_itself_reads_the_dag_as_one_chain(tmp_path: Path) -> None:
    python = os.environ.get("AIRFLOW_PYTHON")
    if python is None:
        pytest.skip("AIRFLOW_PYTHON names no Python with apache-airflow 3")
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
