"""The scripts of the first time, run with stand-ins for `aws`, `kubectl` and `pulumi` that write down their calls."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from credit_infra.constants import SECRETS
from credit_infra.recording import PROJECT_ROOT

BOOTSTRAP = PROJECT_ROOT / "bootstrap"
STAND_IN = """#!/usr/bin/env bash
printf '%s\\t' "$(basename "$0")" "$@" >>"$CALLS/arguments"; echo >>"$CALLS/arguments"
case "$*" in
  *put-secret-value*) cat >"$CALLS/$(sed 's#.*--secret-id credit/[a-z]*/\\([a-z-]*\\).*#\\1#' <<<"$*").json" ;;
  *get-secret-value*) echo '{"username": "credit_admin", "password": "m:a/s@ter"}' ;;
  *get-role*) test -e "$CALLS/role" ;;
  *databaseAddress*) echo database.example ;;
  *clusterName*) echo credit-staging-cluster ;;
  *run*databases*) cat >"$CALLS/psql"; echo "$KUBECONFIG" >"$CALLS/kubeconfig" ;;
esac
"""


@pytest.fixture
def shell(tmp_path: Path) -> dict[str, str]:
    for name in ("aws", "kubectl", "pulumi"):
        (tmp_path / name).write_text(STAND_IN)
        (tmp_path / name).chmod(0o755)
    return {**os.environ, "PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}", "CALLS": str(tmp_path)}


def run(script: str, *arguments: str, shell: dict[str, str]) -> subprocess.CompletedProcess[str]:
    command = [str(BOOTSTRAP / script), *arguments]
    return subprocess.run(command, env=shell, capture_output=True, text=True, check=False)


def test_databases_are_made_and_their_addresses_stored(shell: dict[str, str]) -> None:
    result = run("databases.sh", "staging", "eu-central-1", shell=shell)
    assert result.returncode == 0, result.stderr
    calls = Path(shell["CALLS"])
    master, *sql = (calls / "psql").read_text().splitlines()
    assert master == "m:a/s@ter"
    passwords = dict(re.findall(r"ALTER ROLE (\w+) PASSWORD '([\w-]{30,})'", "\n".join(sql)))
    assert set(passwords) == {"journal", "journal_reader", "tracking"}
    assert len(set(passwords.values())) == 3
    stored = {path.stem: json.loads(path.read_text()) for path in calls.glob("*.json")}
    host = "database.example:5432"
    assert stored == {
        "scoring-api-journal": {
            "JOURNAL_URL": f"postgresql://journal:{passwords['journal']}@{host}/journal?sslmode=require"
        },
        "drift-monitor-journal": {
            "JOURNAL_URL": f"postgresql://journal_reader:{passwords['journal_reader']}@{host}/journal?sslmode=require"
        },
        "tracking-database": {
            "MLFLOW_BACKEND_STORE_URI": f"postgresql://tracking:{passwords['tracking']}@{host}/tracking?sslmode=require"
        },
    }
    assert set(stored) < set(SECRETS)


def test_a_second_run_makes_nothing_twice_and_gives_new_passwords(shell: dict[str, str], running_cluster: Any) -> None:
    def psql(user: str, sql: str) -> list[str]:
        way = f"host=127.0.0.1 port={running_cluster.port} user={user} dbname=postgres"
        command = ["psql", "--quiet", "--tuples-only", "--no-align", "--set", "ON_ERROR_STOP=1", way]
        return subprocess.run(command, input=sql, capture_output=True, text=True, check=True).stdout.splitlines()

    psql("journal", "CREATE ROLE credit_admin SUPERUSER LOGIN")
    passwords = []
    for _ in range(2):
        assert run("databases.sh", "staging", "eu-central-1", shell=shell).returncode == 0
        psql("credit_admin", (Path(shell["CALLS"]) / "psql").read_text().partition("\n")[2])
        passwords.append(psql("credit_admin", "SELECT rolpassword FROM pg_authid WHERE rolpassword <> ''"))
    assert [len(set(passwords[0])), len({*passwords[0], *passwords[1]})] == [3, 6]
    owners = "SELECT datname, pg_get_userbyid(datdba) FROM pg_database WHERE datname IN ('journal', 'tracking')"
    assert sorted(psql("credit_admin", owners)) == ["journal|journal", "tracking|tracking"]


def test_the_password_goes_to_the_stacks_own_cluster(shell: dict[str, str]) -> None:
    calls = Path(shell["CALLS"])
    result = run("databases.sh", "staging", "eu-central-1", shell=shell | {"KUBECONFIG": "another-cluster"})
    assert result.returncode == 0, result.stderr
    used = (calls / "kubeconfig").read_text().strip()
    wanted = ["eks", "update-kubeconfig", "--region", "eu-central-1", "--name", "credit-staging-cluster"]
    assert "\t".join([*wanted, "--kubeconfig", used]) in (calls / "arguments").read_text()
    assert not Path(used).parent.exists()


def test_no_password_is_printed_or_given_as_an_argument(shell: dict[str, str]) -> None:
    result = run("databases.sh", "staging", "eu-central-1", shell=shell)
    calls = Path(shell["CALLS"])
    secrets = ["m:a/s@ter", *re.findall(r"PASSWORD '([\w-]+)'", (calls / "psql").read_text())]
    seen = result.stdout + result.stderr + (calls / "arguments").read_text()
    assert len(secrets) == 4
    assert not any(secret in seen for secret in secrets)


def test_the_state_stack_is_deployed_and_cannot_be_deleted_by_mistake(shell: dict[str, str]) -> None:
    result = run("state.sh", "eu-central-1", shell=shell)
    assert result.returncode == 0, result.stderr
    calls = (Path(shell["CALLS"]) / "arguments").read_text()
    assert "--no-fail-on-empty-changeset" in calls
    assert "--enable-termination-protection" in calls


@pytest.mark.parametrize("there", [False, True])
def test_the_role_that_the_first_key_names_is_there_before_the_key(shell: dict[str, str], there: bool) -> None:
    if there:
        (Path(shell["CALLS"]) / "role").touch()
    result = run("state.sh", "eu-central-1", shell=shell)
    assert result.returncode == 0, result.stderr
    calls = (Path(shell["CALLS"]) / "arguments").read_text()
    assert ("create-service-linked-role\t--aws-service-name\tautoscaling.amazonaws.com" in calls) is not there


@pytest.mark.parametrize("script", ["state.sh", "databases.sh"])
def test_a_script_without_arguments_says_what_it_wants(shell: dict[str, str], script: str) -> None:
    result = run(script, shell=shell)
    assert result.returncode != 0
    assert f"usage: bootstrap/{script}" in result.stderr
    assert not (Path(shell["CALLS"]) / "arguments").exists()


def test_the_state_is_versioned_sealed_private_and_kept() -> None:
    resources: dict[str, Any] = yaml.safe_load((BOOTSTRAP / "state.yaml").read_text())["Resources"]
    bucket = resources["Bucket"]["Properties"]
    assert bucket["VersioningConfiguration"] == {"Status": "Enabled"}
    assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}
    sealed = bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"][0]["ServerSideEncryptionByDefault"]
    assert sealed == {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": {"Fn::GetAtt": ["Key", "Arn"]}}
    assert resources["Key"]["Properties"]["EnableKeyRotation"] is True
    assert {resources[name]["DeletionPolicy"] for name in ("Bucket", "Key")} == {"Retain"}
