"""GitHub Actions' way in: OIDC roles that live for one job.

CI cannot change its own roles or the boundary of the others: that takes a person with an administrator's role.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pulumi
import pulumi_aws as aws
from pulumi import Output, ResourceOptions
from pydantic import Field

from credit_infra import ec2_rights, service_rights
from credit_infra.model import StackPart
from credit_infra.permissions import Statement, document
from credit_infra.place import Place

ISSUER = "token.actions.githubusercontent.com"
CONTENT = (
    "ecr:BatchDeleteImage",
    "ecr:PutImage",
    "rds:ModifyDBSnapshotAttribute",
    "rds:StartExportTask",
    "s3:BypassGovernanceRetention",
    "s3:DeleteObject*",
    "s3:GetObject*",
    "s3:PutObject*",
    "secretsmanager:GetSecretValue",
    "secretsmanager:PutSecretValue",
)
"""What is in buckets, registries, databases and secrets; Pulumi makes those and never looks into them."""

REMOVAL = (
    "ecr:DeleteRepository",
    "kms:DisableKey",
    "kms:ScheduleKeyDeletion",
    "rds:DeleteDBInstance",
    "s3:DeleteBucket",
    "secretsmanager:DeleteSecret",
)
"""What would end data that the stack protects and retains."""


class ContinuousIntegrationConfig(StackPart):
    """Which repository's jobs may take the roles; `state_bucket` and `state_key_arn` come from `bootstrap/state.sh`."""

    repository: str = Field(pattern=r"^[A-Za-z0-9-]+/[A-Za-z0-9._-]+$")
    state_bucket: str
    state_key_arn: str = Field(pattern=r"^arn:aws:kms:[a-z0-9-]+:\d{12}:key/")


class ContinuousIntegration(pulumi.ComponentResource):
    """The OIDC provider, and one role per kind of job."""

    role_arns: dict[str, Output[str]]
    """`infra-preview`, `infra-up`, and `build` where images are pushed."""

    def __init__(
        self,
        config: ContinuousIntegrationConfig,
        place: Place,
        push_to: Sequence[Output[str]],
        opts: ResourceOptions | None = None,
    ) -> None:
        super().__init__("credit:infra:ContinuousIntegration", "ci", None, opts)
        self._place = place
        self._child = ResourceOptions(parent=self)
        provider = aws.iam.OpenIdConnectProvider(
            "github",
            url=f"https://{ISSUER}",
            client_id_lists=["sts.amazonaws.com"],
            tags=place.tags("ci", "github"),
            opts=self._child,
        )
        preview = f"repo:{config.repository}:environment:{place.stack}-preview"
        up = f"repo:{config.repository}:environment:{place.stack}"
        self.role_arns = {
            "infra-preview": self._role("infra-preview", provider.arn, preview, self._preview(config)),
            "infra-up": self._role("infra-up", provider.arn, up, self._up(config)),
        }
        if push_to:
            main = f"repo:{config.repository}:ref:refs/heads/main"
            self.role_arns["build"] = self._role("build", provider.arn, main, self._build(push_to))
        self.register_outputs({})

    def exports(self) -> dict[str, pulumi.Input[Any]]:
        """Stack outputs, for charts, CI and people."""
        return {"ciRoles": self.role_arns}

    def _role(self, name: str, provider_arn: Output[str], subject: str, rights: Sequence[Statement]) -> Output[str]:
        # Equality, not a pattern: `repo:org/name*` would let other repositories in.
        claims = {"StringEquals": {f"{ISSUER}:aud": "sts.amazonaws.com", f"{ISSUER}:sub": subject}}
        trust = Statement(
            "GitHub", ["sts:AssumeRoleWithWebIdentity"], conditions=claims, principal={"Federated": provider_arn}
        )
        role = aws.iam.Role(
            name,
            name=self._place.name(name),
            assume_role_policy=document(trust),
            max_session_duration=3600,
            tags=self._place.tags("ci", name),
            opts=self._child,
        )
        aws.iam.RolePolicy(name, role=role.id, policy=document(*rights), opts=self._child)
        return role.arn

    def _build(self, push_to: Sequence[Output[str]]) -> list[Statement]:
        push = [
            f"ecr:{verb}"
            for verb in (
                "BatchCheckLayerAvailability",
                "BatchGetImage",
                "CompleteLayerUpload",
                "GetDownloadUrlForLayer",
                "InitiateLayerUpload",
                "PutImage",
                "UploadLayerPart",
            )
        ]
        # A token to log in knows no resource; what it opens is said by the second statement.
        return [Statement("LogIn", ["ecr:GetAuthorizationToken"], ["*"]), Statement("Push", push, push_to)]

    def _state(self, config: ContinuousIntegrationConfig, *actions: str) -> list[Statement]:
        bucket = f"arn:aws:s3:::{config.state_bucket}"
        use = ["kms:Decrypt", "kms:Encrypt", "kms:GenerateDataKey"]
        return [
            Statement("ListState", ["s3:ListBucket"], [bucket]),
            Statement("State", actions, [f"{bucket}/*"]),
            Statement("StateKey", use if len(actions) > 1 else use[:1], [config.state_key_arn]),
        ]

    def _preview(self, config: ContinuousIntegrationConfig) -> list[Statement]:
        cluster = self._place.arn("eks", f"cluster/{self._place.name('cluster')}")
        return [*self._state(config, "s3:GetObject"), Statement("Cluster", ["eks:DescribeCluster"], [cluster])]

    def _up(self, config: ContinuousIntegrationConfig) -> list[Statement]:
        account = f"arn:aws:iam::{self._place.account}"
        ours = [f"{account}:role/{self._place.name('*')}", f"{account}:policy/{self._place.name('*')}"]
        boundary = f"{account}:policy/{self._place.name('boundary')}"
        bounded = {"StringEquals": {"iam:PermissionsBoundary": boundary}}
        here = {"StringEquals": {"aws:RequestedRegion": self._place.region}}
        removed = {"StringEquals": here["StringEquals"] | service_rights.tags(self._place, "ResourceTag")}
        template = self._place.arn("ec2", "launch-template/*")
        fixed = [
            boundary,
            *(f"{account}:role/{self._place.name(job)}" for job in ("build", "infra-preview", "infra-up")),
        ]
        write_role = ["iam:CreateRole", "iam:PutRolePolicy", "iam:AttachRolePolicy", "iam:DetachRolePolicy"]
        keep_role = ["iam:DeleteRole", "iam:DeleteRolePolicy", "iam:TagRole", "iam:UntagRole", "iam:UpdateRole"]
        change = ["iam:Create*", "iam:Put*", "iam:Attach*", "iam:Detach*", "iam:Delete*", "iam:Update*", "iam:Set*"]
        return [
            *self._state(config, "s3:GetObject", "s3:PutObject", "s3:DeleteObject"),
            *service_rights.statements(self._place),
            Statement("Network", ec2_rights.actions(), ["*"], here),
            Statement("NetworkRemoval", ec2_rights.removals(), ["*"], removed),
            # EKS tries the template in the name of whoever asks for nodes.
            Statement("TryTemplates", ["ec2:RunInstances"], ["*"], {"ArnLike": {"ec2:LaunchTemplate": template}}),
            Statement("ReadRoles", ["iam:Get*", "iam:List*"], [*ours, f"{account}:oidc-provider/{ISSUER}"]),
            Statement("WriteRoles", write_role, ours[:1], bounded),
            Statement("KeepRoles", [*keep_role, "iam:UpdateAssumeRolePolicy"], ours[:1]),
            Statement("PassRoles", ["iam:PassRole"], ours[:1]),
            # A job that could widen its own role would have every right.
            Statement("NotOwnRoles", change, fixed, effect="Deny"),
            # Applicants and passwords are nobody's business who makes networks.
            Statement("NotContent", CONTENT, self._holding(), effect="Deny"),
            Statement("NotRemoval", REMOVAL, self._kept(), effect="Deny"),
        ]

    def _holding(self) -> list[str]:
        """What the stack keeps data in, by the names that it gets; the state's bucket is none of it."""
        buckets = f"arn:aws:s3:::{self._place.name('*')}-{self._place.account}/*"
        others = {"ecr": "repository/*", "rds": "snapshot:*", "secretsmanager": "secret:*"}
        return [buckets, *(self._place.arn(service, resource) for service, resource in others.items())]

    def _kept(self) -> list[str]:
        """What outlives the stack: buckets, registries, keys, the database, secrets."""
        buckets = f"arn:aws:s3:::{self._place.name('*')}-{self._place.account}"
        others = {"ecr": "repository/*", "kms": "key/*", "rds": "db:*", "secretsmanager": "secret:*"}
        return [buckets, *(self._place.arn(service, resource) for service, resource in others.items())]
