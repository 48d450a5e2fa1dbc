"""What `environments/` and `charts/` take for granted is what the program makes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import pytest
import yaml
from stacks import CLOUD_STACKS

from credit_infra import constants
from credit_infra.argocd_install import REPOSITORY_ROOT
from credit_infra.recording import Recording

ENVIRONMENTS = REPOSITORY_ROOT / "environments"
CHARTS = REPOSITORY_ROOT / "charts"


def settings(stack: str, app: str) -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((ENVIRONMENTS / stack / f"{app}.yaml").read_text())
    return loaded


def naming(stack: str, key: str) -> dict[str, Any]:
    """The section that each application's file has under a key, where it has it."""
    found = {path.stem: settings(stack, path.stem) for path in (ENVIRONMENTS / stack).glob("*.yaml")}
    return {app: said[key] for app, said in found.items() if isinstance(said.get(key), dict)}


def cidrs(recording: Recording, tier: str) -> list[str]:
    subnets = recording.of("aws:ec2/subnet:Subnet")
    return sorted(entry.inputs["cidrBlock"] for entry in subnets if entry.name.startswith(f"{tier}-"))


def test_environments_are_the_cloud_stacks() -> None:
    assert {path.name for path in ENVIRONMENTS.iterdir() if path.is_dir()} == set(constants.ENVIRONMENTS)


@pytest.mark.parametrize("stack", CLOUD_STACKS)
def test_the_namespace_is_there(recordings: Mapping[str, Recording], stack: str) -> None:
    facts = settings(stack, "environment")
    namespaces = {entry.name for entry in recordings[stack].of("kubernetes:core/v1:Namespace")}
    assert facts["namespace"] in namespaces
    assert facts["name"] == stack


@pytest.mark.parametrize("stack", CLOUD_STACKS)
def test_images_come_from_this_accounts_registry(recordings: Mapping[str, Recording], stack: str) -> None:
    named = {app: cluster["registry"] for app, cluster in naming(stack, "cluster").items()}
    assert {"drift-monitor", "scoring-api", "tracking"} <= set(named)
    (registry,) = set(named.values())
    account, _, rest = registry.partition(".")
    provider = recordings[stack].one("pulumi:providers:aws", "aws").inputs
    assert provider["allowedAccountIds"] == f'["{account}"]'
    assert rest == f"dkr.ecr.{provider['region']}.amazonaws.com/"


@pytest.mark.parametrize("stack", CLOUD_STACKS)
def test_network_policies_name_the_subnets_that_are_made(recordings: Mapping[str, Recording], stack: str) -> None:
    assert sorted(settings(stack, "scoring-api")["clients"]) == cidrs(recordings[stack], "public")
    databases = naming(stack, "database")
    assert set(databases) == {"drift-monitor", "scoring-api", "tracking"}
    for app, database in databases.items():
        assert sorted(database["cidrs"]) == cidrs(recordings[stack], "intra"), app


@pytest.mark.parametrize("stack", CLOUD_STACKS)
def test_artefacts_go_to_the_bucket_that_is_made(recordings: Mapping[str, Recording], stack: str) -> None:
    made = recordings[stack].outputs["buckets"]
    places = {"artifacts": ("tracking", "models"), "reports": ("drift-monitor", "reports")}
    for key, (app, bucket) in (places | {"archive": ("drift-monitor", "archive")}).items():
        named = {app: said["bucket"].removeprefix("s3://").split("/")[0] for app, said in naming(stack, key).items()}
        assert named == {app: made[bucket]}
    archive = settings(stack, "drift-monitor")["archive"]["bucket"]
    assert archive.partition("//")[2].partition("/")[2] == constants.ARCHIVE_PREFIX


@pytest.mark.parametrize("stack", CLOUD_STACKS)
def test_the_load_balancer_stands_behind_the_group_that_the_pods_let_in(
    recordings: Mapping[str, Recording], stack: str
) -> None:
    named = settings(stack, "scoring-api")["ingress"]["annotations"]["alb.ingress.kubernetes.io/security-groups"]
    door = recordings[stack].one("aws:ec2/securityGroup:SecurityGroup", "load-balancer")
    # The controller looks a group that is no id up by this tag.
    assert named == door.inputs["tags"]["Name"]


@pytest.mark.parametrize("workload", ["aws-load-balancer-controller", "cluster-autoscaler"])
def test_a_controller_with_rights_is_installed_under_the_account_that_has_them(cloud: Recording, workload: str) -> None:
    chart = yaml.safe_load((REPOSITORY_ROOT / "argocd" / "platform" / f"{workload}.yaml").read_text())
    values = chart["values"]
    account = (values.get("rbac") or values)["serviceAccount"]["name"]
    made = cloud.of("aws:eks/podIdentityAssociation:PodIdentityAssociation")
    assert (chart["namespace"], account) in {(one.inputs["namespace"], one.inputs["serviceAccount"]) for one in made}


def test_the_job_that_archives_runs_as_the_account_that_may(cloud: Recording) -> None:
    text = (CHARTS / "drift-monitor" / "templates" / "archive.yaml").read_text()
    account = text.partition("serviceAccountName: ")[2].partition("\n")[0].replace("{{ .Chart.Name }}", "drift-monitor")
    made = cloud.one("aws:eks/podIdentityAssociation:PodIdentityAssociation", constants.ARCHIVE_WORKLOAD)
    assert (made.inputs["namespace"], made.inputs["serviceAccount"]) == (cloud.stack, account)


def test_every_secret_that_a_chart_names_is_filled_or_known_to_be_made_by_hand() -> None:
    text = "\n".join(path.read_text() for path in CHARTS.glob("*/templates/*"))
    named = set(re.findall(r"secret(?:Key)?Ref: \{name: ([a-z-]+)", text))
    assert named
    assert named - set(constants.KIND_SECRETS) == set(constants.SECRETS_BY_HAND)


def test_every_chart_of_ours_has_an_image_repository() -> None:
    values = {path.parent.name: yaml.safe_load(path.read_text()) for path in CHARTS.glob("*/values.yaml")}
    ours = {name for name, document in values.items() if document and "image" in document}
    assert ours <= set(constants.IMAGES)


def test_the_load_balancer_reaches_the_port_that_the_service_listens_on() -> None:
    values = yaml.safe_load((CHARTS / "scoring-api" / "values.yaml").read_text())
    assert values["config"]["port"] == constants.SCORING_PORT


def test_postgres_has_one_major_everywhere() -> None:
    image = re.search(r"image: postgres:(\d+)", (CHARTS / "postgres" / "templates" / "statefulset.yaml").read_text())
    assert image is not None
    assert image.group(1) == constants.POSTGRES_VERSION


def test_prometheus_and_alertmanager_have_the_service_accounts_of_their_chart(cloud: Recording) -> None:
    release = yaml.safe_load((REPOSITORY_ROOT / "argocd" / "platform" / "kube-prometheus-stack.yaml").read_text())
    made = cloud.of("aws:eks/podIdentityAssociation:PodIdentityAssociation")
    accounts = {entry.name: (entry.inputs["namespace"], entry.inputs["serviceAccount"]) for entry in made}
    for name in ("prometheus", "alertmanager"):
        assert accounts[name] == (release["namespace"], f"{release['name']}-{name}")
