from pathlib import Path

import pytest
import yaml

from credit_delivery.cluster import argocd, git_server
from credit_delivery.cluster.argocd import adapted

from .conftest import Program

ABOUT = yaml.safe_load((Path(__file__).parents[2] / "argocd/install.yaml").read_text())
MANIFEST = [
    {"kind": "ConfigMap", "metadata": {"name": "argocd-cm"}},
    {"kind": "ConfigMap", "metadata": {"name": "argocd-rbac-cm"}},
    {"kind": "Deployment", "metadata": {"name": "argocd-dex-server"}, "spec": {}},
    {"kind": "Deployment", "metadata": {"name": "argocd-server"}, "spec": {"replicas": 1}},
]


def test_what_nobody_uses_is_left_out() -> None:
    assert "argocd-dex-server" not in {found["metadata"]["name"] for found in adapted(MANIFEST, ABOUT)}


def test_settings_reach_their_config_map_and_no_other() -> None:
    data = {found["metadata"]["name"]: found.get("data") for found in adapted(MANIFEST, ABOUT)}
    assert data["argocd-cm"] == ABOUT["settings"]["argocd-cm"]
    assert data["argocd-rbac-cm"] is None


def test_all_else_stays_and_is_put_in_its_namespace() -> None:
    (server,) = [found for found in adapted(MANIFEST, ABOUT) if found["metadata"]["name"] == "argocd-server"]
    assert server["spec"] == {"replicas": 1}
    assert server["metadata"]["namespace"] == "argocd"


@pytest.fixture
def applied(program: Program, tmp_path: Path) -> Path:
    """Where a kubectl that obeys leaves what it was given."""
    program("kubectl", f"#!/bin/sh\n[ $3 != apply ] || cat > {tmp_path}/applied\n")
    return tmp_path / "applied"


def test_the_git_server_runs_the_image_of_the_argo_cd_that_is_installed(
    applied: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = "registry.site.example/mirror/argocd:v9.9.9"
    pods = {"template": {"spec": {"containers": [{"name": "argocd-repo-server", "image": image}]}}}
    of_the_site = [
        {"kind": "Service", "metadata": {"name": "argocd-repo-server"}, "spec": {}},
        {"kind": "Deployment", "metadata": {"name": "argocd-repo-server"}, "spec": pods},
    ]
    (tmp_path / "manifest.yaml").write_text(f"---\n# a mirror's\n---\n{yaml.safe_dump_all(of_the_site)}")
    monkeypatch.setenv("ARGOCD_MANIFEST", str(tmp_path / "manifest.yaml"))
    git_server.start(argocd.image())
    (server,) = [found for found in yaml.safe_load_all(applied.read_text()) if found["kind"] == "StatefulSet"]
    assert [container["image"] for container in server["spec"]["template"]["spec"]["containers"]] == [image]
