"""What CI may do of the services beside EC2 and IAM: held to its stack by the names given there, or else by its tags.

Out of AWS's service authorization reference; what is missing shows in the first `up` as AccessDenied, which names it.
"""

from __future__ import annotations

from typing import Final

from credit_infra.constants import IMAGES, PROJECT
from credit_infra.permissions import Statement
from credit_infra.place import Place

BY_NAME: Final = ("budgets", "cloudwatch", "ecr", "eks", "logs", "rds", "s3", "secretsmanager", "sns")
BY_TAG: Final = ("aps", "grafana", "kms")
"""Whose parts AWS calls by a random id."""

ALIASES: Final = ("kms:CreateAlias", "kms:DeleteAlias", "kms:UpdateAlias")
TAGGED_AS_MADE: Final = (
    "aps:CreateWorkspace",
    "aps:TagResource",
    "grafana:CreateWorkspace",
    "grafana:TagResource",
    "kms:CreateKey",
    "kms:TagResource",
)
"""What is not there yet has no tag to go by; the request has."""

NAMELESS: Final = (
    "aps:ListWorkspaces",
    "cloudwatch:DescribeAlarms",
    "ecr:DeleteRegistryPolicy",
    "ecr:DescribeRegistry",
    "ecr:GetRegistryPolicy",
    "ecr:PutRegistryPolicy",
    "ecr:PutReplicationConfiguration",
    "eks:DescribeAddonVersions",
    "eks:DescribeClusterVersions",
    "grafana:ListWorkspaces",
    "kms:ListAliases",
    "kms:ListKeys",
    "logs:CreateLogDelivery",
    "logs:DeleteLogDelivery",
    "logs:DescribeLogGroups",
    "logs:DescribeResourcePolicies",
    "logs:GetLogDelivery",
    "logs:ListLogDeliveries",
    "logs:PutResourcePolicy",
    "logs:UpdateLogDelivery",
    "rds:Describe*",
    "sns:GetSubscriptionAttributes",
    "sns:SetSubscriptionAttributes",
    "sns:Unsubscribe",
)
"""What AWS grants for the whole account or not at all."""


def tags(place: Place, of: str) -> dict[str, str]:
    """The stack's tags as conditions; `of` is ResourceTag or RequestTag."""
    return {f"aws:{of}/Project": PROJECT, f"aws:{of}/Stack": place.stack}


def statements(place: Place) -> list[Statement]:
    """All of it, in the stack's region and in that of budgets."""
    here = {"aws:RequestedRegion": [place.region, "us-east-1"]}
    ours = {"StringEquals": here | tags(place, "ResourceTag")}
    new = {"StringEquals": here | tags(place, "RequestTag")}
    return [
        Statement(
            "ByName", [*(f"{service}:*" for service in BY_NAME), *ALIASES], _named(place), {"StringEquals": here}
        ),
        Statement("ByTag", [f"{service}:*" for service in BY_TAG], ["*"], ours),
        Statement("TaggedAsMade", TAGGED_AS_MADE, ["*"], new),
        Statement("Nameless", NAMELESS, ["*"], {"StringEquals": here}),
    ]


def _named(place: Place) -> list[str]:
    cluster, all_ours = place.name("cluster"), place.name("*")
    parts = ("access-entry", "addon", "nodegroup", "podidentityassociation")
    resources = {
        "cloudwatch": [f"alarm:{all_ours}"],
        "ecr": [f"repository/{image}" for image in IMAGES],
        "eks": [f"cluster/{cluster}", *(f"{part}/{cluster}/*" for part in parts)],
        "kms": [f"alias/{all_ours}"],
        "logs": [f"log-group:/aws/eks/{cluster}/*", f"log-group:/{PROJECT}/{place.stack}/*"],
        # Pulumi adds to the names of the two groups; a new instance asks for the default option group as well.
        "rds": [f"db:{all_ours}", f"snapshot:{all_ours}", "pg:database-*", "subgrp:database-*", "og:default*"],
        # RDS keeps the master's password in a secret that it names itself.
        "secretsmanager": [f"secret:{PROJECT}/{place.stack}/*", "secret:rds!*"],
        "sns": [all_ours],
    }
    regional = [place.arn(service, name) for service, names in resources.items() for name in names]
    return [
        *regional,
        f"arn:aws:budgets::{place.account}:budget/{all_ours}",
        f"arn:aws:s3:::{all_ours}-{place.account}",
    ]
