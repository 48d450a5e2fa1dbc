"""What a stack may say about its network, and what is refused before anything is planned."""

from __future__ import annotations

from ipaddress import IPv4Network
from itertools import combinations
from typing import Literal, Self

import pulumi_aws as aws
from pydantic import Field, model_validator

from credit_infra.addresses import (
    MAXIMUM_ZONES,
    MINIMUM_ZONES,
    WIDEST_PREFIX,
    ZoneSubnets,
    carve,
    is_private,
    narrowest_vpc,
)
from credit_infra.model import StackPart

REGIONS = frozenset(region.value for region in aws.Region)


class NetworkConfig(StackPart):
    """Address ranges, zones and ways out of one VPC.

    `service_cidr` is Kubernetes' own range for Services; `peers` are networks that are routed to this one,
    such as an office or another stack. None of them may overlap.
    """

    region: str
    cidr: IPv4Network
    service_cidr: IPv4Network
    peers: tuple[IPv4Network, ...] = ()
    zones: tuple[str, ...]
    nat_gateways: Literal["one", "per-zone"]
    flow_log_days: int = Field(ge=1)

    @model_validator(mode="after")
    def _usable(self) -> Self:
        self._check_zones()
        self._check_sizes()
        ranges = {"cidr": self.cidr, "serviceCidr": self.service_cidr}
        for name, cidr in ranges.items():
            if not is_private(cidr):
                raise ValueError(f"{name} {cidr} is public: take a part of 10.0.0.0/8, such as 10.20.0.0/16")
        ranges |= {f"peers[{i}]": peer for i, peer in enumerate(self.peers)}
        for (name, cidr), (other, taken) in combinations(ranges.items(), 2):
            if cidr.overlaps(taken):
                raise ValueError(f"{name} {cidr} overlaps {other} {taken}: move one of them to a free range")
        return self

    def _check_zones(self) -> None:
        if self.region not in REGIONS:
            raise ValueError(f"region {self.region!r} is unknown: write one of {', '.join(sorted(REGIONS))}")
        if not MINIMUM_ZONES <= len(set(self.zones)) == len(self.zones) <= MAXIMUM_ZONES:
            raise ValueError(
                f"zones {list(self.zones)}: name {MINIMUM_ZONES} to {MAXIMUM_ZONES} different zones, "
                f"such as {[self.region + letter for letter in 'abc']}"
            )
        if strangers := [z for z in self.zones if z[:-1] != self.region or not z[-1].islower()]:
            raise ValueError(f"zones {strangers} are not of {self.region}: write them as {self.region}a")

    def _check_sizes(self) -> None:
        narrowest = narrowest_vpc(len(self.zones))
        if not WIDEST_PREFIX <= self.cidr.prefixlen <= narrowest:
            raise ValueError(
                f"cidr {self.cidr} with {len(self.zones)} zones: "
                f"its prefix must be /{WIDEST_PREFIX} to /{narrowest}, such as {self.cidr.network_address}/16"
            )
        if not 12 <= self.service_cidr.prefixlen <= 24:
            raise ValueError(f"serviceCidr {self.service_cidr}: Kubernetes takes /12 to /24, such as 172.20.0.0/16")

    @property
    def subnets(self) -> tuple[ZoneSubnets, ...]:
        """The subnets of every zone, in the order of `zones`."""
        return carve(self.cidr, self.zones)
