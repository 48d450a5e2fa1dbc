"""Private ways to the AWS services that every node needs, so that a broken NAT gateway stops no image pull."""

from __future__ import annotations

import pulumi
import pulumi_aws as aws
from pulumi import Output, ResourceOptions

from credit_infra.constants import HTTPS_PORT
from credit_infra.network_config import NetworkConfig
from credit_infra.place import Place

INTERFACES = ("ecr.api", "ecr.dkr", "sts", "logs")


class Endpoints(pulumi.ComponentResource):
    """Gateway endpoint of S3, interface endpoints of ECR, STS and CloudWatch Logs."""

    def __init__(
        self,
        config: NetworkConfig,
        place: Place,
        vpc_id: Output[str],
        subnet_ids: list[Output[str]],
        route_table_ids: list[Output[str]],
        opts: ResourceOptions | None = None,
    ) -> None:
        super().__init__("credit:infra:Endpoints", "endpoints", None, opts)
        child = ResourceOptions(parent=self)
        aws.ec2.VpcEndpoint(
            "s3",
            vpc_id=vpc_id,
            service_name=f"com.amazonaws.{place.region}.s3",
            vpc_endpoint_type="Gateway",
            route_table_ids=route_table_ids,
            tags=place.tags("network", "endpoint-s3"),
            opts=child,
        )
        group_id = self._security_group(config, place, vpc_id)
        for service in INTERFACES:
            aws.ec2.VpcEndpoint(
                service.replace(".", "-"),
                vpc_id=vpc_id,
                service_name=f"com.amazonaws.{place.region}.{service}",
                vpc_endpoint_type="Interface",
                private_dns_enabled=True,
                subnet_ids=subnet_ids,
                security_group_ids=[group_id],
                tags=place.tags("network", f"endpoint-{service}"),
                opts=child,
            )
        self.register_outputs({})

    def _security_group(self, config: NetworkConfig, place: Place, vpc_id: Output[str]) -> Output[str]:
        child = ResourceOptions(parent=self)
        group = aws.ec2.SecurityGroup(
            "endpoints",
            description="HTTPS from the VPC to interface endpoints",
            vpc_id=vpc_id,
            tags=place.tags("network", "endpoints"),
            opts=child,
        )
        aws.vpc.SecurityGroupIngressRule(
            "endpoints-https",
            security_group_id=group.id,
            description="HTTPS from the VPC",
            cidr_ipv4=str(config.cidr),
            ip_protocol="tcp",
            from_port=HTTPS_PORT,
            to_port=HTTPS_PORT,
            tags=place.tags("network", "endpoints-https"),
            opts=child,
        )
        return group.id
