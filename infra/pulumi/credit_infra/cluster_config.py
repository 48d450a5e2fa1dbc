"""What a stack may say about its cluster and its nodes, and what is refused before anything is planned."""

from __future__ import annotations

from ipaddress import IPv4Network
from typing import Literal, Self

from pydantic import Field, model_validator

from credit_infra.model import StackPart

NARROWEST_ACCESS = 16
"""A public endpoint open to more than 65 536 addresses is open to strangers."""


class NodeGroupConfig(StackPart):
    """One managed node group; the autoscaler moves the size between `minimum` and `maximum`."""

    name: str = Field(pattern=r"^[a-z][a-z0-9-]*$")
    capacity: Literal["ON_DEMAND", "SPOT"]
    instance_types: tuple[str, ...] = Field(min_length=1)
    minimum: int = Field(ge=0)
    maximum: int = Field(ge=1)
    disk_gib: int = Field(ge=20)

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.minimum > self.maximum:
            raise ValueError(f"node group {self.name}: minimum {self.minimum} is above maximum {self.maximum}")
        if self.capacity == "SPOT" and len(self.instance_types) < 3:
            raise ValueError(f"node group {self.name}: spot needs 3 or more instanceTypes, or one shortage empties it")
        return self


class ClusterConfig(StackPart):
    """One EKS cluster.

    `public_access` lists who may reach the API from outside the VPC; empty turns the public endpoint off.
    `administrators` and `viewers` are ARNs of IAM roles of people.
    """

    public_access: tuple[IPv4Network, ...] = ()
    administrators: tuple[str, ...] = Field(min_length=1)
    viewers: tuple[str, ...] = ()
    log_days: int = Field(ge=1)
    node_groups: tuple[NodeGroupConfig, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        for cidr in self.public_access:
            if cidr.prefixlen < NARROWEST_ACCESS:
                raise ValueError(
                    f"publicAccess {cidr} is wider than /{NARROWEST_ACCESS}: write the office's or VPN's own range, "
                    "such as 203.0.113.0/24, or leave the list empty"
                )
        if all(group.capacity == "SPOT" or not group.minimum for group in self.node_groups):
            raise ValueError("nodeGroups: one ON_DEMAND group needs minimum 1 or more, or nothing survives a shortage")
        return self
