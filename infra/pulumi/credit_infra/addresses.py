"""Subnet arithmetic: how a VPC's address range is shared between zones. Knows no cloud and makes no resource."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network

PRIVATE_RANGES = tuple(IPv4Network(cidr) for cidr in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"))
MINIMUM_ZONES, MAXIMUM_ZONES = 3, 6
WIDEST_PREFIX = 16
"""AWS allows no VPC wider than this."""

NARROWEST_PRIVATE_PREFIX = 22
"""Pods take addresses of the private subnet: 1 019 per zone carry about 30 nodes of 30 pods."""


@dataclass(frozen=True, slots=True)
class ZoneSubnets:
    """The three subnets of one zone: half for private (nodes, pods), a quarter each for public and intra."""

    zone: str
    private: IPv4Network
    public: IPv4Network
    intra: IPv4Network


def zone_bits(zones: int) -> int:
    """Address bits that tell the zones apart; room for a fourth zone is kept, so that adding one moves nothing."""
    return 2 if zones <= 4 else 3


def narrowest_vpc(zones: int) -> int:
    """The longest prefix of a VPC whose private subnets are still large enough."""
    return NARROWEST_PRIVATE_PREFIX - 1 - zone_bits(zones)


def carve(vpc: IPv4Network, zones: Sequence[str]) -> tuple[ZoneSubnets, ...]:
    """Share `vpc` between `zones`: equal blocks, disjoint, in the order given."""
    blocks = vpc.subnets(prefixlen_diff=zone_bits(len(zones)))
    shares = []
    for zone, block in zip(zones, blocks, strict=False):
        private, rest = block.subnets()
        public, intra = rest.subnets()
        shares.append(ZoneSubnets(zone, private, public, intra))
    return tuple(shares)


def is_private(cidr: IPv4Network) -> bool:
    """Whether the whole range is private (RFC 1918)."""
    return any(cidr.subnet_of(private) for private in PRIVATE_RANGES)
