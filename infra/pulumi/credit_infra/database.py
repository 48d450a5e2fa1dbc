"""PostgreSQL for the decision journal and MLflow. Its databases and roles are made by `bootstrap/databases.sh`."""

from __future__ import annotations

from typing import Any

import pulumi
import pulumi_aws as aws
from pulumi import Output, ResourceOptions
from pydantic import Field

from credit_infra.constants import POSTGRES_PORT, POSTGRES_VERSION
from credit_infra.errors import answered
from credit_infra.model import StackPart
from credit_infra.permissions import trust_service
from credit_infra.place import Place
from credit_infra.roles import Roles

SETTINGS = {
    "rds.force_ssl": "1",
    # A statement of the journal takes milliseconds; a slow one is worth a line.
    "log_min_duration_statement": "1000",
}


class DatabaseConfig(StackPart):
    """Size and safety of one instance; storage grows by itself up to `maximum_gib`."""

    instance_class: str = Field(pattern=r"^db\.")
    allocated_gib: int = Field(ge=20)
    maximum_gib: int = Field(ge=20)
    multi_zone: bool
    backup_days: int = Field(ge=7, le=35)


class Database(pulumi.ComponentResource):
    """RDS PostgreSQL: encrypted, TLS only, backed up, reachable from the cluster alone."""

    address: Output[str]
    instance_id: Output[str]
    master_secret_arn: Output[str]
    """Made and rotated by RDS; only `bootstrap/databases.sh` reads it."""

    def __init__(
        self,
        config: DatabaseConfig,
        place: Place,
        roles: Roles,
        vpc_id: Output[str],
        subnet_ids: list[Output[str]],
        cluster_security_group_id: Output[str],
        key_arn: Output[str],
        opts: ResourceOptions | None = None,
    ) -> None:
        super().__init__("credit:infra:Database", "database", None, opts)
        self._place = place
        self._child = ResourceOptions(parent=self)
        group_id = self._security_group(vpc_id, cluster_security_group_id)
        instance = self._instance(config, roles, subnet_ids, group_id, key_arn)
        self.address = instance.address
        self.instance_id = instance.identifier
        self.master_secret_arn = instance.master_user_secrets.apply(
            lambda secrets: answered(secrets[0].secret_arn, "secret of the database's master")
        )
        self.register_outputs({"address": self.address})

    def exports(self) -> dict[str, pulumi.Input[Any]]:
        """Stack outputs, for charts, CI and people."""
        return {"databaseAddress": self.address, "databaseMasterSecret": self.master_secret_arn}

    def _tags(self, what: str) -> dict[str, str]:
        return self._place.tags("database", what)

    def _instance(
        self,
        config: DatabaseConfig,
        roles: Roles,
        subnet_ids: list[Output[str]],
        group_id: Output[str],
        key_arn: Output[str],
    ) -> aws.rds.Instance:
        return aws.rds.Instance(
            "database",
            identifier=self._place.name("database"),
            engine="postgres",
            engine_version=POSTGRES_VERSION,
            auto_minor_version_upgrade=True,
            instance_class=config.instance_class,
            allocated_storage=config.allocated_gib,
            max_allocated_storage=config.maximum_gib,
            storage_type="gp3",
            storage_encrypted=True,
            kms_key_id=key_arn,
            multi_az=config.multi_zone,
            db_subnet_group_name=self._subnet_group(subnet_ids),
            parameter_group_name=self._parameter_group(),
            vpc_security_group_ids=[group_id],
            publicly_accessible=False,
            port=POSTGRES_PORT,
            username="credit_admin",
            manage_master_user_password=True,
            master_user_secret_kms_key_id=key_arn,
            backup_retention_period=config.backup_days,
            backup_window="01:00-02:00",
            maintenance_window="sun:02:30-sun:03:30",
            copy_tags_to_snapshot=True,
            deletion_protection=True,
            skip_final_snapshot=False,
            final_snapshot_identifier=self._place.name("database-final"),
            delete_automated_backups=False,
            performance_insights_enabled=True,
            performance_insights_kms_key_id=key_arn,
            monitoring_interval=60,
            monitoring_role_arn=self._monitoring_role(roles),
            enabled_cloudwatch_logs_exports=["postgresql", "upgrade"],
            tags=self._tags("database"),
            opts=ResourceOptions(parent=self, protect=True, retain_on_delete=True),
        )

    def _subnet_group(self, subnet_ids: list[Output[str]]) -> Output[str]:
        return aws.rds.SubnetGroup(
            "database", subnet_ids=subnet_ids, tags=self._tags("database"), opts=self._child
        ).name

    def _parameter_group(self) -> Output[str]:
        return aws.rds.ParameterGroup(
            "database",
            family=f"postgres{POSTGRES_VERSION}",
            parameters=[{"name": name, "value": value} for name, value in SETTINGS.items()],
            tags=self._tags("database"),
            opts=self._child,
        ).name

    def _security_group(self, vpc_id: Output[str], cluster_security_group_id: Output[str]) -> Output[str]:
        group = aws.ec2.SecurityGroup(
            "database",
            description="PostgreSQL from the cluster",
            vpc_id=vpc_id,
            tags=self._tags("database"),
            opts=self._child,
        )
        aws.vpc.SecurityGroupIngressRule(
            "database-postgres",
            security_group_id=group.id,
            description="PostgreSQL from nodes and pods",
            referenced_security_group_id=cluster_security_group_id,
            ip_protocol="tcp",
            from_port=POSTGRES_PORT,
            to_port=POSTGRES_PORT,
            tags=self._tags("database-postgres"),
            opts=self._child,
        )
        return group.id

    def _monitoring_role(self, roles: Roles) -> Output[str]:
        role = roles.make("database-monitoring", "database", trust_service("monitoring.rds.amazonaws.com"), self)
        policy = "arn:aws:iam::aws:policy/service-role/AmazonRDSEnhancedMonitoringRole"
        aws.iam.RolePolicyAttachment("database-monitoring", role=role.name, policy_arn=policy, opts=self._child)
        return role.arn
