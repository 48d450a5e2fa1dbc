"""The customer-managed keys: one for the cluster, one for data, one for logs and alarms."""

from __future__ import annotations

import pulumi
import pulumi_aws as aws
from pulumi import Output, ResourceOptions

from credit_infra.permissions import Statement, document
from credit_infra.place import Place

USE = ["kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:DescribeKey"]
THIS_KEY = ["*"]
"""In a key's policy, `*` is the key itself."""


class Encryption(pulumi.ComponentResource):
    """KMS keys with yearly rotation; deleting one would lose what it encrypts, so all are protected."""

    cluster_key_arn: Output[str]
    """Kubernetes Secrets and the nodes' disks."""
    data_key_arn: Output[str]
    """Buckets, the database, images, secrets."""
    logs_key_arn: Output[str]
    """Log groups, alarm topics and metrics."""

    def __init__(self, place: Place, opts: ResourceOptions | None = None) -> None:
        super().__init__("credit:infra:Encryption", "encryption", None, opts)
        self._place = place
        service_roles = f"arn:aws:iam::{place.account}:role/aws-service-role"
        autoscaling = f"{service_roles}/autoscaling.amazonaws.com/AWSServiceRoleForAutoScaling"
        aws_itself = {"Bool": {"kms:GrantIsForAWSResource": "true"}}
        # Without this grant, managed node groups cannot attach encrypted disks and stay empty. KMS refuses to name a
        # role that is not there: bootstrap/state.sh makes it.
        self.cluster_key_arn = self._key(
            "cluster",
            Statement("NodeDisks", USE, THIS_KEY, principal={"AWS": autoscaling}),
            Statement("NodeDiskGrants", ["kms:CreateGrant"], THIS_KEY, aws_itself, principal={"AWS": autoscaling}),
        )
        self.data_key_arn = self._key("data")
        ours = {"ArnLike": {"kms:EncryptionContext:aws:logs:arn": place.arn("logs", "log-group:*")}}
        account = {"StringEquals": {"aws:SourceAccount": place.account}}
        senders = {"Service": ["cloudwatch.amazonaws.com", "budgets.amazonaws.com"]}
        self.logs_key_arn = self._key(
            "logs",
            Statement("Logs", USE, THIS_KEY, ours, principal={"Service": f"logs.{place.region}.amazonaws.com"}),
            Statement("Alarms", ["kms:Decrypt", "kms:GenerateDataKey*"], THIS_KEY, account, principal=senders),
        )
        self.register_outputs({})

    def _key(self, purpose: str, *uses: Statement) -> Output[str]:
        owner = {"AWS": f"arn:aws:iam::{self._place.account}:root"}
        key = aws.kms.Key(
            f"{purpose}-key",
            description=f"Credit platform, {self._place.stack}: {purpose}",
            enable_key_rotation=True,
            deletion_window_in_days=30,
            policy=document(Statement("Account", ["kms:*"], THIS_KEY, principal=owner), *uses),
            tags=self._place.tags("encryption", f"{purpose}-key"),
            opts=ResourceOptions(parent=self, protect=True, retain_on_delete=True),
        )
        aws.kms.Alias(
            f"{purpose}-key",
            name=f"alias/{self._place.name(purpose)}",
            target_key_id=key.key_id,
            opts=ResourceOptions(parent=self),
        )
        return key.arn
