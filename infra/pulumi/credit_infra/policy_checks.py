"""The checks behind `policy`: each looks at one resource and gives one sentence per violation.

Knows the engine's property names (camelCase) and what is safe; which check is for which type is said in `policy`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from ipaddress import ip_network
from typing import Any

from credit_infra.addresses import WIDEST_PREFIX
from credit_infra.constants import ANYWHERE, HTTPS_PORT, SIGNATURE_TAGS
from credit_infra.place import REQUIRED_TAGS

METRICS = "aws:amp/workspace:Workspace"
LOG_GROUP = "aws:cloudwatch/logGroup:LogGroup"
LAUNCH_TEMPLATE = "aws:ec2/launchTemplate:LaunchTemplate"
REPOSITORY = "aws:ecr/repository:Repository"
CLUSTER = "aws:eks/cluster:Cluster"
KEY = "aws:kms/key:Key"
DATABASE = "aws:rds/instance:Instance"
DATABASE_SETTINGS = "aws:rds/parameterGroup:ParameterGroup"
BUCKET = "aws:s3/bucket:Bucket"
VAULT = "aws:secretsmanager/secret:Secret"
TOPIC = "aws:sns/topic:Topic"

UNTAGGED = frozenset(
    {
        "aws:ec2/routeTableAssociation:RouteTableAssociation",
        "aws:ecr/lifecyclePolicy:LifecyclePolicy",
        "aws:ecr/registryPolicy:RegistryPolicy",
        "aws:ecr/replicationConfiguration:ReplicationConfiguration",
        "aws:eks/accessPolicyAssociation:AccessPolicyAssociation",
        "aws:iam/rolePolicy:RolePolicy",
        "aws:iam/rolePolicyAttachment:RolePolicyAttachment",
        "aws:kms/alias:Alias",
        "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration",
        "aws:s3/bucketObjectLockConfiguration:BucketObjectLockConfiguration",
        "aws:s3/bucketOwnershipControls:BucketOwnershipControls",
        "aws:s3/bucketPolicy:BucketPolicy",
        "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock",
        "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration",
        "aws:s3/bucketVersioning:BucketVersioning",
        "aws:sns/topicPolicy:TopicPolicy",
        "aws:sns/topicSubscription:TopicSubscription",
    }
)
"""Types that AWS cannot tag."""

KEY_PROPERTY = {
    METRICS: "kmsKeyArn",
    LOG_GROUP: "kmsKeyId",
    DATABASE: "kmsKeyId",
    VAULT: "kmsKeyId",
    TOPIC: "kmsMasterKeyId",
}
"""Where a type names its customer-managed key."""

MANAGED_POLICIES = frozenset(
    f"arn:aws:iam::aws:policy/{name}"
    for name in (
        "AmazonEC2ContainerRegistryPullOnly",
        "AmazonEKSClusterPolicy",
        "AmazonEKSWorkerNodePolicy",
        "AmazonEKS_CNI_Policy",
        "service-role/AmazonEBSCSIDriverPolicy",
        "service-role/AmazonRDSEnhancedMonitoringRole",
    )
)
"""AWS's own policies that may be attached: what is in the others, nobody here has read."""

WIDEST = {4: WIDEST_PREFIX, 6: 56}
"""The shortest prefix that a VPC may have, by version of IP: a wider range holds strangers."""


@dataclass(frozen=True, slots=True)
class Resource:
    """One resource as the engine sees it."""

    type: str
    name: str
    properties: Mapping[str, Any]
    protect: bool


def tagged(resource: Resource) -> Iterator[str]:
    """Every resource says whose it is and what it is for."""
    tags = resource.properties.get("tags") or {}
    if resource.type not in UNTAGGED and (missing := [tag for tag in REQUIRED_TAGS if not tags.get(tag)]):
        yield f"tags {missing} are missing: take them from place.tags()"


def customer_key(resource: Resource) -> Iterator[str]:
    """Data at rest is encrypted by a key of ours."""
    if not resource.properties.get(KEY_PROPERTY[resource.type]):
        yield f"{KEY_PROPERTY[resource.type]} is missing: give one of Encryption's keys"


def database(resource: Resource) -> Iterator[str]:
    """Databases are encrypted, private and hard to delete."""
    wanted = {"storageEncrypted": True, "publiclyAccessible": False, "deletionProtection": True}
    yield from differences(resource.properties, wanted | {"manageMasterUserPassword": True, "skipFinalSnapshot": False})


def forced_tls(resource: Resource) -> Iterator[str]:
    """Databases refuse plain connections."""
    settings = {entry["name"]: entry["value"] for entry in resource.properties.get("parameters") or ()}
    if settings.get("rds.force_ssl") != "1":
        yield "rds.force_ssl is not 1: a client could send applicants in the clear"


def registry(resource: Resource) -> Iterator[str]:
    """Images are immutable, scanned and encrypted; only words about them, which are signed, may be added."""
    wanted = {"imageTagMutability": "IMMUTABLE_WITH_EXCLUSION", "imageScanningConfiguration": {"scanOnPush": True}}
    yield from differences(resource.properties, wanted)
    free = [entry.get("filter") for entry in resource.properties.get("imageTagMutabilityExclusionFilters") or ()]
    if free != [SIGNATURE_TAGS]:
        yield f"tags {free} can be moved: {SIGNATURE_TAGS} alone may, where cosign keeps signatures"
    if not any(entry.get("kmsKey") for entry in resource.properties.get("encryptionConfigurations") or ()):
        yield "kmsKey is missing: give one of Encryption's keys"


def cluster(resource: Resource) -> Iterator[str]:
    """The cluster's API is closed and its Secrets sealed."""
    network = resource.properties.get("vpcConfig") or {}
    open_to = network.get("publicAccessCidrs") or ()
    if network.get("endpointPublicAccess") and (not open_to or ANYWHERE in open_to):
        yield "the public endpoint is open to everybody: limit publicAccess or leave it empty"
    if not network.get("endpointPrivateAccess"):
        yield "the private endpoint is off: nodes would leave the VPC to reach the API"
    sealed = resource.properties.get("encryptionConfig") or {}
    if "secrets" not in list(sealed.get("resources") or ()):
        yield "Secrets are not encrypted by a key of ours: set encryptionConfig"
    access = resource.properties.get("accessConfig") or {}
    if access.get("authenticationMode") != "API":
        yield "authenticationMode is not API: who may use the cluster would be in a ConfigMap"


def machines(resource: Resource) -> Iterator[str]:
    """Nodes demand IMDSv2 and encrypted disks."""
    if (resource.properties.get("metadataOptions") or {}).get("httpTokens") != "required":
        yield "httpTokens is not required: IMDSv1 hands the node's credentials to any request"
    for mapping in resource.properties.get("blockDeviceMappings") or ():
        if str((mapping.get("ebs") or {}).get("encrypted")).lower() != "true":
            yield f"disk {mapping.get('deviceName')} is not encrypted"


def ingress(resource: Resource) -> Iterator[str]:
    """Only HTTPS at the load balancer is open to strangers."""
    # Two shapes: rules inside a group, and a rule that is a resource of its own.
    for rule in resource.properties.get("ingress") or (resource.properties,):
        ports = (rule.get("fromPort"), rule.get("toPort"))
        # Without a protocol's name the ports mean nothing: -1 is all of them.
        https = ports == (HTTPS_PORT, HTTPS_PORT) and (rule.get("ipProtocol") or rule.get("protocol")) == "tcp"
        for source in _strangers(rule) if rule.get("type") != "egress" else ():
            if not (https and resource.name.startswith("load-balancer")):
                yield f"ports {ports} are open to {source}: only {HTTPS_PORT} at the load balancer may be"


def rights(resource: Resource) -> Iterator[str]:
    """No right is everything."""
    for statement in statements(resource):
        if statement["Effect"] == "Allow":
            yield from _allowed(statement, grants=resource.type != "aws:iam/policy:Policy")


def attached(resource: Resource) -> Iterator[str]:
    """No role has rights that the other rules do not read."""
    properties = resource.properties
    for key in ("policyArn", "policyArns", "managedPolicyArns"):
        for arn in _listed(properties.get(key)):
            if arn not in MANAGED_POLICIES:
                yield f"{arn} is attached: write the rights as a RolePolicy, or read it and add it to MANAGED_POLICIES"
    if properties.get("inlinePolicies"):
        yield "inlinePolicies is set: make each a RolePolicy"


def never(resource: Resource) -> Iterator[str]:
    """No credential outlives its job."""
    yield f"{resource.type} would be a key that lives for ever: use Pod Identity or OIDC"


def rotation(resource: Resource) -> Iterator[str]:
    """Keys rotate."""
    yield from differences(resource.properties, {"enableKeyRotation": True})


def retention(resource: Resource) -> Iterator[str]:
    """Logs have an end."""
    if not resource.properties.get("retentionInDays"):
        yield "retentionInDays is missing: logs would be kept, and paid for, for ever"


def protected(resource: Resource) -> Iterator[str]:
    """What holds data is protected."""
    if not resource.protect:
        yield "protect is off: one wrong `up` would delete data"


def statements(resource: Resource) -> list[Mapping[str, Any]]:
    """The statements of its policy: IAM takes a lone one without a list, too."""
    text = resource.properties.get("policy")
    said = json.loads(text)["Statement"] if text else []
    return [said] if isinstance(said, Mapping) else said


def differences(properties: Mapping[str, Any], wanted: Mapping[str, Any]) -> Iterator[str]:
    """Where `properties` are not as wanted, however deep."""
    for key, value in wanted.items():
        found = properties.get(key)
        if isinstance(value, Mapping):
            yield from (f"{key}.{problem}" for problem in differences(found or {}, value))
        elif found != value:
            yield f"{key} is {found!r}: set it to {value!r}"


def _allowed(statement: Mapping[str, Any], *, grants: bool) -> Iterator[str]:
    """What is wrong with a statement that allows; the boundary's does not grant, and may hold a whole region."""
    where = f"statement {statement.get('Sid')}"
    actions, resources = _listed(statement.get("Action")), _listed(statement.get("Resource"))
    if inverse := [key for key in ("NotAction", "NotResource") if key in statement]:
        yield f"{where} allows all but what {inverse} names: name what it allows"
    if any(_all(action) for action in actions):
        yield f"{where} allows every action: name them"
    asked = {key for keys in (statement.get("Condition") or {}).values() for key in keys}
    # A region holds everything of the account.
    bounds = asked - {"aws:RequestedRegion"} if grants else asked
    if "*" in resources and not bounds and any(_all(action.partition(":")[2]) for action in actions):
        yield f"{where} allows a whole service everywhere: name resources, or tags"


def _all(pattern: str) -> bool:
    """Whether it fits every name: IAM takes any number of stars for one."""
    return set(pattern) == {"*"}


def _strangers(rule: Mapping[str, Any]) -> list[str]:
    """Where a rule lets in more than a network that could be ours."""
    keys = ("cidrIpv4", "cidrIpv6", "cidrBlocks", "ipv6CidrBlocks")
    sources = [ip_network(source, strict=False) for key in keys for source in _listed(rule.get(key))]
    return [str(source) for source in sources if source.prefixlen < WIDEST[source.version]]


def _listed(value: Any) -> list[str]:
    return [value] if isinstance(value, str) else list(value or ())
