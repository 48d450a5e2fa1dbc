"""Where a stack lands, and what everything in it is called and tagged. Makes no resource."""

from __future__ import annotations

from dataclasses import dataclass

from credit_infra.constants import PROJECT

REQUIRED_TAGS = ("Project", "Stack", "Component", "ManagedBy", "Name")


@dataclass(frozen=True, slots=True)
class Place:
    """One stack in one account and region; an account holds one stack, so names need no account in them."""

    stack: str
    account: str
    region: str

    def name(self, what: str) -> str:
        """The physical name of something that others address by name."""
        return f"{PROJECT}-{self.stack}-{what}"

    def tags(self, component: str, what: str) -> dict[str, str]:
        """Tags for one resource; costs are read per `Component`."""
        values = (PROJECT, self.stack, component, "pulumi", self.name(what))
        return dict(zip(REQUIRED_TAGS, values, strict=True))

    def arn(self, service: str, resource: str) -> str:
        """The ARN of a regional resource of this account."""
        return f"arn:aws:{service}:{self.region}:{self.account}:{resource}"
