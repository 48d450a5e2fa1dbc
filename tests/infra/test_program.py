"""The whole program, per stack."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import pytest
from stacks import CLOUD_STACKS, STACKS

from credit_infra import constants
from credit_infra.recording import PROJECT_ROOT, Recording, record

MAIN = PROJECT_ROOT / "__main__.py"


def test_main_stays_short() -> None:
    assert len(MAIN.read_text().splitlines()) <= 80


def test_every_concern_is_wired_in_main() -> None:
    makers = {
        path.stem for path in (PROJECT_ROOT / "credit_infra").glob("*.py") if "ComponentResource)" in path.read_text()
    }
    inner = {"endpoints", "nodes"}  # parts of network and cluster
    text = MAIN.read_text()
    assert {name for name in makers if f"credit_infra.{name} " not in text} == inner


@pytest.mark.parametrize("stack", STACKS)
def test_no_two_resources_share_a_type_and_name(recordings: Mapping[str, Recording], stack: str) -> None:
    counted = Counter(resource.key for resource in recordings[stack].resources)
    assert [key for key, count in counted.items() if count > 1] == []


@pytest.mark.parametrize("stack", STACKS)
def test_every_resource_is_part_of_a_component(recordings: Mapping[str, Recording], stack: str) -> None:
    top = {entry.type.split(":")[0] for entry in recordings[stack].resources if not entry.parent}
    assert top <= {"credit", "pulumi"}


@pytest.mark.parametrize("stack", STACKS)
def test_every_resource_names_its_provider(recordings: Mapping[str, Recording], stack: str) -> None:
    makers = ("aws:", "kubernetes:")
    strangers = [
        entry.key
        for entry in recordings[stack].resources
        if entry.type.startswith(makers) and not entry.provider.endswith(entry.type.split(":")[0])
    ]
    # Remote components pass providers to their children by a map of their own.
    assert [key for key in strangers if "ConfigGroup" not in key and "Chart" not in key] == []


def test_the_provider_refuses_another_account(cloud: Recording) -> None:
    provider = cloud.one("pulumi:providers:aws", "aws")
    accounts = {"staging": '["111111111111"]', "production": '["222222222222"]'}
    assert provider.inputs["allowedAccountIds"] == accounts[cloud.stack]


def test_the_kind_stack_makes_the_part_inside_the_cluster_alone(recordings: Mapping[str, Recording]) -> None:
    assert {entry.type.split(":")[0] for entry in recordings["kind"].resources} == {"credit", "kubernetes", "pulumi"}
    names = {entry.name for entry in recordings["kind"].of("kubernetes:core/v1:Namespace")}
    assert names == {"argocd", "external-secrets", "monitoring", "secret-source", "staging", "production"}


@pytest.mark.parametrize("stack", CLOUD_STACKS)
def test_a_first_preview_works_although_nothing_is_known_yet(recordings: Mapping[str, Recording], stack: str) -> None:
    planned = {resource.key for resource in record(stack, preview=True).resources}
    assert planned == {resource.key for resource in recordings[stack].resources}


def test_outputs_are_what_charts_and_ci_use(cloud: Recording) -> None:
    assert set(cloud.outputs) == {
        "buckets",
        "ciRoles",
        "clusterName",
        "databaseAddress",
        "databaseMasterSecret",
        "environments",
        "grafana",
        "loadBalancerSecurityGroup",
        "remoteWriteUrl",
        "repositories",
        "secrets",
        "topics",
        "vpcId",
    }
    assert set(cloud.outputs["repositories"]) == set(constants.IMAGES)
    assert cloud.outputs["environments"] == [cloud.stack]
    assert cloud.outputs["secrets"] == [*constants.SECRETS, *constants.MONITORING_SECRETS]


def test_the_cli_can_learn_which_plugins_are_needed() -> None:
    # What the CLI's Python runtime runs in `virtualenv` before it starts the program.
    asked = [sys.executable, "-m", "pip", "list", "--format", "json"]
    listed = json.loads(subprocess.run(asked, check=True, stdout=subprocess.PIPE).stdout)
    assert {"pulumi", "pulumi_aws", "pulumi_kubernetes", "pulumi_policy"} <= {entry["name"] for entry in listed}


def test_no_module_outgrows_a_reader() -> None:
    long = {path.name for path in Path(PROJECT_ROOT).rglob("*.py") if len(path.read_text().splitlines()) > 300}
    assert long == set()
