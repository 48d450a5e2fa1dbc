"""How the stack's IAM roles are made: all alike, and none beyond the boundary."""

from __future__ import annotations

import pulumi
import pulumi_aws as aws
from pulumi import Output, ResourceOptions

from credit_infra.permissions import Statement, document
from credit_infra.place import Place

WORKLOAD_SERVICES = (
    "acm",
    "aps",
    "autoscaling",
    "cloudwatch",
    "ec2",
    "ecr",
    "eks",
    "eks-auth",
    "elasticloadbalancing",
    "kms",
    "logs",
    "s3",
    "secretsmanager",
    "sns",
)
"""The most that any role of a service or workload could ever be given."""


class Roles(pulumi.ComponentResource):
    """The permissions boundary, and the maker of roles that carry it."""

    def __init__(self, place: Place, opts: ResourceOptions | None = None) -> None:
        super().__init__("credit:infra:Roles", "roles", None, opts)
        self._place = place
        most = Statement(
            "Workloads",
            [f"{service}:*" for service in WORKLOAD_SERVICES],
            ["*"],
            {"StringEquals": {"aws:RequestedRegion": place.region}},
        )
        # The control plane makes the service-linked role of load balancers on first use.
        linked = Statement(
            "ServiceLinkedRoles",
            ["iam:CreateServiceLinkedRole"],
            [f"arn:aws:iam::{place.account}:role/aws-service-role/*"],
        )
        boundary = aws.iam.Policy(
            "boundary",
            name=place.name("boundary"),
            policy=document(most, linked),
            tags=place.tags("roles", "boundary"),
            opts=ResourceOptions(parent=self),
        )
        self._boundary_arn = boundary.arn
        self.register_outputs({})

    def make(self, name: str, component: str, trust: Output[str], parent: pulumi.Resource) -> aws.iam.Role:
        """A role called `name` that belongs to `component` and can be taken by whom `trust` says."""
        return aws.iam.Role(
            name,
            name=self._place.name(name),
            assume_role_policy=trust,
            permissions_boundary=self._boundary_arn,
            tags=self._place.tags(component, name),
            opts=ResourceOptions(parent=parent),
        )
