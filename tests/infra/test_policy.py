"""The policy: no stack breaks it, each rule notices what it is for, and CrossGuard enforces the same."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from typing import Any

import grpc
import pulumi_aws as aws
import pytest
from google.protobuf import empty_pb2, struct_pb2
from pulumi.runtime.proto import analyzer_pb2, analyzer_pb2_grpc
from stacks import CLOUD_STACKS, STACKS, engine_view

from credit_infra.policy import BUCKET_SIDES, RULES, violations
from credit_infra.policy_checks import MANAGED_POLICIES, UNTAGGED, Resource
from credit_infra.recording import PROJECT_ROOT, Recording

TAGS = dict.fromkeys(("Project", "Stack", "Component", "ManagedBy", "Name"), "x")
EVERYTHING = json.dumps({"Statement": [{"Sid": "A", "Effect": "Allow", "Action": "*", "Resource": "*"}]})
WHOLE_SERVICE = json.dumps({"Statement": [{"Sid": "A", "Effect": "Allow", "Action": ["s3:*"], "Resource": ["*"]}]})
LONE = json.dumps({"Statement": {"Effect": "Allow", "Action": "**", "Resource": "*"}})
MANY_STARS = json.dumps({"Statement": [{"Effect": "Allow", "Action": "iam:**", "Resource": "*"}]})
ALL_BUT_ONE = json.dumps({"Statement": [{"Sid": "A", "Effect": "Allow", "NotAction": ["iam:*"], "Resource": "*"}]})
ALL_BUT_THERE = json.dumps({"Statement": [{"Effect": "Allow", "Action": "s3:*", "NotResource": "arn:none"}]})
ATTACHMENT = "aws:iam/rolePolicyAttachment:RolePolicyAttachment"
ADMINISTRATOR = "arn:aws:iam::aws:policy/AdministratorAccess"
IN_A_REGION = WHOLE_SERVICE.replace(
    '"Resource"', '"Condition": {"StringEquals": {"aws:RequestedRegion": "eu-central-1"}}, "Resource"'
)
CLUSTER = {
    "vpcConfig": {"endpointPrivateAccess": True, "endpointPublicAccess": False},
    "encryptionConfig": {"resources": ["secrets"]},
    "accessConfig": {"authenticationMode": "API"},
    "tags": TAGS,
}
DATABASE = {
    "storageEncrypted": True,
    "kmsKeyId": "key",
    "publiclyAccessible": False,
    "deletionProtection": True,
    "manageMasterUserPassword": True,
    "skipFinalSnapshot": False,
    "tags": TAGS,
}
BROKEN = [
    ("tags", "aws:ec2/vpc:Vpc", {}, "tags ['Project', 'Stack', 'Component', 'ManagedBy', 'Name'] are missing"),
    ("customer-key", "aws:sns/topic:Topic", {}, "kmsMasterKeyId is missing"),
    ("customer-key", "aws:secretsmanager/secret:Secret", {}, "kmsKeyId is missing"),
    ("database", "aws:rds/instance:Instance", DATABASE | {"publiclyAccessible": True}, "publiclyAccessible is True"),
    ("database", "aws:rds/instance:Instance", DATABASE | {"storageEncrypted": False}, "storageEncrypted is False"),
    ("forced-tls", "aws:rds/parameterGroup:ParameterGroup", {"parameters": []}, "rds.force_ssl is not 1"),
    ("registry", "aws:ecr/repository:Repository", {"imageTagMutability": "MUTABLE"}, "imageTagMutability is 'MUTABLE'"),
    (
        "registry",
        "aws:ecr/repository:Repository",
        {"imageTagMutabilityExclusionFilters": [{"filter": "*"}]},
        "can be moved",
    ),
    ("cluster", "aws:eks/cluster:Cluster", CLUSTER | {"encryptionConfig": None}, "Secrets are not encrypted"),
    ("cluster", "aws:eks/cluster:Cluster", CLUSTER | {"accessConfig": {}}, "authenticationMode is not API"),
    (
        "cluster",
        "aws:eks/cluster:Cluster",
        CLUSTER | {"vpcConfig": {"endpointPrivateAccess": True, "endpointPublicAccess": True}},
        "open to everybody",
    ),
    ("machines", "aws:ec2/launchTemplate:LaunchTemplate", {}, "IMDSv1"),
    (
        "machines",
        "aws:ec2/launchTemplate:LaunchTemplate",
        {
            "metadataOptions": {"httpTokens": "required"},
            "blockDeviceMappings": [{"deviceName": "/dev/xvda"}],
        },
        "disk /dev/xvda is not encrypted",
    ),
    (
        "ingress",
        "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule",
        {"cidrIpv4": "0.0.0.0/0", "fromPort": 22, "toPort": 22},
        "ports (22, 22) are open to 0.0.0.0/0",
    ),
    (
        "ingress",
        "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule",
        {"cidrIpv4": "0.0.0.0/1", "fromPort": 22, "toPort": 22},
        "ports (22, 22) are open to 0.0.0.0/1",
    ),
    (
        "ingress",
        "aws:ec2/securityGroupRule:SecurityGroupRule",
        {"type": "ingress", "cidrBlocks": ["0.0.0.0/0"], "fromPort": 22, "toPort": 22},
        "ports (22, 22) are open to 0.0.0.0/0",
    ),
    (
        "ingress",
        "aws:ec2/securityGroup:SecurityGroup",
        {"ingress": [{"ipv6CidrBlocks": ["::/0"], "protocol": "-1", "fromPort": 0, "toPort": 0}]},
        "ports (0, 0) are open to ::/0",
    ),
    (
        "ingress",
        "aws:ec2/securityGroup:SecurityGroup",
        {"ingress": [{"cidrBlocks": ["0.0.0.0/0"], "fromPort": 443, "toPort": 443}]},
        "only 443 at the load balancer may be",
    ),
    ("rights", "aws:iam/rolePolicy:RolePolicy", {"policy": EVERYTHING}, "allows every action"),
    ("rights", "aws:iam/policy:Policy", {"policy": WHOLE_SERVICE}, "allows a whole service everywhere"),
    ("rights", "aws:iam/rolePolicy:RolePolicy", {"policy": IN_A_REGION}, "allows a whole service everywhere"),
    ("rights", "aws:iam/rolePolicy:RolePolicy", {"policy": ALL_BUT_ONE}, "allows all but what ['NotAction'] names"),
    ("rights", "aws:iam/rolePolicy:RolePolicy", {"policy": LONE}, "allows every action"),
    ("rights", "aws:iam/rolePolicy:RolePolicy", {"policy": MANY_STARS}, "allows a whole service everywhere"),
    ("rights", "aws:iam/groupPolicy:GroupPolicy", {"policy": EVERYTHING}, "allows every action"),
    ("rights", "aws:iam/userPolicy:UserPolicy", {"policy": EVERYTHING}, "allows every action"),
    ("rights", "aws:iam/policy:Policy", {"policy": ALL_BUT_THERE}, "allows all but what ['NotResource'] names"),
    (
        "attached",
        ATTACHMENT,
        {"policyArn": ADMINISTRATOR},
        "AdministratorAccess is attached",
    ),
    (
        "attached",
        "aws:iam/groupPolicyAttachment:GroupPolicyAttachment",
        {"policyArn": ADMINISTRATOR},
        "AdministratorAccess is attached",
    ),
    (
        "attached",
        "aws:iam/userPolicyAttachment:UserPolicyAttachment",
        {"policyArn": ADMINISTRATOR},
        "AdministratorAccess is attached",
    ),
    ("attached", "aws:iam/role:Role", {"managedPolicyArns": [ADMINISTRATOR]}, "AdministratorAccess is attached"),
    ("attached", "aws:iam/role:Role", {"inlinePolicies": [{"policy": EVERYTHING}]}, "inlinePolicies is set"),
    ("no-long-lived-keys", "aws:iam/accessKey:AccessKey", {}, "would be a key that lives for ever"),
    ("rotation", "aws:kms/key:Key", {"enableKeyRotation": False}, "enableKeyRotation is False"),
    ("retention", "aws:cloudwatch/logGroup:LogGroup", {}, "retentionInDays is missing"),
    ("protected", "aws:s3/bucket:Bucket", {}, "protect is off"),
]


@pytest.mark.parametrize("stack", STACKS)
def test_no_stack_breaks_a_rule(recordings: Mapping[str, Recording], stack: str) -> None:
    assert violations(engine_view(recordings[stack])) == []


@pytest.mark.parametrize(("rule", "type_", "properties", "message"), BROKEN)
def test_a_broken_resource_is_named(rule: str, type_: str, properties: dict[str, Any], message: str) -> None:
    found = violations([Resource(type_, "broken", properties, protect=False)])
    assert any(line.startswith(f"{type_} broken: {rule}: ") and message in line for line in found)


def test_a_load_balancer_that_opens_more_than_https_is_named() -> None:
    every_port = {"cidrIpv4": "0.0.0.0/0", "ipProtocol": "-1", "fromPort": 443, "toPort": 443, "tags": TAGS}
    rule = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"
    door = Resource(rule, "load-balancer-https", every_port, protect=False)
    assert len(violations([door])) == 1
    assert violations([Resource(rule, door.name, every_port | {"ipProtocol": "tcp"}, protect=False)]) == []


def test_a_way_out_is_no_way_in() -> None:
    out = {"type": "egress", "cidrBlocks": ["0.0.0.0/0"], "protocol": "-1", "fromPort": 0, "toPort": 0, "tags": TAGS}
    assert violations([Resource("aws:ec2/securityGroupRule:SecurityGroupRule", "out", out, protect=False)]) == []


def test_no_policy_is_allowed_that_nothing_needs(recordings: Mapping[str, Recording]) -> None:
    attachments = [one for stack in CLOUD_STACKS for one in recordings[stack].of(ATTACHMENT)]
    assert {one.inputs["policyArn"] for one in attachments} == MANAGED_POLICIES


def test_every_rule_has_a_broken_example() -> None:
    assert {rule.name for rule in RULES} == {name for name, *_ in BROKEN}


@pytest.mark.parametrize("side", BUCKET_SIDES, ids=lambda side: side.type.split(":")[-1])
def test_a_bucket_without_one_of_its_sides_is_named(recordings: Mapping[str, Recording], side: Any) -> None:
    others = [one for one in engine_view(recordings["staging"]) if (one.type, one.name) != (side.type, "archive")]
    assert violations(others) == [f"aws:s3/bucket:Bucket archive: buckets: {side.type.split(':')[-1]} is missing"]


def test_a_bucket_that_plain_http_reaches_is_named(recordings: Mapping[str, Recording]) -> None:
    kind = "aws:s3/bucketPolicy:BucketPolicy"
    opened = [
        Resource(kind, one.name, {**one.properties, "policy": '{"Statement": []}'}, protect=False)
        if one.type == kind
        else one
        for one in engine_view(recordings["staging"])
    ]
    assert len(violations(opened)) == 3
    assert all("plain HTTP" in line for line in violations(opened))


@pytest.mark.parametrize("stack", CLOUD_STACKS)
def test_what_goes_untagged_cannot_be_tagged(recordings: Mapping[str, Recording], stack: str) -> None:
    untagged = [one.type for one in recordings[stack].resources if one.type in UNTAGGED]
    assert untagged
    for type_ in set(untagged):
        module, _, name = type_.removeprefix("aws:").partition("/")
        resource = getattr(getattr(aws, module), name.split(":")[1])
        assert not hasattr(resource, "tags"), type_


@pytest.fixture(scope="module")
def pack() -> Iterator[analyzer_pb2_grpc.AnalyzerStub]:
    """The pack as the engine starts it: it prints its port and answers there."""
    command = [sys.executable, "-u", str(PROJECT_ROOT / "policy" / "__main__.py")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        port = server.stdout.readline().strip()
        with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
            yield analyzer_pb2_grpc.AnalyzerStub(channel)
        server.kill()


def as_struct(properties: Mapping[str, Any]) -> struct_pb2.Struct:
    struct = struct_pb2.Struct()
    struct.update(json.loads(json.dumps(dict(properties))))
    return struct


def analysed(pack: analyzer_pb2_grpc.AnalyzerStub, resource: Resource) -> dict[str, str]:
    request = analyzer_pb2.AnalyzeRequest(
        type=resource.type,
        name=resource.name,
        urn=f"urn:pulumi:staging::credit::{resource.type}::{resource.name}",
        properties=as_struct(resource.properties),
        options=analyzer_pb2.AnalyzerResourceOptions(protect=resource.protect),
    )
    answer = pack.Analyze(request)
    assert all(one.enforcementLevel == analyzer_pb2.MANDATORY for one in answer.diagnostics)
    return {one.policyName: one.message for one in answer.diagnostics}


def test_the_pack_holds_every_rule(pack: analyzer_pb2_grpc.AnalyzerStub) -> None:
    info = pack.GetAnalyzerInfo(empty_pb2.Empty())
    assert {policy.name for policy in info.policies} == {rule.name for rule in RULES} | {"buckets"}


def test_the_pack_passes_what_we_make(
    pack: analyzer_pb2_grpc.AnalyzerStub, recordings: Mapping[str, Recording]
) -> None:
    made = [one for one in engine_view(recordings["production"]) if one.type.startswith("aws:")]
    assert {resource.name: found for resource in made if (found := analysed(pack, resource))} == {}


@pytest.mark.parametrize(("rule", "type_", "properties"), [broken[:3] for broken in BROKEN])
def test_the_pack_refuses_what_the_rules_refuse(
    pack: analyzer_pb2_grpc.AnalyzerStub, rule: str, type_: str, properties: dict[str, Any]
) -> None:
    assert rule in analysed(pack, Resource(type_, "broken", properties, protect=False))


def test_the_pack_sees_buckets_and_their_sides_together(
    pack: analyzer_pb2_grpc.AnalyzerStub, recordings: Mapping[str, Recording]
) -> None:
    block = "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock"
    resources = [
        analyzer_pb2.AnalyzerResource(
            type=one.type,
            name=one.name,
            urn=f"urn:pulumi:staging::credit::{one.type}::{one.name}",
            properties=as_struct(one.properties),
        )
        for one in engine_view(recordings["staging"])
        if one.type.startswith("aws:s3/") and (one.type, one.name) != (block, "models")
    ]
    answer = pack.AnalyzeStack(analyzer_pb2.AnalyzeStackRequest(resources=resources))
    assert [one.urn.split("::")[-1] for one in answer.diagnostics] == ["models"]
    assert "BucketPublicAccessBlock is missing" in answer.diagnostics[0].message
