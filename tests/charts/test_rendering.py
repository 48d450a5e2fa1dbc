import json
from pathlib import Path

import pytest
import yaml

from credit_delivery import chart_files

from .rendering import (
    CHARTS,
    ROOT,
    Target,
    bootstrap,
    kubeconform,
    name,
    pod_template,
    program,
    render,
    run,
    targets,
    workloads,
)

EACH = pytest.mark.parametrize("target", targets(), ids=str)


@EACH
def test_objects_are_valid_kubernetes(target: Target) -> None:
    assert kubeconform(render(target)) == ""


@pytest.mark.parametrize("kind", [True, False])
def test_argo_cd_objects_are_valid(kind: bool) -> None:
    assert kubeconform(bootstrap(kind)) == ""


def test_kubeconform_refuses_a_misspelt_key() -> None:
    deployment = next(found for found in render(targets()[0]) if found["kind"] == "Deployment")
    wrong = json.loads(json.dumps(deployment))
    wrong["spec"]["minReadySecond"] = 1
    assert "minReadySecond" in kubeconform([wrong])


@EACH
def test_labels_follow_the_convention(target: Target) -> None:
    for found in render(target):
        labels = found["metadata"]["labels"]
        assert labels["app.kubernetes.io/name"] == target.application, name(found)
        assert labels["app.kubernetes.io/instance"] == target.application, name(found)
        assert labels["app.kubernetes.io/part-of"] == "credit-scoring", name(found)


@EACH
def test_names_are_the_application(target: Target) -> None:
    for found in render(target):
        assert found["metadata"]["name"].startswith(target.application), name(found)


@EACH
def test_selectors_find_their_pods(target: Target) -> None:
    rendered = render(target)
    pods = [pod_template(found)["metadata"]["labels"] for where, found in workloads() if where == target]
    for found in rendered:
        spec = found.get("spec", {})
        if found["kind"] in {"Deployment", "StatefulSet"}:
            wanted = spec["selector"]["matchLabels"]
            assert wanted.items() <= pod_template(found)["metadata"]["labels"].items(), name(found)
        elif found["kind"] in {"Service", "PodDisruptionBudget"}:
            wanted = spec["selector"].get("matchLabels", spec["selector"])
            assert [labels for labels in pods if wanted.items() <= labels.items()], name(found)
        elif found["kind"] == "ServiceMonitor":
            services = [other for other in rendered if other["kind"] == "Service"]
            wanted = spec["selector"]["matchLabels"]
            assert [other for other in services if wanted.items() <= other["metadata"]["labels"].items()]


@EACH
def test_services_and_monitors_name_ports_that_exist(target: Target) -> None:
    rendered = render(target)
    ports = {
        port["name"]
        for where, found in workloads()
        if where == target
        for container in pod_template(found)["spec"]["containers"]
        for port in container.get("ports", [])
    }
    for service in (found for found in rendered if found["kind"] == "Service"):
        assert {port["targetPort"] for port in service["spec"]["ports"]} <= ports
    exposed = {p["name"] for found in rendered if found["kind"] == "Service" for p in found["spec"]["ports"]}
    for monitor in (found for found in rendered if found["kind"] == "ServiceMonitor"):
        assert {endpoint["port"] for endpoint in monitor["spec"]["endpoints"]} <= exposed


@EACH
def test_every_name_that_a_pod_mentions_is_rendered_or_a_known_secret(target: Target) -> None:
    here = {(found["kind"], found["metadata"]["name"]) for found in render(target)}
    secrets = {"scoring-api-journal", "scoring-api-keys", "tracking-database", "drift-monitor-journal", "postgres"}
    for where, workload in workloads():
        if where != target:
            continue
        spec = pod_template(workload)["spec"]
        for volume in spec.get("volumes", []):
            if "configMap" in volume:
                assert ("ConfigMap", volume["configMap"]["name"]) in here
            if "persistentVolumeClaim" in volume:
                assert ("PersistentVolumeClaim", volume["persistentVolumeClaim"]["claimName"]) in here
        if "serviceAccountName" in spec:
            assert ("ServiceAccount", spec["serviceAccountName"]) in here
        named = json.dumps(spec)
        mentioned = {part.split('"')[0] for part in named.split('"secretKeyRef": {"name": "')[1:]}
        mentioned |= {part.split('"')[0] for part in named.split('"secretRef": {"name": "')[1:]}
        assert mentioned <= secrets


@pytest.mark.parametrize("chart", sorted(CHARTS.glob("*/values.yaml")), ids=lambda path: path.parent.name)
def test_unknown_values_are_refused_at_every_level(chart: Path) -> None:
    application = chart.parent.name
    target = next((target for target in targets() if target.application == application), None)
    tree = yaml.safe_load(chart.read_text())
    free = {"annotations"}
    sections = [""] + [f"{path}." for path in sections_of(tree) if path.rpartition(".")[2] not in free]
    names = [f"environments/{target.environment}/{name}" for name in target.values] if target else []
    files = [part for name in names for part in ("--values", name)]
    for section in sections:
        result = run(
            program("helm"), "template", application, f"charts/{application}", *files, "--set", f"{section}mispelt=1"
        )
        assert result.returncode != 0, section
        assert "mispelt" in result.stderr, section


def sections_of(tree: dict[str, object], prefix: str = "") -> list[str]:
    found = []
    for key, value in tree.items():
        if isinstance(value, dict):
            found += [prefix + key, *sections_of(value, f"{prefix}{key}.")]
    return found


def test_generated_chart_files_are_not_stale() -> None:
    assert chart_files.stale(CHARTS) == [], "run `make format`"


def test_templates_are_short_enough_to_read() -> None:
    long = {
        str(path.relative_to(ROOT)): length
        for path in [*CHARTS.glob("*/templates/*"), *ROOT.glob("argocd/bootstrap/templates/*")]
        if (length := len(path.read_text().splitlines())) > 100
    }
    assert not long
