"""Least rights: what each workload and each job of CI may do, and that nobody may do everything."""

from __future__ import annotations

import fnmatch
import json
from collections.abc import Mapping
from typing import Any

import pytest
from stacks import statements

from credit_infra import ec2_rights
from credit_infra.constants import APPS, ARCHIVE_PREFIX, ARCHIVE_WORKLOAD
from credit_infra.recording import Recorded, Recording

POLICY = "aws:iam/rolePolicy:RolePolicy"
ROLE = "aws:iam/role:Role"
CI_ROLES = {"staging": {"build", "infra-preview", "infra-up"}, "production": {"infra-preview", "infra-up"}}


def rights(cloud: Recording, name: str) -> dict[str, dict[str, Any]]:
    return {statement["Sid"]: statement for statement in statements(cloud.one(POLICY, name))}


def trust(role: Recorded) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(role.inputs["assumeRolePolicy"])["Statement"][0]
    return loaded


def test_nobody_may_do_everything(cloud: Recording) -> None:
    policies = [*cloud.of(POLICY), *cloud.of("aws:iam/policy:Policy")]
    allowed = [(entry.name, one) for entry in policies for one in statements(entry) if one["Effect"] == "Allow"]
    assert len(allowed) > 30
    assert [name for name, one in allowed if "*" in one["Action"]] == []
    assert [name for name, one in allowed if "iam:*" in one["Action"]] == []


def test_there_is_no_user_and_no_key(cloud: Recording) -> None:
    kinds = {entry.type.split(":")[-1] for entry in cloud.resources}
    assert not kinds & {"User", "AccessKey", "UserPolicy", "UserLoginProfile"}


def test_every_role_but_those_of_ci_is_bounded(cloud: Recording) -> None:
    free = {entry.name for entry in cloud.of(ROLE) if not entry.inputs.get("permissionsBoundary")}
    assert free == CI_ROLES[cloud.stack]


def test_applications_have_the_identity_of_their_service_account(cloud: Recording) -> None:
    associations = {
        entry.name: entry.inputs for entry in cloud.of("aws:eks/podIdentityAssociation:PodIdentityAssociation")
    }
    assert "scoring-api" not in associations, "it asks AWS for nothing"
    for app in set(APPS) - {"scoring-api"}:
        assert associations[app]["namespace"] == cloud.stack
        assert associations[app]["serviceAccount"] == app
        assert trust(cloud.one(ROLE, app))["Principal"] == {"Service": "pods.eks.amazonaws.com"}


def test_one_job_adds_decisions_to_the_archive_under_free_names_and_nobody_else_does(cloud: Recording) -> None:
    held = rights(cloud, ARCHIVE_WORKLOAD)
    assert held["AddDecisions"]["Action"] == ["s3:PutObject"]
    assert held["AddDecisions"]["Resource"] == [f"arn:aws:mock:Bucket/archive/{ARCHIVE_PREFIX}/*"]
    # An S3 that is asked to write where nothing is yet refuses to write over what is there.
    assert held["AddDecisions"]["Condition"] == {"Null": {"s3:if-none-match": "false"}}
    assert {action for one in held.values() for action in one["Action"]} == {
        "s3:PutObject",
        "s3:ListBucket",
        "kms:Decrypt",
        "kms:GenerateDataKey",
    }
    others = [json.dumps(statements(entry)) for entry in cloud.of(POLICY) if entry.name != ARCHIVE_WORKLOAD]
    assert [text for text in others if "Bucket/archive" in text] == []


def test_the_monitor_may_take_away_reports_that_expired_and_its_lease(cloud: Recording) -> None:
    held = rights(cloud, "drift-monitor")
    assert held["KeepReports"]["Action"] == ["s3:GetObject", "s3:PutObject", "s3:DeleteObject"]
    assert held["KeepReports"]["Resource"] == ["arn:aws:mock:Bucket/reports/*"]


def test_the_operator_reads_this_environments_secrets_only(cloud: Recording) -> None:
    read = rights(cloud, "external-secrets")["ReadSecrets"]
    assert set(read["Action"]) == {"secretsmanager:GetSecretValue", "secretsmanager:DescribeSecret"}
    assert "*" not in read["Resource"]
    assert len(read["Resource"]) == 5


@pytest.mark.parametrize("workload", ["cluster-autoscaler", "load-balancer-controller"])
def test_what_changes_machines_is_held_to_this_cluster(cloud: Recording, workload: str) -> None:
    for one in rights(cloud, workload).values():
        reads = all(
            action.split(":")[1].startswith(("Describe", "GetSecurityGroups", "List")) for action in one["Action"]
        )
        assert (
            reads
            or json.dumps(one.get("Condition")).count(f"credit-{cloud.stack}-cluster")
            or one["Sid"] in {"TagNew", "LinkRole"}
        )


def test_jobs_come_from_our_repository_and_their_environment(cloud: Recording) -> None:
    subjects = {
        "build": "repo:example/credit-platform:ref:refs/heads/main",
        "infra-preview": f"repo:example/credit-platform:environment:{cloud.stack}-preview",
        "infra-up": f"repo:example/credit-platform:environment:{cloud.stack}",
    }
    for name in CI_ROLES[cloud.stack]:
        claims = trust(cloud.one(ROLE, name))["Condition"]
        assert set(claims) == {"StringEquals"}
        assert claims["StringEquals"]["token.actions.githubusercontent.com:sub"] == subjects[name]
        assert claims["StringEquals"]["token.actions.githubusercontent.com:aud"] == "sts.amazonaws.com"


def test_builds_push_images_and_do_nothing_else(recordings: Mapping[str, Recording]) -> None:
    held = rights(recordings["staging"], "build")
    assert all(action.startswith("ecr:") for one in held.values() for action in one["Action"])
    assert len(held["Push"]["Resource"]) == 5
    assert "ecr:BatchDeleteImage" not in held["Push"]["Action"]


def test_a_preview_reads_the_state_and_changes_nothing(cloud: Recording) -> None:
    actions = {action for one in rights(cloud, "infra-preview").values() for action in one["Action"]}
    assert actions == {"s3:ListBucket", "s3:GetObject", "kms:Decrypt", "eks:DescribeCluster"}


def test_ci_makes_bounded_roles_and_cannot_widen_its_own(cloud: Recording) -> None:
    held = rights(cloud, "infra-up")
    boundary = held["WriteRoles"]["Condition"]["StringEquals"]["iam:PermissionsBoundary"]
    assert boundary.endswith(f":policy/credit-{cloud.stack}-boundary")
    assert held["NotOwnRoles"]["Effect"] == "Deny"
    names = {resource.rpartition("/")[2] for resource in held["NotOwnRoles"]["Resource"]}
    assert names == {f"credit-{cloud.stack}-{name}" for name in ("boundary", "build", "infra-preview", "infra-up")}
    writers = {"iam:CreateRole", "iam:PutRolePolicy", "iam:AttachRolePolicy"}
    allowed = [sid for sid, one in held.items() if one["Effect"] == "Allow" and writers & set(one["Action"])]
    assert allowed == ["WriteRoles"]


def test_the_load_balancers_controller_links_their_role_and_no_other(cloud: Recording) -> None:
    link = rights(cloud, "load-balancer-controller")["LinkRole"]
    assert link["Action"] == ["iam:CreateServiceLinkedRole"]
    (role,) = link["Resource"]
    assert role.endswith(":role/aws-service-role/elasticloadbalancing.amazonaws.com/*")


def test_what_load_balancers_are_made_of_is_tagged_as_it_is_made(cloud: Recording) -> None:
    held = rights(cloud, "load-balancer-controller")
    makes = {action.removeprefix("elasticloadbalancing:") for one in held.values() for action in one["Action"]}
    tagged = held["TagNew"]["Condition"]["StringEquals"]["elasticloadbalancing:CreateAction"]
    assert {action for action in makes if action.startswith("Create")} == set(tagged)


EC2 = ("aws:ec2/", "aws:vpc/")
SERVICE_OF = {"amp": "aps", "vpc": "ec2"}
"""Where IAM's word for a service is not Pulumi's."""


def test_ci_has_the_services_that_the_program_makes_something_of_and_no_other(
    recordings: Mapping[str, Recording],
) -> None:
    types = {entry.type for stack in CI_ROLES for entry in recordings[stack].resources if entry.type.startswith("aws:")}
    made = {"logs" if "/logGroup:" in kind else kind.split(":")[1].split("/")[0] for kind in types}
    for stack in CI_ROLES:
        held = rights(recordings[stack], "infra-up")
        given = {action for sid in ("ByName", "ByTag") for action in held[sid]["Action"]}
        whole = {action.removesuffix(":*") for action in given if action.endswith(":*")}
        assert whole == {SERVICE_OF.get(service, service) for service in made} - {"ec2", "iam"}


NAMES = {
    "aws:budgets/budget:Budget": "arn:aws:budgets::{account}:budget/{name}",
    "aws:cloudwatch/logGroup:LogGroup": "arn:aws:logs:{region}:{account}:log-group:{name}:*",
    "aws:cloudwatch/metricAlarm:MetricAlarm": "arn:aws:cloudwatch:{region}:{account}:alarm:{name}",
    "aws:ecr/repository:Repository": "arn:aws:ecr:{region}:{account}:repository/{name}",
    "aws:eks/cluster:Cluster": "arn:aws:eks:{region}:{account}:cluster/{name}",
    "aws:eks/nodeGroup:NodeGroup": "arn:aws:eks:{region}:{account}:nodegroup/{clusterName}/spot-0123456/id",
    "aws:eks/addon:Addon": "arn:aws:eks:{region}:{account}:addon/{clusterName}/{addonName}/id",
    "aws:eks/podIdentityAssociation:PodIdentityAssociation": (
        "arn:aws:eks:{region}:{account}:podidentityassociation/{clusterName}/a-id"
    ),
    "aws:kms/alias:Alias": "arn:aws:kms:{region}:{account}:{name}",
    "aws:rds/instance:Instance": "arn:aws:rds:{region}:{account}:db:{identifier}",
    "aws:s3/bucket:Bucket": "arn:aws:s3:::{bucket}",
    "aws:secretsmanager/secret:Secret": "arn:aws:secretsmanager:{region}:{account}:secret:{name}-AbCdEf",
    "aws:sns/topic:Topic": "arn:aws:sns:{region}:{account}:{name}",
}
"""How AWS calls what the program names."""


def test_ci_reaches_by_name_what_the_program_makes_and_nothing_of_the_other_stack(cloud: Recording) -> None:
    allowed = rights(cloud, "infra-up")["ByName"]["Resource"]
    assert "*" not in allowed
    provider = cloud.one("pulumi:providers:aws", "aws").inputs
    (account,) = json.loads(provider["allowedAccountIds"])
    here = {"account": account, "region": provider["region"]}
    other = next(stack for stack in CI_ROLES if stack != cloud.stack)
    for kind, pattern in NAMES.items():
        entries = cloud.of(kind)
        assert entries, kind
        for entry in entries:
            arn = pattern.format(**here, **entry.inputs)
            assert [one for one in allowed if fnmatch.fnmatchcase(arn, one)], arn
            if cloud.stack in arn:
                foreign = arn.replace(cloud.stack, other)
                assert not [one for one in allowed if fnmatch.fnmatchcase(foreign, one)], foreign


def test_what_has_no_name_is_reached_and_removed_by_this_stacks_tags(cloud: Recording) -> None:
    held = rights(cloud, "infra-up")
    for sid, tags in {"ByTag": "ResourceTag", "TaggedAsMade": "RequestTag", "NetworkRemoval": "ResourceTag"}.items():
        wanted = held[sid]["Condition"]["StringEquals"]
        assert (wanted[f"aws:{tags}/Project"], wanted[f"aws:{tags}/Stack"]) == ("credit", cloud.stack)
        assert wanted["aws:RequestedRegion"]
    for kind in ("aws:amp/workspace:Workspace", "aws:grafana/workspace:Workspace", "aws:kms/key:Key"):
        for entry in cloud.of(kind):
            assert (entry.inputs["tags"]["Project"], entry.inputs["tags"]["Stack"]) == ("credit", cloud.stack)
    # What is left for the whole account looks, or is about the account.
    spared = {"DeleteRegistryPolicy", "PutRegistryPolicy", "PutReplicationConfiguration", "PutResourcePolicy"}
    spared |= {
        "SetSubscriptionAttributes",
        "Unsubscribe",
        "CreateLogDelivery",
        "UpdateLogDelivery",
        "DeleteLogDelivery",
    }
    verbs = {action.partition(":")[2] for action in held["Nameless"]["Action"]}
    assert {verb for verb in verbs if not verb.startswith(("Describe", "Get", "List"))} == spared


def test_ci_changes_of_ec2_what_the_program_makes_and_nothing_else(recordings: Mapping[str, Recording]) -> None:
    made = {entry.type for stack in CI_ROLES for entry in recordings[stack].resources if entry.type.startswith(EC2)}
    assert set(ec2_rights.BY_TYPE) == made
    for stack in CI_ROLES:
        held = rights(recordings[stack], "infra-up")
        network = held["Network"]
        assert [action for action in network["Action"] if "*" in action] == ["ec2:Describe*"]
        assert network["Condition"]["StringEquals"]["aws:RequestedRegion"]
        launching = [sid for sid, one in held.items() if "ec2:RunInstances" in one["Action"]]
        assert launching == ["TryTemplates"]
        (template,) = held["TryTemplates"]["Condition"]["ArnLike"].values()
        assert template.endswith(":launch-template/*")
        assert not [action for action in network["Action"] if action.startswith(("ec2:Delete", "ec2:Release"))]
        granted = {action for one in held.values() for action in one["Action"] if action.startswith("ec2:")}
        assert not granted & {"ec2:CreateVpcPeeringConnection", "ec2:ModifySnapshotAttribute", "ec2:ImportKeyPair"}


def test_ci_makes_what_holds_data_and_looks_into_none_of_it(cloud: Recording) -> None:
    denied = rights(cloud, "infra-up")["NotContent"]
    assert denied["Effect"] == "Deny"
    assert {"s3:GetObject*", "s3:DeleteObject*", "secretsmanager:GetSecretValue"} <= set(denied["Action"])
    # Each of them is denied on something of its service.
    denied_on = {resource.split(":")[2] for resource in denied["Resource"]}
    assert denied_on == {action.split(":")[0] for action in denied["Action"]}
    objects, *_ = denied["Resource"]
    buckets = [entry.inputs["bucket"] for entry in cloud.of("aws:s3/bucket:Bucket")]
    assert [name for name in buckets if not fnmatch.fnmatchcase(f"arn:aws:s3:::{name}/a", objects)] == []
    (state,) = rights(cloud, "infra-up")["State"]["Resource"]
    assert not fnmatch.fnmatchcase(state.replace("*", "a"), objects)


def test_ci_removes_nothing_that_data_is_kept_in(cloud: Recording) -> None:
    denied = rights(cloud, "infra-up")["NotRemoval"]
    assert denied["Effect"] == "Deny"
    assert "Condition" not in denied
    assert {"ecr:DeleteRepository", "kms:ScheduleKeyDeletion", "rds:DeleteDBInstance"} <= set(denied["Action"])
    denied_on = {resource.split(":")[2]: resource for resource in denied["Resource"]}
    assert set(denied_on) == {action.split(":")[0] for action in denied["Action"]}
    for entry in cloud.of("aws:s3/bucket:Bucket"):
        assert fnmatch.fnmatchcase(f"arn:aws:s3:::{entry.inputs['bucket']}", denied_on["s3"])
    assert denied_on["rds"].endswith(":db:*")
    assert denied_on["kms"].endswith(":key/*")
