"""A month's cost, estimated from the resources that a stack asks for and the prices in `prices.yaml`.

Does not know what AWS really charges: prices are from memory, and what is metered is assumed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import yaml

from credit_infra.errors import DocumentError
from credit_infra.recording import PROJECT_ROOT, Recorded, Recording

COUNTED = {
    "aws:eks/cluster:Cluster": ("Kubernetes control plane", "cluster"),
    "aws:ec2/natGateway:NatGateway": ("NAT gateways", "nat_gateway"),
    "aws:ec2/eip:Eip": ("Public addresses", "public_address"),
    "aws:kms/key:Key": ("Keys", "key"),
    "aws:secretsmanager/secret:Secret": ("Secrets", "secret"),
    "aws:cloudwatch/metricAlarm:MetricAlarm": ("Alarms", "alarm"),
}
"""Types that cost by their number: label and price."""

METERED = {
    "grafana_editor": "Grafana editors (assumed)",
    "nat_gib": "GiB through NAT (assumed)",
    "log_gib": "GiB of logs taken in (assumed)",
    "object_gib": "GiB in buckets (assumed)",
    "image_gib": "GiB of images (assumed)",
    "million_samples": "Million samples of metrics (assumed)",
}


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the estimate; `month` in US dollars."""

    what: str
    quantity: float
    month: float


def prices() -> dict[str, Any]:
    """The price list as it is in the repository."""
    loaded: dict[str, Any] = yaml.safe_load((PROJECT_ROOT / "prices.yaml").read_text())
    return loaded


def estimate(recording: Recording, listed: dict[str, Any]) -> list[Line]:
    """The lines of one stack's month, at the node groups' smallest size.

    Raises DocumentError when something that costs has no price.
    """
    lines: dict[str, Line] = {}
    for what, quantity, price in (*_by_resource(recording), *_by_meter(recording.stack, listed)):
        month = quantity * _monthly(price, listed)
        before = lines.get(what, Line(what, 0, 0))
        lines[what] = Line(what, before.quantity + quantity, before.month + month)
    return sorted(lines.values(), key=lambda line: line.what)


def _by_resource(recording: Recording) -> Iterator[tuple[str, float, str]]:
    """Label, quantity and price of what costs by being there."""
    disks = {template.name: _disk_gib(template) for template in recording.of("aws:ec2/launchTemplate:LaunchTemplate")}
    for resource in recording.resources:
        inputs = resource.inputs
        if resource.type in COUNTED:
            what, price = COUNTED[resource.type]
            yield what, 1, price
        elif resource.type == "aws:ec2/vpcEndpoint:VpcEndpoint":
            yield "Interface endpoints × zones", len(inputs.get("subnetIds", ())), "interface_endpoint"
        elif resource.type == "aws:eks/nodeGroup:NodeGroup":
            nodes = inputs["scalingConfig"]["minSize"]
            yield f"Nodes, {resource.name} ({inputs['instanceTypes'][0]})", nodes, inputs["instanceTypes"][0]
            yield "GiB of node disks", nodes * disks[resource.name], "disk_gib"
        elif resource.type == "aws:rds/instance:Instance":
            copies = 2 if inputs["multiAz"] else 1
            yield f"Database, with standby ({inputs['instanceClass']})", copies, inputs["instanceClass"]
            yield "GiB of database disks", copies * inputs["allocatedStorage"], "database_gib"


def _by_meter(stack: str, listed: dict[str, Any]) -> Iterator[tuple[str, float, str]]:
    for price, quantity in listed["usage"][stack].items():
        yield METERED[price], quantity, price


def _disk_gib(template: Recorded) -> float:
    return sum(float(mapping["ebs"]["volumeSize"]) for mapping in template.inputs["blockDeviceMappings"])


def _monthly(price: str, listed: dict[str, Any]) -> float:
    if price in listed["monthly"]:
        return float(listed["monthly"][price])
    if price in listed["hourly"]:
        return float(listed["hourly"][price]) * float(listed["hours"])
    raise DocumentError(f"prices.yaml: no price for {price!r}: add it under hourly or monthly")
