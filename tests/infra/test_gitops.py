"""Argo CD, External Secrets and the bootstrap: the last things that Pulumi makes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from stacks import CLOUD_STACKS, STACKS

from credit_infra.argocd_install import INSTALL_FILE, REPOSITORY_ROOT, install_config, install_objects
from credit_infra.constants import EXTERNAL_SECRETS_VERSION, MONITORING_NAMESPACE, MONITORING_SECRETS, SECRETS
from credit_infra.errors import InstallError
from credit_infra.recording import PROJECT_ROOT, Recording

STAND_IN = PROJECT_ROOT / "recorded-manifest.yaml"
ENVIRONMENTS = {"staging": ["staging"], "production": ["production"], "kind": ["staging", "production"]}


def application(recording: Recording) -> dict[str, Any]:
    inputs = recording.one("kubernetes:argoproj.io/v1alpha1:Application", "external-secrets-Application").inputs
    spec: dict[str, Any] = inputs["spec"]
    return spec


@pytest.mark.parametrize("stack", STACKS)
def test_the_bootstrap_is_told_this_clusters_environments(recordings: Mapping[str, Recording], stack: str) -> None:
    chart = recordings[stack].one("kubernetes:helm.sh/v4:Chart", "bootstrap").inputs
    assert chart["values"]["environments"] == ENVIRONMENTS[stack]
    assert chart["values"]["kind"] is (stack == "kind")
    assert (PROJECT_ROOT / chart["chart"] / "Chart.yaml").exists()


@pytest.mark.parametrize("stack", STACKS)
def test_the_bootstrap_knows_every_value_that_it_is_told(recordings: Mapping[str, Recording], stack: str) -> None:
    chart = recordings[stack].one("kubernetes:helm.sh/v4:Chart", "bootstrap").inputs
    known = yaml.safe_load((REPOSITORY_ROOT / "argocd" / "bootstrap" / "values.yaml").read_text())
    assert set(chart["values"]) <= set(known)


def test_the_bootstrap_is_told_every_fact_that_a_chart_asks_for(recordings: Mapping[str, Recording]) -> None:
    files = [yaml.safe_load(path.read_text()) for path in (REPOSITORY_ROOT / "argocd" / "platform").glob("*.yaml")]
    asked = {one["fact"] for file in files for one in file.get("facts", [])}
    for stack in CLOUD_STACKS:
        told = recordings[stack].one("kubernetes:helm.sh/v4:Chart", "bootstrap").inputs["values"]["cloud"]
        assert set(told) == asked
        assert told["cluster"] == recordings[stack].one("aws:eks/cluster:Cluster", "cluster").inputs["name"]
        assert told["remoteWrite"] == recordings[stack].outputs["remoteWriteUrl"]
        assert (told["warningTopic"], told["pageTopic"]) == tuple(
            recordings[stack].outputs["topics"][severity] for severity in ("warning", "page")
        )
    assert recordings["kind"].one("kubernetes:helm.sh/v4:Chart", "bootstrap").inputs["values"]["cloud"] == {}


@pytest.mark.parametrize("stack", STACKS)
def test_argo_cd_is_there_before_anything_that_needs_it(recordings: Mapping[str, Recording], stack: str) -> None:
    recording = recordings[stack]
    chart = recording.one("kubernetes:helm.sh/v4:Chart", "bootstrap")
    assert "kubernetes:yaml/v2:ConfigGroup argocd" in chart.depends_on
    group = recording.one("kubernetes:yaml/v2:ConfigGroup", "argocd")
    assert "kubernetes:core/v1:Namespace argocd" in group.depends_on


def test_what_the_repository_leaves_out_of_argo_cd_is_not_installed() -> None:
    config = install_config()
    names = {entry["metadata"]["name"] for entry in install_objects(config, str(STAND_IN))}
    assert "argocd-server" in names
    assert not names & set(config.leave_out)


def test_our_settings_reach_argo_cd() -> None:
    config = install_config()
    objects = {entry["metadata"]["name"]: entry for entry in install_objects(config, str(STAND_IN))}
    for name, settings in config.settings.items():
        assert settings.items() <= objects[name]["data"].items()


def test_argo_cd_is_pinned_by_version() -> None:
    pinned = yaml.safe_load(INSTALL_FILE.read_text())
    assert f"/{pinned['version']}/" in pinned["manifest"]


def test_another_manifest_is_refused(tmp_path: Path) -> None:
    other = tmp_path / "manifest.yaml"
    other.write_text("{apiVersion: v1, kind: ConfigMap, metadata: {name: argocd-cm}}")
    with pytest.raises(InstallError, match=r"has no object \['argocd-cmd-params-cm', .*is it Argo CD v3"):
        install_objects(install_config(), str(other))


def test_a_manifest_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(InstallError, match=r"missing\.yaml: .*set credit:gitops\.manifest"):
        install_objects(install_config(), str(tmp_path / "missing.yaml"))


@pytest.mark.parametrize("stack", STACKS)
def test_every_environment_gets_every_secret(recordings: Mapping[str, Recording], stack: str) -> None:
    objects = application(recordings[stack])["source"]["helm"]["valuesObject"]["extraObjects"]
    filled = {(entry["metadata"]["namespace"], entry["metadata"]["name"]) for entry in objects[1:]}
    names = {*SECRETS, "postgres"} if stack == "kind" else set(SECRETS)
    wanted = {(environment, name) for environment in ENVIRONMENTS[stack] for name in names}
    assert filled == wanted | {(MONITORING_NAMESPACE, name) for name in MONITORING_SECRETS}
    assert objects[0]["spec"]["conditions"] == [{"namespaces": [*ENVIRONMENTS[stack], MONITORING_NAMESPACE]}]
    assert {entry["metadata"]["annotations"]["argocd.argoproj.io/sync-wave"] for entry in objects} == {"1"}


def test_a_cloud_secret_is_read_under_the_name_that_was_made(cloud: Recording) -> None:
    made = {entry.inputs["name"] for entry in cloud.of("aws:secretsmanager/secret:Secret")}
    objects = application(cloud)["source"]["helm"]["valuesObject"]["extraObjects"]
    assert {entry["spec"]["dataFrom"][0]["extract"]["key"] for entry in objects[1:]} == made
    assert objects[0]["spec"]["provider"] == {"aws": {"service": "SecretsManager", "region": "eu-central-1"}}


@pytest.mark.parametrize("stack", STACKS)
def test_the_operator_is_pinned_and_fenced(recordings: Mapping[str, Recording], stack: str) -> None:
    kind = "kubernetes:argoproj.io/v1alpha1:AppProject"
    project = recordings[stack].one(kind, "external-secrets-AppProject").inputs["spec"]
    assert application(recordings[stack])["source"]["targetRevision"] == EXTERNAL_SECRETS_VERSION
    assert project["sourceRepos"] == ["https://charts.external-secrets.io"]
    assert {target["namespace"] for target in project["destinations"]} == {
        "external-secrets",
        "monitoring",
        *ENVIRONMENTS[stack],
    }
    assert not any("*" in (entry["group"], entry["kind"]) for entry in project["clusterResourceWhitelist"])


def test_on_kind_values_come_from_one_namespace_by_a_reader_of_it_alone(recordings: Mapping[str, Recording]) -> None:
    kind = recordings["kind"]
    role = kind.one("kubernetes:rbac.authorization.k8s.io/v1:Role", "secret-reader").inputs
    assert role["metadata"]["namespace"] == "secret-source"
    assert {verb for rule in role["rules"] if "secrets" in rule["resources"] for verb in rule["verbs"]} == {
        "get",
        "list",
        "watch",
    }
    store = application(kind)["source"]["helm"]["valuesObject"]["extraObjects"][0]
    assert store["spec"]["provider"]["kubernetes"]["remoteNamespace"] == "secret-source"


def test_the_secret_of_grafana_is_the_one_that_its_chart_is_told() -> None:
    stack = yaml.safe_load((REPOSITORY_ROOT / "argocd/platform/kube-prometheus-stack.yaml").read_text())
    assert (stack["values"]["grafana"]["admin"]["existingSecret"],) == MONITORING_SECRETS
    assert stack["namespace"] == MONITORING_NAMESPACE


@pytest.mark.parametrize("stack", STACKS)
def test_namespaces_of_environments_are_restricted(recordings: Mapping[str, Recording], stack: str) -> None:
    for environment in ENVIRONMENTS[stack]:
        labels = recordings[stack].one("kubernetes:core/v1:Namespace", environment).inputs["metadata"]["labels"]
        assert labels["pod-security.kubernetes.io/enforce"] == "restricted"
