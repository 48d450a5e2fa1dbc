import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from .rendering import CHARTS, CLOUD, ENVIRONMENTS, REPOSITORY, ROOT, bootstrap, everything, program, run, targets

PINNED = re.compile(r"\d+\.\d+\.\d+")


def found(kind: str, name: str, on_kind: bool = False, **settings: Any) -> Any:
    return next(o for o in bootstrap(on_kind, **settings) if o["kind"] == kind and o["metadata"]["name"] == name)


def platform() -> list[Any]:
    return [yaml.safe_load(path.read_text()) for path in sorted((ROOT / "argocd/platform").glob("*.yaml"))]


def test_every_application_resolves() -> None:
    for target in targets():
        assert (CHARTS / target.application / "Chart.yaml").exists()
        for name in target.values:
            assert (ROOT / "environments" / target.environment / name).exists(), f"{target}: {name}"


def test_every_chart_is_some_application() -> None:
    ours = {target.application for target in targets()} | {item["name"] for item in platform() if "chart" not in item}
    assert {path.parent.name for path in CHARTS.glob("*/Chart.yaml")} == ours


def test_postgres_is_for_kind_only() -> None:
    assert {target.kind for target in targets() if target.application == "postgres"} == {True}


def test_our_project_allows_what_our_charts_hold_and_no_secrets() -> None:
    spec = found("AppProject", "credit")["spec"]
    allowed = {(entry["group"], entry["kind"]) for entry in spec["namespaceResourceWhitelist"]}
    for target, item in everything():
        group = item["apiVersion"].rpartition("/")[0]
        assert (group, item["kind"]) in allowed, f"{target}: {item['kind']}"
    assert ("", "Secret") not in allowed
    assert spec["sourceRepos"] == [REPOSITORY]


@pytest.mark.parametrize("environments", [("staging",), ("production",), ENVIRONMENTS])
def test_a_cluster_gets_only_its_environments(environments: tuple[str, ...]) -> None:
    project = found("AppProject", "credit", environments=environments)
    assert {entry["namespace"] for entry in project["spec"]["destinations"]} == set(environments)
    git = found("ApplicationSet", "credit", environments=environments)["spec"]["generators"][0]["matrix"]["generators"][
        0
    ]
    assert [file["path"] for file in git["git"]["files"]] == [
        f"environments/{e}/environment.yaml" for e in environments
    ]


def test_platform_charts_are_pinned_and_from_allowed_repositories() -> None:
    spec = found("AppProject", "platform")["spec"]
    namespaces = {entry["namespace"] for entry in spec["destinations"]}
    for item in platform():
        assert item["namespace"] in namespaces
        if "chart" in item:
            assert PINNED.fullmatch(item["version"]), item["name"]
            assert item["repository"] in spec["sourceRepos"]


def test_projects_keep_out_of_each_others_namespaces() -> None:
    ours, theirs = (
        {entry["namespace"] for entry in found("AppProject", name)["spec"]["destinations"]}
        for name in ("credit", "platform")
    )
    assert not ours & theirs


@pytest.mark.parametrize("name", ["credit", "platform"])
def test_a_project_outlives_the_applications_that_name_it(name: str) -> None:
    assert found("AppProject", name)["metadata"]["finalizers"] == ["resources-finalizer.argocd.argoproj.io"]


def test_a_mirror_replaces_every_public_chart_repository() -> None:
    mirrored = str(bootstrap(False, mirror="http://mirror.example"))
    assert "http://mirror.example" in mirrored
    assert not [item["repository"] for item in platform() if "chart" in item and item["repository"] in mirrored]


def patched(folder: Path, applications: str, kind: bool, item: Any) -> Any:
    """What an ApplicationSet's patch makes of an element; Helm fills in the template as Argo CD would."""
    (folder / "templates").mkdir(exist_ok=True)
    (folder / "Chart.yaml").write_text("{apiVersion: v2, name: patch, version: 1.0.0}")
    (folder / "templates/patch.yaml").write_text("{{ tpl .Values.patch .Values.item }}")
    patch = found("ApplicationSet", applications, kind)["spec"]["templatePatch"]
    given = yaml.safe_dump({"patch": patch, "item": item})
    result = run(program("helm"), "template", "patch", str(folder), "--values", "-", given=given)
    assert result.returncode == 0, result.stderr
    return yaml.safe_load(result.stdout)["spec"]


def application(folder: Path, kind: bool, item: Any) -> Any:
    """An Application of `argocd/platform/`, as far as its patch says."""
    return patched(folder, "platform", kind, item)


def source(folder: Path, kind: bool, item: Any) -> Any:
    return application(folder, kind, item)["source"]


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_an_application_reads_the_folder_that_its_environment_is_described_in(tmp_path: Path, environment: str) -> None:
    facts = yaml.safe_load((ROOT / f"environments/{environment}/environment.yaml").read_text())
    item = facts | {
        "name": "mine",
        "path": {"basename": environment},
        "values": ["tracking.yaml", "tracking.image.yaml"],
    }
    assert patched(tmp_path, "credit", False, item)["source"]["helm"]["valueFiles"] == [
        f"/environments/{environment}/tracking.yaml",
        f"/environments/{environment}/tracking.image.yaml",
    ]


def named(name: str) -> Any:
    (item,) = [item for item in platform() if item["name"] == name]
    return item


@pytest.mark.parametrize("kind", [True, False], ids=["kind", "cloud"])
@pytest.mark.parametrize("item", platform(), ids=lambda item: item["name"])
def test_platform_applications_come_from_where_their_files_say(tmp_path: Path, item: Any, kind: bool) -> None:
    made = source(tmp_path, kind, item)
    if kind or "cloudValues" not in item:
        assert made["helm"]["valuesObject"] == item["values"]
    if "chart" in item:
        assert (made["repoURL"], made["chart"]) == (item["repository"], item["chart"])
        assert not {"valueFiles", "fileParameters"} & made["helm"].keys()
        return
    assert (made["repoURL"], made["path"]) == (REPOSITORY, f"charts/{item['name']}")
    assert made["helm"].get("fileParameters") == item.get("fileParameters")
    files = [*made["helm"].get("valueFiles", []), *(file["path"] for file in item.get("fileParameters", []))]
    assert all((ROOT / path.removeprefix("/")).is_file() for path in files)


@pytest.mark.parametrize("item", platform(), ids=lambda item: item["name"])
def test_the_platform_on_kind_differs_only_by_facts_cloud_values_and_its_own_file(tmp_path: Path, item: Any) -> None:
    on_kind, in_cloud = (application(tmp_path, kind, item) for kind in (True, False))
    charts = [made["source"]["helm"] for made in (on_kind, in_cloud)]
    charts[1].pop("parameters", None)
    if "valueFiles" in item:
        charts[0]["valueFiles"].remove("/environments/kind.yaml")
    assert [chart.pop("valuesObject") for chart in charts] == [
        item["values"],
        merged(item["values"], item.get("cloudValues", {})),
    ]
    assert on_kind == in_cloud


def merged(values: Any, over: Any) -> Any:
    if not (isinstance(values, dict) and isinstance(over, dict)):
        return over
    return values | {key: merged(values.get(key), value) for key, value in over.items()}


@pytest.mark.parametrize("item", platform(), ids=lambda item: item["name"])
def test_the_clouds_facts_reach_the_charts_that_ask_for_them(tmp_path: Path, item: Any) -> None:
    told = source(tmp_path, False, item)["helm"].get("parameters", [])
    assert {one["name"]: one["value"] for one in told} == {
        one["name"]: CLOUD[one["fact"]] for one in item.get("facts", [])
    }
    assert all(one["forceString"] for one in told)
    assert "parameters" not in source(tmp_path, True, item)["helm"]


def test_what_serves_load_balancers_and_adds_nodes_is_in_the_cloud_alone() -> None:
    for kind in (True, False):
        (generator,) = found("ApplicationSet", "platform", kind)["spec"]["generators"]
        names = {Path(file["path"]).stem for file in generator["git"]["files"]}
        assert ({"aws-load-balancer-controller", "cluster-autoscaler"} <= names) is not kind


def test_in_the_cloud_metrics_are_kept_and_alerts_reach_the_topic_of_their_severity(tmp_path: Path) -> None:
    stack = source(tmp_path, False, named("kube-prometheus-stack"))["helm"]
    made = helm_values(stack)
    (remote,) = made["prometheus"]["prometheusSpec"]["remoteWrite"]
    assert remote == {"url": CLOUD["remoteWrite"], "sigv4": {"region": CLOUD["region"]}}
    config = made["alertmanager"]["config"]
    topics = {one["name"]: [sns["topic_arn"] for sns in one.get("sns_configs", [])] for one in config["receivers"]}
    assert topics == {"nobody": [], "warning": [CLOUD["warningTopic"]], "page": [CLOUD["pageTopic"]]}
    assert config["route"]["receiver"] == "warning"
    routes = {route["receiver"]: route["matchers"] for route in config["route"]["routes"]}
    assert routes["page"] == ['severity =~ "page|critical"']
    assert set(routes) <= set(topics)
    assert "alertmanager" not in source(tmp_path, True, named("kube-prometheus-stack"))["helm"]["valuesObject"]


def helm_values(source: Any) -> Any:
    """What a chart is given in the end: Helm lays the parameters over the values."""
    made: Any = json.loads(json.dumps(source["valuesObject"]))
    for parameter in source["parameters"]:
        *path, last = [int(part) if part.isdigit() else part for part in re.findall(r"\w+", parameter["name"])]
        inner = made
        for part in path:
            inner = inner[part] if isinstance(part, int) else inner.setdefault(part, {})
        inner[last] = parameter["value"]
    return made


def test_what_a_chart_makes_anew_each_time_is_left_alone_once_it_is_there(tmp_path: Path) -> None:
    made = application(tmp_path, False, named("aws-load-balancer-controller"))
    assert {ignored["kind"] for ignored in made["ignoreDifferences"]} >= {"Secret", "ValidatingWebhookConfiguration"}
    template = found("ApplicationSet", "platform")["spec"]["template"]["spec"]
    assert "RespectIgnoreDifferences=true" in template["syncPolicy"]["syncOptions"]


def test_admission_takes_kinds_values_last_and_there_only(tmp_path: Path) -> None:
    item = named("admission")
    assert source(tmp_path, True, item)["helm"]["valueFiles"] == [*item["valueFiles"], "/environments/kind.yaml"]
    assert source(tmp_path, False, item)["helm"]["valueFiles"] == item["valueFiles"]


@pytest.mark.parametrize("environments", [("staging",), ("production",), ENVIRONMENTS])
def test_admission_is_where_production_is(environments: tuple[str, ...]) -> None:
    generators = found("ApplicationSet", "platform", environments=environments)["spec"]["generators"]
    paths = [file["path"] for file in generators[0]["git"]["files"]]
    assert ("argocd/platform/admission.yaml" in paths) == ("production" in environments)


def test_bootstrap_refuses_to_know_half_of_a_cloud() -> None:
    settings = ("--set", "repository=x", "--set", "environments={staging}", "--set", "cloud.cluster=a")
    result = run(program("helm"), "template", "b", "argocd/bootstrap", *settings)
    assert result.returncode != 0
    assert "cloud" in result.stderr


def test_bootstrap_refuses_an_unknown_environment() -> None:
    result = run(
        program("helm"), "template", "b", "argocd/bootstrap", "--set", "repository=x", "--set", "environments={test}"
    )
    assert result.returncode != 0
    assert "environments" in result.stderr


def test_both_application_sets_refuse_missing_keys() -> None:
    for name in ("credit", "platform"):
        spec = found("ApplicationSet", name)["spec"]
        assert spec["goTemplate"] is True
        assert spec["goTemplateOptions"] == ["missingkey=error"]


def test_argo_cd_is_pinned_in_one_place() -> None:
    install = yaml.safe_load((ROOT / "argocd/install.yaml").read_text())
    assert f"/{install['version']}/" in install["manifest"]
    others = run("git", "grep", "-l", r"argoproj/argocd\(:\|@\)")
    assert (others.returncode, others.stdout) == (1, ""), others.stderr
