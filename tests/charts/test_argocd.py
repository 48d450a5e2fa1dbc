import re
from typing import Any

import pytest
import yaml

from .rendering import CHARTS, ENVIRONMENTS, REPOSITORY, ROOT, bootstrap, everything, program, run, targets

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


def test_a_mirror_replaces_every_public_chart_repository() -> None:
    mirrored = str(bootstrap(False, mirror="http://mirror.example"))
    assert "http://mirror.example" in mirrored
    assert not [item["repository"] for item in platform() if "chart" in item and item["repository"] in mirrored]


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
