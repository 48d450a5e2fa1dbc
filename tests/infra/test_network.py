"""Subnet arithmetic for any VPC, and what the recorded networks let in and out."""

from __future__ import annotations

from ipaddress import IPv4Network
from itertools import combinations
from typing import Any

import pulumi
import pytest
from hypothesis import given, settings, strategies as st
from pydantic import ValidationError
from stacks import statements

from credit_infra.addresses import NARROWEST_PRIVATE_PREFIX, carve, narrowest_vpc
from credit_infra.network import Network
from credit_infra.network_config import NetworkConfig
from credit_infra.place import Place
from credit_infra.recording import Recording, record_with
from credit_infra.roles import Roles

GOOD: dict[str, Any] = {
    "region": "eu-central-1",
    "cidr": "10.20.0.0/16",
    "serviceCidr": "172.20.0.0/16",
    "zones": ["eu-central-1a", "eu-central-1b", "eu-central-1c"],
    "natGateways": "one",
    "flowLogDays": 30,
}


@st.composite
def networks(draw: st.DrawFn) -> tuple[IPv4Network, list[str]]:
    zones = [f"eu-central-1{letter}" for letter in "abcdef"[: draw(st.integers(3, 6))]]
    prefix = draw(st.integers(16, narrowest_vpc(len(zones))))
    within = draw(
        st.sampled_from([IPv4Network("10.0.0.0/8"), IPv4Network("172.16.0.0/12"), IPv4Network("192.168.0.0/16")])
    )
    number = draw(st.integers(0, 2 ** (prefix - within.prefixlen) - 1))
    return IPv4Network((int(within.network_address) + number * 2 ** (32 - prefix), prefix)), zones


@given(networks())
def test_subnets_are_inside_disjoint_and_sized(network: tuple[IPv4Network, list[str]]) -> None:
    vpc, zones = network
    shares = carve(vpc, zones)
    subnets = [subnet for share in shares for subnet in (share.private, share.public, share.intra)]
    assert [share.zone for share in shares] == zones
    assert all(subnet.subnet_of(vpc) for subnet in subnets)
    assert not any(one.overlaps(other) for one, other in combinations(subnets, 2))
    assert all(share.private.prefixlen <= NARROWEST_PRIVATE_PREFIX for share in shares)
    assert all(
        share.public.num_addresses == share.intra.num_addresses == share.private.num_addresses // 2 for share in shares
    )


@given(networks())
def test_a_fourth_zone_moves_no_subnet(network: tuple[IPv4Network, list[str]]) -> None:
    vpc, _ = network
    zones = ["a", "b", "c", "d"]
    assert carve(vpc, zones)[:3] == carve(vpc, zones[:3])


@settings(max_examples=6, deadline=None)
@given(networks(), st.sampled_from(["one", "per-zone"]))
def test_what_is_asked_for_is_what_was_computed(network: tuple[IPv4Network, list[str]], nat: str) -> None:
    vpc, zones = network
    services = "172.20.0.0/16" if vpc.subnet_of(IPv4Network("10.0.0.0/8")) else "10.100.0.0/16"
    config = NetworkConfig.model_validate(
        GOOD | {"cidr": str(vpc), "serviceCidr": services, "zones": zones, "natGateways": nat}
    )
    place = Place("staging", "111111111111", "eu-central-1")

    def program() -> None:
        Network(config, place, Roles(place), pulumi.Output.from_input("key"))

    recording = record_with("staging", {}, program, preview=False)
    made = {entry.name: entry.inputs["cidrBlock"] for entry in recording.of("aws:ec2/subnet:Subnet")}
    wanted = {
        f"{tier}-{share.zone}": str(getattr(share, tier))
        for share in config.subnets
        for tier in ("public", "private", "intra")
    }
    assert made == wanted
    assert len(list(recording.of("aws:ec2/natGateway:NatGateway"))) == (1 if nat == "one" else len(zones))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"cidr": "8.8.0.0/16"}, "cidr 8.8.0.0/16 is public: take a part of 10.0.0.0/8, such as 10.20.0.0/16"),
        ({"serviceCidr": "44.0.0.0/16"}, "serviceCidr 44.0.0.0/16 is public"),
        ({"cidr": "172.20.0.0/16"}, "cidr 172.20.0.0/16 overlaps serviceCidr 172.20.0.0/16: move one of them"),
        ({"peers": ["10.20.128.0/20"]}, r"cidr 10.20.0.0/16 overlaps peers\[0\] 10.20.128.0/20"),
        ({"cidr": "10.20.0.0/20"}, "its prefix must be /16 to /19, such as 10.20.0.0/16"),
        ({"cidr": "10.0.0.0/8"}, "its prefix must be /16 to /19"),
        ({"zones": ["eu-central-1a", "eu-central-1b"]}, "name 3 to 6 different zones, such as"),
        ({"zones": ["eu-central-1a", "eu-central-1a", "eu-central-1b"]}, "name 3 to 6 different zones"),
        (
            {"zones": ["eu-west-1a", "eu-central-1b", "eu-central-1c"]},
            r"zones \['eu-west-1a'\] are not of eu-central-1",
        ),
        ({"region": "eu-centrel-1"}, "region 'eu-centrel-1' is unknown: write one of"),
        ({"serviceCidr": "172.20.0.0/28"}, "Kubernetes takes /12 to /24"),
        ({"nat": "one"}, "Extra inputs are not permitted"),
    ],
)
def test_a_network_that_cannot_work_is_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        NetworkConfig.model_validate(GOOD | change)


def test_only_the_load_balancer_hears_everybody(cloud: Recording) -> None:
    rules = list(cloud.of("aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"))
    everybody = [rule for rule in rules if rule.inputs.get("cidrIpv4") == "0.0.0.0/0"]
    assert [(rule.name, rule.inputs["fromPort"], rule.inputs["toPort"]) for rule in everybody] == [
        ("load-balancer-https", 443, 443)
    ]
    assert not any(group.inputs.get("ingress") for group in cloud.of("aws:ec2/securityGroup:SecurityGroup"))


def test_the_default_security_group_is_closed(cloud: Recording) -> None:
    closed = cloud.one("aws:ec2/defaultSecurityGroup:DefaultSecurityGroup", "default")
    assert (closed.inputs["ingress"], closed.inputs["egress"]) == ([], [])


def test_load_balancers_find_their_subnets(cloud: Recording) -> None:
    for subnet in cloud.of("aws:ec2/subnet:Subnet"):
        tags = subnet.inputs["tags"]
        assert ("kubernetes.io/role/elb" in tags) == subnet.name.startswith("public")
        assert ("kubernetes.io/role/internal-elb" in tags) == subnet.name.startswith("private")
        assert subnet.inputs["mapPublicIpOnLaunch"] is False


def test_ways_out_per_tier(cloud: Recording) -> None:
    tables = {table.name: table.inputs["routes"] for table in cloud.of("aws:ec2/routeTable:RouteTable")}
    assert tables["intra"] == []
    assert tables["public"][0]["gatewayId"] == "InternetGateway/internet"
    private = [routes[0]["natGatewayId"] for name, routes in tables.items() if name.startswith("private")]
    assert len(set(private)) == {"staging": 1, "production": 3}[cloud.stack]


def test_services_are_reached_without_the_internet(cloud: Recording) -> None:
    endpoints = {
        entry.inputs["serviceName"].split(".", 3)[3]: entry.inputs
        for entry in cloud.of("aws:ec2/vpcEndpoint:VpcEndpoint")
    }
    assert set(endpoints) == {"s3", "ecr.api", "ecr.dkr", "sts", "logs"}
    assert endpoints["s3"]["vpcEndpointType"] == "Gateway"
    assert len(endpoints["s3"]["routeTableIds"]) == 4
    assert all(len(inputs["subnetIds"]) == 3 for name, inputs in endpoints.items() if name != "s3")


def test_flow_logs_are_kept_sealed_and_written_by_a_role_that_can_do_nothing_else(cloud: Recording) -> None:
    logs = cloud.one("aws:cloudwatch/logGroup:LogGroup", "flow-logs")
    assert logs.inputs["kmsKeyId"]
    assert cloud.one("aws:ec2/flowLog:FlowLog", "flow-logs").inputs["trafficType"] == "ALL"
    actions = statements(cloud.one("aws:iam/rolePolicy:RolePolicy", "flow-logs"))[0]["Action"]
    assert all(action.startswith("logs:") for action in actions)
