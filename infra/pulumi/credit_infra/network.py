"""The VPC: subnets in three tiers, ways out, flow logs, and the load balancer's door. Endpoints are in `endpoints`.

public  load balancers and NAT gateways
private nodes and pods; out through NAT
intra   the database and the control plane's interfaces; no way out
"""

from __future__ import annotations

from typing import Any

import pulumi
import pulumi_aws as aws
from pulumi import Output, ResourceOptions

from credit_infra.addresses import ZoneSubnets
from credit_infra.constants import ANYWHERE, HTTPS_PORT
from credit_infra.endpoints import Endpoints
from credit_infra.network_config import NetworkConfig
from credit_infra.permissions import Statement, document, trust_service
from credit_infra.place import Place
from credit_infra.roles import Roles

TIER_TAGS = {
    "public": {"kubernetes.io/role/elb": "1"},
    "private": {"kubernetes.io/role/internal-elb": "1"},
    "intra": {},
}
"""The AWS load balancer controller finds its subnets by these."""


class Network(pulumi.ComponentResource):
    """VPC over three or more zones."""

    vpc_id: Output[str]
    public_subnet_ids: list[Output[str]]
    private_subnet_ids: list[Output[str]]
    intra_subnet_ids: list[Output[str]]
    load_balancer_security_group_id: Output[str]
    nat_gateways: dict[str, Output[str]]
    """NAT gateway id by zone."""

    def __init__(
        self,
        config: NetworkConfig,
        place: Place,
        roles: Roles,
        logs_key_arn: Output[str],
        opts: ResourceOptions | None = None,
    ) -> None:
        super().__init__("credit:infra:Network", "network", None, opts)
        self._place = place
        self._child = ResourceOptions(parent=self)
        self._vpc = aws.ec2.Vpc(
            "vpc",
            cidr_block=str(config.cidr),
            enable_dns_support=True,
            enable_dns_hostnames=True,
            tags=self._tags("vpc"),
            opts=self._child,
        )
        self.vpc_id = self._vpc.id
        public, private, intra = (self._tier(name, config.subnets) for name in TIER_TAGS)
        self.public_subnet_ids = [subnet.id for subnet in public]
        self.private_subnet_ids = [subnet.id for subnet in private]
        self.intra_subnet_ids = [subnet.id for subnet in intra]
        self.nat_gateways = {}
        route_table_ids = self._routes(config, public, private, intra)
        self._flow_logs(config.flow_log_days, logs_key_arn, roles)
        self.load_balancer_security_group_id = self._security_groups()
        Endpoints(config, place, self._vpc.id, self.private_subnet_ids, route_table_ids, opts=self._child)
        self.register_outputs({"vpcId": self.vpc_id})

    def exports(self) -> dict[str, pulumi.Input[Any]]:
        """Stack outputs, for charts, CI and people."""
        return {"vpcId": self.vpc_id, "loadBalancerSecurityGroup": self.load_balancer_security_group_id}

    def _tags(self, what: str) -> dict[str, str]:
        return self._place.tags("network", what)

    def _tier(self, tier: str, zones: tuple[ZoneSubnets, ...]) -> list[aws.ec2.Subnet]:
        return [
            aws.ec2.Subnet(
                f"{tier}-{subnets.zone}",
                vpc_id=self._vpc.id,
                availability_zone=subnets.zone,
                cidr_block=str(getattr(subnets, tier)),
                map_public_ip_on_launch=False,
                tags=self._tags(f"{tier}-{subnets.zone}") | TIER_TAGS[tier],
                opts=self._child,
            )
            for subnets in zones
        ]

    def _routes(
        self,
        config: NetworkConfig,
        public: list[aws.ec2.Subnet],
        private: list[aws.ec2.Subnet],
        intra: list[aws.ec2.Subnet],
    ) -> list[Output[str]]:
        """Route tables of the private and intra tiers, which the gateway endpoint of S3 joins."""
        internet = aws.ec2.InternetGateway(
            "internet", vpc_id=self._vpc.id, tags=self._tags("internet"), opts=self._child
        )
        self._table("public", public, aws.ec2.RouteTableRouteArgs(cidr_block=ANYWHERE, gateway_id=internet.id))
        with_nat = config.zones if config.nat_gateways == "per-zone" else config.zones[:1]
        self.nat_gateways = {
            zone: self._nat(zone, subnet) for zone, subnet in zip(with_nat, public[: len(with_nat)], strict=True)
        }
        tables = [self._table("intra", intra)]
        for zone, subnet in zip(config.zones, private, strict=True):
            nat = self.nat_gateways.get(zone, self.nat_gateways[config.zones[0]])
            way_out = aws.ec2.RouteTableRouteArgs(cidr_block=ANYWHERE, nat_gateway_id=nat)
            tables.append(self._table(f"private-{zone}", [subnet], way_out))
        return tables

    def _table(self, name: str, subnets: list[aws.ec2.Subnet], *routes: aws.ec2.RouteTableRouteArgs) -> Output[str]:
        table = aws.ec2.RouteTable(
            name, vpc_id=self._vpc.id, routes=list(routes), tags=self._tags(name), opts=self._child
        )
        for number, subnet in enumerate(subnets):
            aws.ec2.RouteTableAssociation(
                f"{name}-{number}", route_table_id=table.id, subnet_id=subnet.id, opts=self._child
            )
        return table.id

    def _nat(self, zone: str, subnet: aws.ec2.Subnet) -> Output[str]:
        address = aws.ec2.Eip(f"nat-{zone}", domain="vpc", tags=self._tags(f"nat-{zone}"), opts=self._child)
        return aws.ec2.NatGateway(
            f"nat-{zone}",
            subnet_id=subnet.id,
            allocation_id=address.id,
            tags=self._tags(f"nat-{zone}"),
            opts=self._child,
        ).id

    def _flow_logs(self, days: int, key_arn: Output[str], roles: Roles) -> None:
        group = aws.cloudwatch.LogGroup(
            "flow-logs",
            name=f"/credit/{self._place.stack}/flow-logs",
            retention_in_days=days,
            kms_key_id=key_arn,
            tags=self._tags("flow-logs"),
            opts=self._child,
        )
        role = roles.make("flow-logs", "network", trust_service("vpc-flow-logs.amazonaws.com"), self)
        actions = ["logs:CreateLogStream", "logs:PutLogEvents", "logs:DescribeLogStreams"]
        write = Statement("WriteFlowLogs", actions, [Output.concat(group.arn, ":*")])
        aws.iam.RolePolicy("flow-logs", role=role.id, policy=document(write), opts=self._child)
        aws.ec2.FlowLog(
            "flow-logs",
            vpc_id=self._vpc.id,
            traffic_type="ALL",
            log_destination=group.arn,
            iam_role_arn=role.arn,
            tags=self._tags("flow-logs"),
            opts=self._child,
        )

    def _security_groups(self) -> Output[str]:
        # Whatever is launched without a group lands in the default one: it may talk to nobody.
        aws.ec2.DefaultSecurityGroup(
            "default", vpc_id=self._vpc.id, ingress=[], egress=[], tags=self._tags("default"), opts=self._child
        )
        door = aws.ec2.SecurityGroup(
            "load-balancer",
            description="HTTPS from anywhere to the load balancer, and from it to pods",
            vpc_id=self._vpc.id,
            tags=self._tags("load-balancer"),
            opts=self._child,
        )
        aws.vpc.SecurityGroupIngressRule(
            "load-balancer-https",
            security_group_id=door.id,
            description="HTTPS from anywhere",
            cidr_ipv4=ANYWHERE,
            ip_protocol="tcp",
            from_port=HTTPS_PORT,
            to_port=HTTPS_PORT,
            tags=self._tags("load-balancer-https"),
            opts=self._child,
        )
        aws.vpc.SecurityGroupEgressRule(
            "load-balancer-pods",
            security_group_id=door.id,
            description="To pods in the VPC",
            cidr_ipv4=self._vpc.cidr_block,
            ip_protocol="-1",
            tags=self._tags("load-balancer-pods"),
            opts=self._child,
        )
        return door.id
