"""Buckets for models, reports and the decision archive. Who may read or write them is in `identity`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import pulumi
import pulumi_aws as aws
from pulumi import Output, ResourceOptions
from pydantic import Field

from credit_infra.model import StackPart
from credit_infra.permissions import Statement, document
from credit_infra.place import Place

COLD_AFTER_DAYS = 90
"""An auditor's question about an older decision may cost a cent more."""

SHORTEST_ARCHIVE_DAYS = 760
"""25 months: how long 12 CFR 1002.12(b) wants the records of an application kept."""


class StorageConfig(StackPart):
    """How long objects stay. `lock` is S3's: nobody shortens COMPLIANCE, not even the account's owner."""

    noncurrent_days: int = Field(ge=7)
    report_days: int = Field(ge=30)
    archive_days: int = Field(ge=SHORTEST_ARCHIVE_DAYS)
    lock: Literal["GOVERNANCE", "COMPLIANCE"]
    lock_days: int = Field(ge=1)


@dataclass(frozen=True, slots=True)
class BucketRef:
    """A bucket, for policies and outputs."""

    name: Output[str]
    arn: Output[str]


class Storage(pulumi.ComponentResource):
    """Versioned, encrypted, private, TLS-only buckets."""

    models: BucketRef
    reports: BucketRef
    archive: BucketRef

    def __init__(
        self, config: StorageConfig, place: Place, key_arn: Output[str], opts: ResourceOptions | None = None
    ) -> None:
        super().__init__("credit:infra:Storage", "storage", None, opts)
        self._place = place
        self._child = ResourceOptions(parent=self)
        self._key_arn = key_arn
        self._noncurrent_days = config.noncurrent_days
        # Models have no end: a decision of any age must be replayable.
        self.models = self._bucket("models", None)
        self.reports = self._bucket("reports", config.report_days)
        self.archive = self._bucket("archive", config.archive_days, lock=config)
        self.register_outputs({})

    def exports(self) -> dict[str, pulumi.Input[Any]]:
        """Stack outputs, for charts, CI and people."""
        return {"buckets": {"models": self.models.name, "reports": self.reports.name, "archive": self.archive.name}}

    def _bucket(self, purpose: str, expire_days: int | None, lock: StorageConfig | None = None) -> BucketRef:
        """One bucket with all that makes it safe; a locked one also turns cold with age."""
        bucket = aws.s3.Bucket(
            purpose,
            bucket=f"{self._place.name(purpose)}-{self._place.account}",
            object_lock_enabled=lock is not None,
            tags=self._place.tags("storage", purpose),
            opts=ResourceOptions(parent=self, protect=True, retain_on_delete=True),
        )
        versioning = aws.s3.BucketVersioning(
            purpose, bucket=bucket.bucket, versioning_configuration={"status": "Enabled"}, opts=self._child
        )
        aws.s3.BucketServerSideEncryptionConfiguration(
            purpose,
            bucket=bucket.bucket,
            rules=[
                {
                    "apply_server_side_encryption_by_default": {
                        "sse_algorithm": "aws:kms",
                        "kms_master_key_id": self._key_arn,
                    },
                    "bucket_key_enabled": True,
                }
            ],
            opts=self._child,
        )
        self._close(purpose, bucket)
        self._age(purpose, bucket, expire_days, lock, ResourceOptions(parent=self, depends_on=[versioning]))
        return BucketRef(bucket.bucket, bucket.arn)

    def _age(
        self,
        purpose: str,
        bucket: aws.s3.Bucket,
        expire_days: int | None,
        lock: StorageConfig | None,
        opts: ResourceOptions,
    ) -> None:
        """What happens to objects with time; needs versioning to be on."""
        aws.s3.BucketLifecycleConfiguration(
            purpose,
            bucket=bucket.bucket,
            rules=[
                {
                    "id": purpose,
                    "status": "Enabled",
                    "filter": {"prefix": ""},
                    "abort_incomplete_multipart_upload": {"days_after_initiation": 7},
                    "noncurrent_version_expiration": {"noncurrent_days": self._noncurrent_days},
                    "transitions": [{"days": COLD_AFTER_DAYS, "storage_class": "GLACIER_IR"}] if lock else [],
                    "expiration": {"days": expire_days} if expire_days else None,
                }
            ],
            opts=opts,
        )
        if lock is not None:
            aws.s3.BucketObjectLockConfiguration(
                purpose,
                bucket=bucket.bucket,
                rule={"default_retention": {"mode": lock.lock, "days": lock.lock_days}},
                opts=opts,
            )

    def _close(self, purpose: str, bucket: aws.s3.Bucket) -> None:
        """No public access, no foreign owner, no plain HTTP."""
        aws.s3.BucketPublicAccessBlock(
            purpose,
            bucket=bucket.bucket,
            block_public_acls=True,
            block_public_policy=True,
            ignore_public_acls=True,
            restrict_public_buckets=True,
            opts=self._child,
        )
        aws.s3.BucketOwnershipControls(
            purpose, bucket=bucket.bucket, rule={"object_ownership": "BucketOwnerEnforced"}, opts=self._child
        )
        plain_http = Statement(
            "RefusePlainHttp",
            ["s3:*"],
            [bucket.arn, Output.concat(bucket.arn, "/*")],
            {"Bool": {"aws:SecureTransport": "false"}},
            principal="*",
            effect="Deny",
        )
        aws.s3.BucketPolicy(purpose, bucket=bucket.bucket, policy=document(plain_http), opts=self._child)
