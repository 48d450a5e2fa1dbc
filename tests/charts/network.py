"""Who may reach whom, computed from rendered NetworkPolicies as a cluster that enforces them would decide.

Policies are additive: a pod that none selects is open; else only what some policy allows. Both ends must agree.
"""

import ipaddress
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Endpoint:
    """A pod, with or without a known address, or an address outside the cluster (then without namespace)."""

    name: str
    namespace: str = ""
    labels: Mapping[str, str] = field(default_factory=dict, hash=False)
    address: str = ""
    ports: Mapping[str, int] = field(default_factory=dict, hash=False)


def reaches(source: Endpoint, destination: Endpoint, port: int, policies: Iterable[Mapping[str, Any]]) -> bool:
    found = list(policies)
    leaves = _allowed(source, destination, destination, port, "Egress", "egress", "to", found)
    enters = _allowed(destination, source, destination, port, "Ingress", "ingress", "from", found)
    return leaves and enters


def _allowed(
    subject: Endpoint,
    peer: Endpoint,
    destination: Endpoint,
    port: int,
    direction: str,
    section: str,
    side: str,
    policies: list[Mapping[str, Any]],
) -> bool:
    applying = [
        policy for policy in policies if direction in policy["spec"]["policyTypes"] and _selects(policy, subject)
    ]
    if not applying or not subject.namespace:
        return True
    rules = [(policy, rule) for policy in applying for rule in policy["spec"].get(section, [])]
    return any(
        _port(rule.get("ports"), destination, port)
        and (side not in rule or any(_peer(entry, peer, policy) for entry in rule[side]))
        for policy, rule in rules
    )


def _selects(policy: Mapping[str, Any], pod: Endpoint) -> bool:
    here = policy["metadata"]["namespace"] == pod.namespace
    return here and _matches(policy["spec"]["podSelector"], pod.labels)


def _matches(selector: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    assert selector.keys() <= {"matchLabels"}, "expressions are not computed here"
    wanted: Mapping[str, str] = selector.get("matchLabels", {})
    return wanted.items() <= labels.items()


def _peer(entry: Mapping[str, Any], peer: Endpoint, policy: Mapping[str, Any]) -> bool:
    if "ipBlock" in entry:
        return bool(peer.address) and _in_block(entry["ipBlock"], peer.address)
    if not peer.namespace:
        return False
    if "namespaceSelector" in entry:
        namespace = _matches(entry["namespaceSelector"], {"kubernetes.io/metadata.name": peer.namespace})
    else:
        namespace = peer.namespace == policy["metadata"]["namespace"]
    return namespace and _matches(entry.get("podSelector", {}), peer.labels)


def _in_block(block: Mapping[str, Any], address: str) -> bool:
    wanted = ipaddress.ip_address(address)
    excepted = any(wanted in ipaddress.ip_network(cidr) for cidr in block.get("except", []))
    return wanted in ipaddress.ip_network(block["cidr"]) and not excepted


def _port(ports: list[Mapping[str, Any]] | None, destination: Endpoint, port: int) -> bool:
    if ports is None:
        return True
    numbers = [
        destination.ports.get(entry["port"]) if isinstance(entry["port"], str) else entry["port"] for entry in ports
    ]
    return port in numbers
