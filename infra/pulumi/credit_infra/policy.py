"""What no stack may do, as rules over the resources it asks for.

The same rules run in tests, over the recorded program, and in `pulumi preview --policy-pack policy`, over what the
engine was asked for. The checks themselves are in `policy_checks`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from credit_infra import policy_checks as checks
from credit_infra.policy_checks import (
    BUCKET,
    CLUSTER,
    DATABASE,
    DATABASE_SETTINGS,
    KEY,
    KEY_PROPERTY,
    LAUNCH_TEMPLATE,
    LOG_GROUP,
    METRICS,
    REPOSITORY,
    VAULT,
    Resource,
    differences,
    statements,
)

DATA = (METRICS, REPOSITORY, KEY, DATABASE, BUCKET, VAULT)
"""Types that hold what nobody can make again."""

LONG_LIVED_KEYS = ("aws:iam/accessKey:AccessKey", "aws:iam/user:User")
POLICIES = (
    "aws:iam/groupPolicy:GroupPolicy",
    "aws:iam/policy:Policy",
    "aws:iam/rolePolicy:RolePolicy",
    "aws:iam/userPolicy:UserPolicy",
)
ATTACHMENTS = (
    "aws:iam/groupPolicyAttachment:GroupPolicyAttachment",
    "aws:iam/policyAttachment:PolicyAttachment",
    "aws:iam/role:Role",
    "aws:iam/rolePolicyAttachment:RolePolicyAttachment",
    "aws:iam/rolePolicyAttachmentsExclusive:RolePolicyAttachmentsExclusive",
    "aws:iam/userPolicyAttachment:UserPolicyAttachment",
)
INGRESS = (
    "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup",
    "aws:ec2/securityGroup:SecurityGroup",
    "aws:ec2/securityGroupRule:SecurityGroupRule",
    "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule",
)


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule for single resources of some types; without types, for all of AWS."""

    name: str
    check: Callable[[Resource], Iterable[str]]
    types: Sequence[str] = ()

    @property
    def description(self) -> str:
        """The rule in a sentence: its check's docstring."""
        return (self.check.__doc__ or "").strip()

    def violations(self, resource: Resource) -> list[str]:
        """What is wrong with `resource`; empty when nothing is, or when the rule is not about its type."""
        concerns = resource.type in self.types if self.types else resource.type.startswith("aws:")
        return list(self.check(resource)) if concerns else []


RULES = (
    Rule("tags", checks.tagged),
    Rule("customer-key", checks.customer_key, tuple(KEY_PROPERTY)),
    Rule("database", checks.database, (DATABASE,)),
    Rule("forced-tls", checks.forced_tls, (DATABASE_SETTINGS,)),
    Rule("registry", checks.registry, (REPOSITORY,)),
    Rule("cluster", checks.cluster, (CLUSTER,)),
    Rule("machines", checks.machines, (LAUNCH_TEMPLATE,)),
    Rule("ingress", checks.ingress, INGRESS),
    Rule("rights", checks.rights, POLICIES),
    Rule("attached", checks.attached, ATTACHMENTS),
    Rule("no-long-lived-keys", checks.never, LONG_LIVED_KEYS),
    Rule("rotation", checks.rotation, (KEY,)),
    Rule("retention", checks.retention, (LOG_GROUP,)),
    Rule("protected", checks.protected, DATA),
)


@dataclass(frozen=True, slots=True)
class Side:
    """A resource that another must have at its side: S3 keeps what makes a bucket safe in resources of their own."""

    type: str
    wanted: Mapping[str, Any]


BUCKET_SIDES = (
    Side(
        "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock",
        {"blockPublicAcls": True, "blockPublicPolicy": True, "ignorePublicAcls": True, "restrictPublicBuckets": True},
    ),
    Side("aws:s3/bucketVersioning:BucketVersioning", {"versioningConfiguration": {"status": "Enabled"}}),
    Side(
        "aws:s3/bucketOwnershipControls:BucketOwnershipControls", {"rule": {"objectOwnership": "BucketOwnerEnforced"}}
    ),
    Side("aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration", {}),
    Side("aws:s3/bucketPolicy:BucketPolicy", {}),
)


def bucket_violations(resources: Sequence[Resource]) -> Iterator[tuple[str, str]]:
    """Buckets that lack one of their sides: pairs of the bucket's name and what is wrong."""
    for bucket in (resource for resource in resources if resource.type == BUCKET):
        name = bucket.properties.get("bucket")
        for side in BUCKET_SIDES:
            beside = [r for r in resources if r.type == side.type and r.properties.get("bucket") == name]
            if not beside:
                yield bucket.name, f"{side.type.split(':')[-1]} is missing"
            for problem in differences(beside[0].properties, side.wanted) if beside else ():
                yield bucket.name, f"{side.type.split(':')[-1]}: {problem}"
            if beside and side.type.endswith("BucketPolicy") and not _refuses_http(beside[0]):
                yield bucket.name, "BucketPolicy lets plain HTTP in: deny aws:SecureTransport false"


def violations(resources: Sequence[Resource]) -> list[str]:
    """Every violation in a whole stack, one line each."""
    single = [
        f"{resource.type} {resource.name}: {rule.name}: {problem}"
        for resource in resources
        for rule in RULES
        for problem in rule.violations(resource)
    ]
    return single + [f"{BUCKET} {name}: buckets: {problem}" for name, problem in bucket_violations(resources)]


def _refuses_http(policy: Resource) -> bool:
    for statement in statements(policy):
        plain = (statement.get("Condition") or {}).get("Bool", {}).get("aws:SecureTransport") == "false"
        if statement["Effect"] == "Deny" and plain and statement["Principal"] == "*" and "s3:*" in statement["Action"]:
            return True
    return False
