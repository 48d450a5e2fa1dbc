"""The steps of .github/workflows/retrain.yml as an Airflow 3 DAG, for those who have it; a test keeps both the same.

Put it into the DAGs folder of a worker with git, Docker and a checkout that `make setup` was run in. The worker's
environment says CREDIT_CHECKOUT, REGISTRY (such as ghcr.io/team) and GITHUB_TOKEN; with JOURNAL_URL it learns from the
journal's decisions whose outcomes had matured at the cut-off, else from the portfolio's published table.
"""

from __future__ import annotations

import os
from datetime import datetime, timedelta

from airflow.providers.standard.operators.bash import BashOperator
from airflow.sdk import DAG, Param, chain

STEPS = {
    "data": '.venv/bin/credit-train data dataset="${LEARN_FROM:-$RETRAIN_DATASET}"',
    "train": '.venv/bin/credit-train run dataset="${LEARN_FROM:-$RETRAIN_DATASET}"',
    "release": '.venv/bin/credit-release build "$TAG" --dataset "$RETRAIN_DATASET" --registry "$REGISTRY"',
    "propose": '.venv/bin/credit-release promote "$TAG" --to staging',
}
ORDER = {
    "LEARN_FROM": "journal" if os.environ.get("JOURNAL_URL") else "",
    "RETRAIN_DATASET": "{{ params.dataset }}",
    "RETRAIN_CUT_OFF": "{{ params.cut_off or ts }}",
    "RETRAIN_PERFORMANCE_DAYS": "{{ params.performance_days }}",
    "TAG": "{{ params.dataset }}-{{ ts_nodash | lower }}",
}

with DAG(
    "credit_retraining",
    description="data → train → gates → candidate → release record → staging's pull request",
    schedule="23 3 1 * *",
    start_date=datetime(2026, 1, 1),  # noqa: DTZ001 - Airflow reads it in the DAG's time zone, UTC
    catchup=False,
    max_active_runs=1,
    params={
        "dataset": Param("simulated", type="string", description="the portfolio: a file of ml/training/conf/dataset"),
        "cut_off": Param("", type="string", description="outcomes recorded before count; empty: when the run was due"),
        "performance_days": Param(365, type="integer", description="until an outcome is complete"),
    },
):
    chain(
        *(
            BashOperator(
                task_id=name,
                bash_command=command,
                cwd=os.environ.get("CREDIT_CHECKOUT", "."),
                env=ORDER,
                append_env=True,
                execution_timeout=timedelta(hours=1),
                # A failed gate fails again; a second try would only hide it.
                retries=0,
            )
            for name, command in STEPS.items()
        )
    )
