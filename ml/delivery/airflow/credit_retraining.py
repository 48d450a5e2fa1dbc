"""The steps of .github/workflows/retrain.yml as an Airflow 3 DAG, for those who have it; a test keeps both the same.

Put it into the DAGs folder of a worker with git, Docker and a checkout that `make setup` was run in. The worker's
environment says CREDIT_CHECKOUT, REGISTRY (such as ghcr.io/team) and GITHUB_TOKEN.
"""

from __future__ import annotations

import os
from datetime import datetime, timedelta

from airflow.providers.standard.operators.bash import BashOperator
from airflow.sdk import DAG, Param, chain

STEPS = {
    "data": '.venv/bin/credit-train data dataset="$DATASET"',
    "train": '.venv/bin/credit-train run dataset="$DATASET"',
    "release": '.venv/bin/credit-release build "$TAG" --dataset "$DATASET" --registry "$REGISTRY"',
    "propose": '.venv/bin/credit-release promote "$TAG" --to staging',
}

with DAG(
    "credit_retraining",
    description="data → train → gates → candidate → release record → staging's pull request",
    schedule="23 3 1 * *",
    start_date=datetime(2026, 1, 1),  # noqa: DTZ001 - Airflow reads it in the DAG's time zone, UTC
    catchup=False,
    max_active_runs=1,
    params={"dataset": Param("simulated", type="string", description="a file of ml/training/conf/dataset")},
):
    chain(
        *(
            BashOperator(
                task_id=name,
                bash_command=command,
                cwd=os.environ.get("CREDIT_CHECKOUT", "."),
                env={"DATASET": "{{ params.dataset }}", "TAG": "{{ params.dataset }}-{{ ts_nodash | lower }}"},
                append_env=True,
                execution_timeout=timedelta(hours=1),
                # A failed gate fails again; a second try would only hide it.
                retries=0,
            )
            for name, command in STEPS.items()
        )
    )
