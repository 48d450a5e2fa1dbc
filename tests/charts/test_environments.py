import copy
import json
import re
import subprocess
from typing import Any

import pytest
import yaml

from .rendering import (
    CHARTS,
    ENVIRONMENTS,
    ROOT,
    Object,
    admission,
    bootstrap,
    containers,
    name,
    pod_template,
    render,
    targets,
    workloads,
)

DIGEST = r"^sha256:[0-9a-f]{64}$"
# An image with its registry, and with its digest; the group is what kind calls it.
PINNED = re.compile(r"[0-9a-z.-]+/([a-z-]+:[0-9a-z._-]+)@sha256:[0-9a-f]{64}")
# Where files go is a bucket in the cloud and a volume on kind.
PLACES = ("--artifacts-destination=", "reports.folder=")
VOLUMES = {"artifacts", "reports"}
ENVIRONMENT_FACTS = ["name", "cluster", "namespace", "sync", "frozen"]


def read(path: str) -> Any:
    return yaml.safe_load((ROOT / path).read_text())


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_environment_files_hold_their_facts(environment: str) -> None:
    facts = read(f"environments/{environment}/environment.yaml")
    assert list(facts) == ENVIRONMENT_FACTS
    assert facts["name"] == facts["namespace"] == environment
    assert facts["sync"] == {"enabled": True, "prune": True, "selfHeal": True}


def test_there_are_exactly_two_environments() -> None:
    assert {path.name for path in (ROOT / "environments").iterdir() if path.is_dir()} == set(ENVIRONMENTS)


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_every_file_of_an_environment_has_an_owner(environment: str) -> None:
    applications = {path.parent.name for path in CHARTS.glob("*/Chart.yaml")}
    images = {"scoring-api", "drift-monitor", "credit-training", "tracking"}
    known = {"environment.yaml", "model.yaml", *(f"{application}.yaml" for application in applications)}
    known |= {f"{image}.image.yaml" for image in images}
    files = {path.name for path in (ROOT / "environments" / environment).iterdir() if path.is_file()}
    assert files <= known


@pytest.mark.parametrize("path", sorted(ROOT.glob("environments/*/model.yaml")), ids=lambda path: path.parent.name)
def test_model_files_hold_only_their_keys(path: Any) -> None:
    assert path.read_text().startswith("# Written by credit-release")
    content = yaml.safe_load(path.read_text())
    assert list(content) == ["model"]
    assert list(content["model"]) == ["tag", "modelDigest", "imageDigest"]


@pytest.mark.parametrize("path", sorted(ROOT.glob("environments/*/*.image.yaml")), ids=lambda path: path.name)
def test_image_files_hold_only_their_keys(path: Any) -> None:
    assert path.read_text().startswith("# Written by credit-release")
    (section,) = yaml.safe_load(path.read_text()).values()
    assert list(section) == ["tag", "digest"]


def test_people_write_short_files() -> None:
    long = {
        str(path.relative_to(ROOT)): lines
        for path in ROOT.glob("environments/*/*.yaml")
        if path.name != "environment.yaml" and (lines := len(path.read_text().splitlines())) >= 20
    }
    assert not long


def test_settings_of_an_environment_differ_from_the_defaults() -> None:
    for environment in ENVIRONMENTS:
        for path in (ROOT / "environments" / environment).glob("*.yaml"):
            if path.stem in {item.name for item in CHARTS.iterdir()}:
                defaults = yaml.safe_load((CHARTS / path.stem / "values.yaml").read_text())
                for key, value in flat(yaml.safe_load(path.read_text())).items():
                    assert flat(defaults).get(key) != value, f"{path}: {key} repeats the default"


def flat(tree: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in tree.items():
        found |= flat(value, f"{prefix}{key}.") if isinstance(value, dict) and value else {prefix + key: value}
    return found


@pytest.mark.parametrize(
    "file", ["model.yaml", *sorted(path.name for path in ROOT.glob("environments/production/*.image.yaml"))]
)
def test_what_production_runs_was_in_staging(file: str) -> None:
    (production,) = read(f"environments/production/{file}").values()
    path = f"environments/staging/{file}"
    log = subprocess.run(["git", "log", "--format=%H", "--", path], capture_output=True, text=True, cwd=ROOT)
    versions = [
        subprocess.run(["git", "show", f"{commit}:{path}"], capture_output=True, text=True, cwd=ROOT).stdout
        for commit in log.stdout.split()
    ]
    versions.append((ROOT / path).read_text())
    assert production in [next(iter(yaml.safe_load(text).values())) for text in versions if text]


@pytest.mark.parametrize("target", [target for target in targets() if target.kind], ids=str)
def test_kind_differs_from_the_cloud_only_as_listed(target: Any) -> None:
    if target.application == "postgres":
        assert all("postgres" not in str(other) for other in targets() if not other.kind)
        return
    cloud = next(
        o
        for o in targets()
        if (o.application, o.environment) == (target.application, target.environment) and not o.kind
    )
    on_kind = {name(found): found for found in map(without_listed_differences, render(target))}
    in_cloud = {name(found): found for found in map(without_listed_differences, render(cloud))}
    only = {"Ingress/scoring-api", "PersistentVolumeClaim/tracking", "PersistentVolumeClaim/drift-monitor"}
    only |= {"CronJob/drift-monitor-archive", "ServiceAccount/drift-monitor-archive"}
    assert on_kind.keys() ^ in_cloud.keys() <= only
    for key in on_kind.keys() & in_cloud.keys():
        assert on_kind[key] == in_cloud[key]


def without_listed_differences(found: Object) -> Object:
    """The object without what kind may have otherwise: image pins, node ports and their callers, volumes, ways out."""
    found = copy.deepcopy(found)
    spec = found.get("spec", {})
    if found["kind"] in {"Deployment", "StatefulSet", "Job", "CronJob"}:
        template = pod_template(found)
        for container in containers(template):
            container["image"] = container["image"].split("@")[0].rpartition("/")[2]
            container["args"] = [argument for argument in container.get("args", []) if not argument.startswith(PLACES)]
            container["volumeMounts"] = [m for m in container.get("volumeMounts", []) if m["name"] not in VOLUMES]
        template["spec"].pop("nodeSelector", None)
        template["spec"]["volumes"] = [v for v in template["spec"].get("volumes", []) if v["name"] not in VOLUMES]
    if found["kind"] == "Service":
        spec.pop("type", None)
        for port in spec["ports"]:
            port.pop("nodePort", None)
    if found["kind"] == "NetworkPolicy":
        buckets_and_roles = [[{"protocol": "TCP", "port": port}] for port in (443, 80)]
        spec["egress"] = [rule for rule in spec["egress"] if rule["ports"] not in buckets_and_roles]
        for rule in spec["ingress"]:
            rule["from"] = [entry for entry in rule["from"] if "except" not in entry.get("ipBlock", {})]
    return found


def test_admission_on_kind_differs_only_by_how_images_are_named_and_the_database() -> None:
    on_kind, in_cloud = (json.dumps(admission(kind)) for kind in (True, False))
    assert in_cloud != (named := PINNED.sub(r"\1", in_cloud))
    (server,) = [
        container
        for target, found in workloads()
        if (target.application, target.environment) == ("postgres", "production")
        for container in containers(pod_template(found))
    ]
    told, mounted = (
        [said[key] for said in server[part]] for part, key in (("env", "name"), ("volumeMounts", "mountPath"))
    )
    for said in {server["image"], *told, *mounted} - {"/tmp"}:
        on_kind = on_kind.replace(rf",\"{said}\"", "").replace(f", {said}", "")
    assert on_kind == named


def test_bootstrap_on_kind_differs_only_as_listed() -> None:
    on_kind, in_cloud = ({name(found): copy.deepcopy(found) for found in bootstrap(kind)} for kind in (True, False))
    credit, platform = on_kind["ApplicationSet/credit"]["spec"], in_cloud["ApplicationSet/platform"]["spec"]
    credit["generators"][0]["matrix"]["generators"][1]["list"]["elements"].remove(
        {"application": "postgres", "values": []}
    )
    credit["templatePatch"] = credit["templatePatch"].replace("        - /environments/kind.yaml\n", "")
    for chart in ("aws-load-balancer-controller", "cluster-autoscaler"):
        platform["generators"][0]["git"]["files"].remove({"path": f"argocd/platform/{chart}.yaml"})
    # What it makes of each file is compared in test_argocd.
    for found in (on_kind, in_cloud):
        found["ApplicationSet/platform"]["spec"].pop("templatePatch")
    assert on_kind == in_cloud


def test_what_the_cluster_decides_is_the_same_in_every_chart() -> None:
    found = {path.parent.name: yaml.safe_load(path.read_text()).get("cluster") for path in CHARTS.glob("*/values.yaml")}
    sections = [section for section in found.values() if section is not None]
    assert all(section == sections[0] for section in sections)
    assert list(read("environments/kind.yaml")) == ["cluster"]
    assert read("environments/kind.yaml")["cluster"].keys() <= sections[0].keys()
