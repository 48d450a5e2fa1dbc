from pathlib import Path

import yaml

from credit_delivery.cluster import secrets

STACK = Path(__file__).parents[2] / "argocd/platform/kube-prometheus-stack.yaml"


def test_grafana_has_a_password_of_its_own_under_the_names_that_its_chart_is_told() -> None:
    stack = yaml.safe_load(STACK.read_text())
    told = stack["values"]["grafana"]["admin"]
    made, another = secrets.grafana(), secrets.grafana()
    assert made["metadata"] == {"name": told["existingSecret"], "namespace": stack["namespace"]}
    assert made["stringData"].keys() == {told["userKey"], told["passwordKey"]}
    assert made["stringData"][told["passwordKey"]] != another["stringData"][told["passwordKey"]]
