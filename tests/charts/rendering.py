"""Charts rendered as Argo CD would: bootstrap's applications in every environment, in the cloud and on kind."""

import functools
import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from credit_delivery import programs, tools

ROOT = Path(__file__).parents[2]
CHARTS = ROOT / "charts"
ENVIRONMENTS = ("staging", "production")
WORKLOADS = {"Deployment", "StatefulSet", "Job", "CronJob"}
REPOSITORY = "https://git.example/credit.git"
SCHEMAS = "tests/charts/schemas/{{ .ResourceKind }}{{ .KindSuffix }}.json"
CLOUD = {
    "cluster": "credit-production-cluster",
    "region": "eu-central-1",
    "vpc": "vpc-1",
    "remoteWrite": "https://metrics.example/api/v1/remote_write",
    "warningTopic": "arn:aws:sns:eu-central-1:222222222222:warning",
    "pageTopic": "arn:aws:sns:eu-central-1:222222222222:page",
}
"""What infra/pulumi tells the bootstrap of a cloud's cluster."""

Object = dict[str, Any]


@dataclass(frozen=True)
class Target:
    """One application in one environment on one sort of cluster."""

    application: str
    environment: str
    kind: bool
    values: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.application}-{self.environment}-{'kind' if self.kind else 'cloud'}"


def program(name: str) -> str:
    """A tool's path; without it the test is skipped, in CI it fails."""
    path = programs.find(name)
    if path is None:
        missing = f"{name} is missing: {tools.how_to_get(name)}"
        if os.environ.get("CI"):
            pytest.fail(missing)
        pytest.skip(missing, allow_module_level=True)
    return path


def run(*command: str, given: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, input=given, capture_output=True, text=True, cwd=ROOT)


def kubeconform(documents: list[Object]) -> str:
    """What it says against the schemas of this folder; nothing where all is well."""
    given = yaml.safe_dump_all(documents)
    result = run(program("kubeconform"), "-strict", "-schema-location", SCHEMAS, given=given)
    return result.stdout + result.stderr


@functools.cache
def helm(chart: str, release: str, namespace: str, *arguments: str) -> list[Object]:
    result = run(program("helm"), "template", release, chart, "--namespace", namespace, *arguments)
    assert result.returncode == 0, result.stderr
    return [document for document in yaml.safe_load_all(result.stdout) if document]


def bootstrap(kind: bool, environments: tuple[str, ...] = ENVIRONMENTS, mirror: str = "") -> list[Object]:
    settings = [f"repository={REPOSITORY}", f"environments={{{','.join(environments)}}}", f"kind={str(kind).lower()}"]
    settings += [] if kind else [f"cloud.{name}={value}" for name, value in CLOUD.items()]
    arguments = [part for setting in [*settings, f"chartMirror={mirror}"] for part in ("--set", setting)]
    return helm("argocd/bootstrap", "bootstrap", "argocd", *arguments)


def admission(kind: bool, *arguments: str) -> list[Object]:
    application = yaml.safe_load((ROOT / "argocd/platform/admission.yaml").read_text())
    files = [path.removeprefix("/") for path in application["valueFiles"]] + ["environments/kind.yaml"] * kind
    passed = [part for file in files for part in ("--values", file)]
    for parameter in application["fileParameters"]:
        passed += ["--set-file", f"{parameter['name']}={parameter['path'].removeprefix('/')}"]
    return helm("charts/admission", "admission", "kube-system", *passed, *arguments)


def elements(kind: bool) -> list[Object]:
    (applications,) = [
        found
        for found in bootstrap(kind)
        if found["kind"] == "ApplicationSet" and found["metadata"]["name"] == "credit"
    ]
    found = applications["spec"]["generators"][0]["matrix"]["generators"][1]["list"]["elements"]
    assert isinstance(found, list)
    return found


@functools.cache
def targets() -> list[Target]:
    return [
        Target(element["application"], environment, kind, tuple(element["values"]))
        for kind in (False, True)
        for environment in ENVIRONMENTS
        for element in elements(kind)
    ]


def render(target: Target) -> list[Object]:
    files = [f"environments/{target.environment}/{name}" for name in target.values]
    files += ["environments/kind.yaml"] if target.kind else []
    arguments = [part for file in files for part in ("--values", file)]
    return helm(f"charts/{target.application}", target.application, target.environment, *arguments)


def everything() -> Iterator[tuple[Target, Object]]:
    for target in targets():
        for found in render(target):
            yield target, found


def pod_template(workload: Object) -> Object:
    spec = workload["spec"]
    spec = spec["jobTemplate"]["spec"] if workload["kind"] == "CronJob" else spec
    template = spec["template"]
    assert isinstance(template, dict)
    return template


def containers(template: Object) -> list[Object]:
    return [*template["spec"].get("initContainers", []), *template["spec"]["containers"]]


def workloads() -> list[tuple[Target, Object]]:
    return [(target, found) for target, found in everything() if found["kind"] in WORKLOADS]


def name(found: Object) -> str:
    return f"{found['kind']}/{found['metadata']['name']}"
