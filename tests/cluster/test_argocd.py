from pathlib import Path

import yaml

from credit_delivery.cluster.argocd import adapted

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
