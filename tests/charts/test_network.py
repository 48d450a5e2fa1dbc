"""The declared table of who may reach whom, in the cloud and on kind: computed, no cluster was seen to enforce it."""

import dataclasses
import ipaddress
from typing import Any

import pytest
import yaml

from credit_delivery.cluster import nodes

from .network import Endpoint, reaches
from .rendering import ENVIRONMENTS, WORKLOADS, containers, pod_template, render, targets

LOAD_BALANCER = {"staging": "10.20.33.7", "production": "10.30.33.7"}
DATABASE = {"staging": "10.20.49.9", "production": "10.30.49.9"}

# From each to what it may reach, within one environment; whatever is not here must be refused.
BOTH = {
    ("scoring-api/server", "dns", 53),
    ("scoring-api/server", "database", 5432),
    ("scoring-api/migration", "dns", 53),
    ("scoring-api/migration", "database", 5432),
    ("scoring-api/golden-check", "scoring-api/server", 8000),
    ("scoring-api/golden-check", "dns", 53),
    ("scoring-api/golden-check", "database", 5432),
    ("tracking/server", "database", 5432),
    ("tracking/server", "dns", 53),
    ("drift-monitor/server", "database", 5432),
    ("drift-monitor/server", "dns", 53),
    ("drift-monitor/server", "internet", 443),
    ("drift-monitor/server", "api-server", 6443),
    ("drift-monitor/retrain", "tracking/server", 5000),
    ("drift-monitor/retrain", "database", 5432),
    ("drift-monitor/retrain", "dns", 53),
    ("drift-monitor/retrain", "internet", 443),
    ("drift-monitor/retrain", "api-server", 6443),
    ("load-balancer", "scoring-api/server", 8000),
    ("prometheus", "drift-monitor/server", 8090),
    ("prometheus", "scoring-api/server", 8000),
}
# Buckets, the rights to use them, and the job that fills the archive.
IN_CLOUD = BOTH | {
    ("tracking/server", "internet", 443),
    ("tracking/server", "pod-identity", 80),
    ("drift-monitor/server", "pod-identity", 80),
    ("drift-monitor/retrain", "pod-identity", 80),
    ("drift-monitor/archive", "pod-identity", 80),
    ("drift-monitor/archive", "internet", 443),
    ("drift-monitor/archive", "api-server", 6443),
    ("drift-monitor/archive", "database", 5432),
    ("drift-monitor/archive", "dns", 53),
}
# The database is a pod; and by the node port comes whoever reaches a node, the API server for one, but no pod.
OUTSIDE = ("laptop", "node", "api-server", "database", "internet", "pod-identity")
ON_KIND = BOTH | {(outside, "scoring-api/server", 8000) for outside in OUTSIDE}
ON_KIND |= {(source, "postgres/server", port) for source, to, port in BOTH if to == "database"}
POD_SUBNET = ipaddress.ip_network(yaml.safe_load(nodes.CONFIG.read_text())["networking"]["podSubnet"])


def outsiders(environment: str) -> list[Endpoint]:
    prometheus = {"app.kubernetes.io/name": "prometheus"}
    return [
        Endpoint("dns", "kube-system", {"k8s-app": "kube-dns"}, ports={"dns": 53}),
        Endpoint("prometheus", "monitoring", prometheus, ports={"web": 9090}),
        Endpoint("monitoring-other", "monitoring", {}),
        Endpoint("stranger", environment, {"app.kubernetes.io/name": "stranger"}),
        Endpoint("load-balancer", address=LOAD_BALANCER[environment]),
        Endpoint("database", address=DATABASE[environment], ports={"postgres": 5432}),
        Endpoint("api-server", address="172.18.0.5", ports={"https": 6443}),
        Endpoint("pod-identity", address="169.254.170.23", ports={"http": 80}),
        Endpoint("internet", address="203.0.113.5", ports={"https": 443, "smtp": 25}),
        Endpoint("laptop", address="172.18.0.1"),
        Endpoint("node", address="172.18.0.4"),
    ]


def pods(environment: str, kind: bool = False) -> list[Endpoint]:
    found = []
    for target in targets():
        if target.environment == environment and target.kind == kind:
            for workload in (item for item in render(target) if item["kind"] in WORKLOADS):
                template = pod_template(workload)
                labels = template["metadata"]["labels"]
                ports = {
                    port["name"]: port["containerPort"]
                    for container in containers(template)
                    for port in container.get("ports", [])
                }
                component = labels["app.kubernetes.io/component"]
                found.append(Endpoint(f"{target.application}/{component}", environment, labels, ports=ports))
    return found


def with_addresses(endpoints: list[Endpoint]) -> list[Endpoint]:
    """As kind's network sees them, which asks pods for their address too."""
    addresses = POD_SUBNET.hosts()
    return [dataclasses.replace(e, address=str(next(addresses))) if e.namespace else e for e in endpoints]


def policies(environment: str, kind: bool = False) -> list[dict[str, Any]]:
    return [
        found | {"metadata": found["metadata"] | {"namespace": environment}}
        for target in targets()
        if target.environment == environment and target.kind == kind
        for found in render(target)
        if found["kind"] == "NetworkPolicy"
    ]


def open_ones(everybody: list[Endpoint], rules: list[dict[str, Any]]) -> set[tuple[str, str, int]]:
    """From and to the pods of our charts, which are called `application/component`."""
    return {
        (source.name, destination.name, port)
        for source in everybody
        for destination in everybody
        for port in destination.ports.values()
        if source is not destination and "/" in source.name + destination.name
        if reaches(source, destination, port, rules)
    }


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_only_the_declared_connections_are_possible(environment: str) -> None:
    assert open_ones([*pods(environment), *outsiders(environment)], policies(environment)) == IN_CLOUD
    everybody = with_addresses([*pods(environment, kind=True), *outsiders(environment)])
    assert open_ones(everybody, policies(environment, kind=True)) == ON_KIND


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_environments_cannot_reach_each_other(environment: str) -> None:
    other = next(name for name in ENVIRONMENTS if name != environment)
    rules = [*policies(environment), *policies(other)]
    for source in pods(environment):
        for destination in pods(other):
            for port in destination.ports.values():
                assert not reaches(source, destination, port, rules), (source.name, destination.name)
