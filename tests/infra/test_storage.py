"""What holds data: buckets, the database, registries, secrets, keys."""

from __future__ import annotations

import fnmatch
import json
from typing import Any

import pytest
from pydantic import ValidationError
from stacks import statements

from credit_infra.constants import IMAGES, MONITORING_SECRETS, SECRETS
from credit_infra.policy import BUCKET_SIDES, DATA
from credit_infra.recording import Recording
from credit_infra.registries import RegistriesConfig
from credit_infra.storage import StorageConfig

BUCKETS = ("archive", "models", "reports")


def test_what_holds_data_is_protected_and_outlives_the_stack(cloud: Recording) -> None:
    holding = [entry for entry in cloud.resources if entry.type in DATA]
    assert len(holding) == 18
    assert [entry.key for entry in holding if not (entry.protect and entry.retain)] == []


@pytest.mark.parametrize("bucket", BUCKETS)
def test_every_bucket_is_private_versioned_and_sealed(cloud: Recording, bucket: str) -> None:
    sides = {side.type: cloud.one(side.type, bucket).inputs for side in BUCKET_SIDES}
    name = cloud.one("aws:s3/bucket:Bucket", bucket).inputs["bucket"]
    assert {inputs["bucket"] for inputs in sides.values()} == {name}
    rules = sides["aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration"]["rules"]
    assert rules[0]["applyServerSideEncryptionByDefault"] == {
        "sseAlgorithm": "aws:kms",
        "kmsMasterKeyId": "arn:aws:mock:Key/data-key",
    }


def test_old_models_stay_for_ever_and_reports_do_not(cloud: Recording) -> None:
    kind = "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration"
    expire = {name: cloud.one(kind, name).inputs["rules"][0].get("expiration") for name in BUCKETS}
    assert expire["models"] is None
    assert expire["archive"]["days"] >= 760
    assert expire["reports"]["days"] >= 90


def test_the_archive_is_locked(cloud: Recording) -> None:
    locked = {entry.name for entry in cloud.of("aws:s3/bucket:Bucket") if entry.inputs["objectLockEnabled"]}
    assert locked == {"archive"}
    lock = cloud.one("aws:s3/bucketObjectLockConfiguration:BucketObjectLockConfiguration", "archive").inputs["rule"]
    mode = {"staging": "GOVERNANCE", "production": "COMPLIANCE"}[cloud.stack]
    assert lock["defaultRetention"]["mode"] == mode


def test_the_database_is_reached_by_the_cluster_alone(cloud: Recording) -> None:
    instance = cloud.one("aws:rds/instance:Instance", "database").inputs
    assert instance["publiclyAccessible"] is False
    subnets = cloud.one("aws:rds/subnetGroup:SubnetGroup", "database").inputs["subnetIds"]
    assert all(subnet.startswith("Subnet/intra-") for subnet in subnets)
    rule = cloud.one("aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule", "database-postgres").inputs
    assert (rule["referencedSecurityGroupId"], rule["fromPort"], rule["toPort"]) == ("sg-cluster", 5432, 5432)
    assert instance["vpcSecurityGroupIds"] == [rule["securityGroupId"]]


def test_the_database_speaks_tls_only_and_knows_no_password_of_ours(cloud: Recording) -> None:
    settings = cloud.one("aws:rds/parameterGroup:ParameterGroup", "database").inputs["parameters"]
    assert {"name": "rds.force_ssl", "value": "1"} in settings
    instance = cloud.one("aws:rds/instance:Instance", "database").inputs
    assert instance["manageMasterUserPassword"] is True
    assert "password" not in instance


def test_the_database_can_be_brought_back(cloud: Recording) -> None:
    instance = cloud.one("aws:rds/instance:Instance", "database").inputs
    assert instance["deletionProtection"] is True
    assert instance["skipFinalSnapshot"] is False
    assert instance["backupRetentionPeriod"] >= 7
    assert instance["multiAz"] is (cloud.stack == "production")


def test_images_keep_their_tag_and_are_scanned(cloud: Recording) -> None:
    repositories = {entry.inputs["name"]: entry.inputs for entry in cloud.of("aws:ecr/repository:Repository")}
    assert set(repositories) == set(IMAGES)
    for inputs in repositories.values():
        assert inputs["imageTagMutability"] == "IMMUTABLE_WITH_EXCLUSION"
        assert inputs["imageScanningConfiguration"] == {"scanOnPush": True}


@pytest.mark.parametrize(
    ("tag", "moves"),
    [(f"sha256-{'a' * 64}.sig", True), (f"sha256-{'a' * 64}.att", True), ("a" * 40, False), ("taiwan-7", False)],
)
def test_only_a_signatures_tag_moves(cloud: Recording, tag: str, moves: bool) -> None:
    for entry in cloud.of("aws:ecr/repository:Repository"):
        filters = entry.inputs["imageTagMutabilityExclusionFilters"]
        assert {one["filterType"] for one in filters} == {"WILDCARD"}
        assert any(fnmatch.fnmatchcase(tag, one["filter"]) for one in filters) == moves


def test_old_images_leave_late_enough_for_a_rollback(cloud: Recording) -> None:
    for entry in cloud.of("aws:ecr/lifecyclePolicy:LifecyclePolicy"):
        untagged, newest = (rule["selection"] for rule in json.loads(entry.inputs["policy"])["rules"])
        assert untagged["tagStatus"] == "untagged"
        # Each with its signatures' tag and its attestations'.
        assert newest["countNumber"] >= 3 * 50


def test_images_travel_from_staging_to_production_only(recordings: dict[str, Recording]) -> None:
    kind = "aws:ecr/replicationConfiguration:ReplicationConfiguration"
    sent = recordings["staging"].one(kind, "replication").inputs["replicationConfiguration"]["rules"][0]
    assert [target["registryId"] for target in sent["destinations"]] == ["222222222222"]
    allowed = statements(recordings["production"].one("aws:ecr/registryPolicy:RegistryPolicy", "replication"))[0]
    assert allowed["Principal"] == {"AWS": "arn:aws:iam::111111111111:root"}
    assert allowed["Action"] == ["ecr:ReplicateImage"]


def test_secrets_are_containers_without_a_value(cloud: Recording) -> None:
    names = {entry.inputs["name"] for entry in cloud.of("aws:secretsmanager/secret:Secret")}
    assert names == {f"credit/{cloud.stack}/{name}" for name in (*SECRETS, *MONITORING_SECRETS)}
    assert not any("secretVersion" in entry.type for entry in cloud.resources)


@pytest.mark.parametrize(
    ("model", "document", "message"),
    [
        (RegistriesConfig, {"keepImages": 5}, "greater than or equal to 50"),
        (
            RegistriesConfig,
            {"keepImages": 50, "replicateTo": "1" * 12, "replicateFrom": "2" * 12},
            "images travel one way",
        ),
        (
            StorageConfig,
            {"noncurrentDays": 30, "reportDays": 90, "archiveDays": 90, "lock": "GOVERNANCE", "lockDays": 30},
            "archiveDays",
        ),
    ],
)
def test_storage_that_forgets_too_early_is_refused(model: Any, document: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        model.model_validate(document)
