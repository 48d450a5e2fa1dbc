"""What a stack's YAML may say: wrong files are refused in one line that names the file and the key."""

from __future__ import annotations

import copy
import re
from collections.abc import Callable
from typing import Any

import pytest
import yaml
from pulumi.runtime import rpc
from stacks import STACKS

from credit_infra.errors import ConfigError
from credit_infra.recording import PROJECT_ROOT, record_with, run_main
from credit_infra.settings import load

Document = dict[str, Any]


def of(stack: str) -> Document:
    loaded: Document = yaml.safe_load((PROJECT_ROOT / f"Pulumi.{stack}.yaml").read_text())["config"]
    return loaded


def changed(stack: str, change: Callable[[Document], object]) -> Document:
    document = copy.deepcopy(of(stack))
    change(document)
    return document


@pytest.mark.parametrize("stack", STACKS)
def test_the_files_are_accepted(stack: str) -> None:
    record_with(stack, of(stack), load, preview=False)


@pytest.mark.parametrize(
    ("stack", "change", "message"),
    [
        (
            "staging",
            lambda d: d["credit:network"].update(cidr="8.8.0.0/16"),
            r"Pulumi\.staging\.yaml: credit:network: cidr 8\.8\.0\.0/16 is public: take a part of 10\.0\.0\.0/8",
        ),
        (
            "staging",
            lambda d: d["credit:database"].update(backupDays=1),
            r"Pulumi\.staging\.yaml: credit:database\.backupDays: Input should be greater than or equal to 7",
        ),
        ("staging", lambda d: d.pop("credit:storage"), r"credit:storage: Field required"),
        ("staging", lambda d: d["credit:storage"].update(colour="red"), r"credit:storage\.colour: Extra inputs"),
        (
            "staging",
            lambda d: d["credit:monitoring"].update(grafanaSignIn="LDAP"),
            r"credit:monitoring\.grafanaSignIn: Input should be 'AWS_SSO' or 'SAML'",
        ),
        ("staging", lambda d: d.update({"credit:account": "12"}), r"credit:account: String should match"),
        (
            "staging",
            lambda d: d["credit:gitops"].update(environments=["production"]),
            r"credit:gitops\.environments: a cloud stack is named after its one environment",
        ),
        ("staging", lambda d: d["credit:gitops"].update(context="kind-credit"), r"credit:gitops\.context: name the"),
        ("kind", lambda d: d["credit:gitops"].pop("context"), r"credit:gitops\.context: name the kubeconfig context"),
        ("kind", lambda d: d["credit:gitops"].update(environments=[]), r"credit:gitops\.environments: Tuple should"),
        ("kind", lambda d: d["credit:gitops"].update(repository="../here"), r"credit:gitops\.repository: String"),
        ("kind", lambda d: d["credit:gitops"].update(chartMirror="../here"), r"credit:gitops\.chartMirror: String"),
    ],
)
def test_a_wrong_file_is_refused_in_one_line(stack: str, change: Callable[[Document], object], message: str) -> None:
    with pytest.raises(ConfigError, match=message) as refused:
        record_with(stack, changed(stack, change), load, preview=False)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("stack", STACKS)
def test_no_secret_stands_in_the_clear(stack: str) -> None:
    text = (PROJECT_ROOT / f"Pulumi.{stack}.yaml").read_text()
    assert not re.search(r"(?i)password|token|BEGIN .*KEY|AKIA[0-9A-Z]{16}|deployKey:", text.replace("`deployKey`", ""))


@pytest.mark.parametrize("stack", ["staging", "production"])
def test_secrets_of_cloud_stacks_are_sealed_by_kms(stack: str) -> None:
    document = yaml.safe_load((PROJECT_ROOT / f"Pulumi.{stack}.yaml").read_text())
    assert document["secretsprovider"].startswith("awskms://alias/credit-state?region=")


def test_no_resource_can_land_by_a_default_provider() -> None:
    project = yaml.safe_load((PROJECT_ROOT / "Pulumi.yaml").read_text())
    assert project["config"]["pulumi:disable-default-providers"]["value"] == ["aws", "kubernetes"]


def test_a_deploy_key_becomes_argo_cds_and_stays_secret() -> None:
    config = of("kind") | {"credit:deployKey": "sealed"}
    config["credit:gitops"]["manifest"] = str(PROJECT_ROOT / "recorded-manifest.yaml")
    secret = record_with("kind", config, run_main, preview=False).one("kubernetes:core/v1:Secret", "repository")
    assert secret.inputs["metadata"]["labels"] == {"argocd.argoproj.io/secret-type": "repository"}
    assert rpc.is_rpc_secret(secret.inputs["stringData"])
    assert rpc.unwrap_rpc_secret(secret.inputs["stringData"])["sshPrivateKey"] == "sealed"


def test_a_mirror_has_every_third_party_chart() -> None:
    config, mirror = of("kind"), "https://charts.bank.example"
    config["credit:gitops"] |= {"manifest": str(PROJECT_ROOT / "recorded-manifest.yaml"), "chartMirror": mirror}
    recording = record_with("kind", config, run_main, preview=False)
    assert recording.one("kubernetes:helm.sh/v4:Chart", "bootstrap").inputs["values"]["chartMirror"] == mirror
    argocd = "kubernetes:argoproj.io/v1alpha1"
    application = recording.one(f"{argocd}:Application", "external-secrets-Application").inputs["spec"]
    assert application["source"]["repoURL"] == mirror
    project = recording.one(f"{argocd}:AppProject", "external-secrets-AppProject").inputs["spec"]
    assert project["sourceRepos"] == [mirror]
