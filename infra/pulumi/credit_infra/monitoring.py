"""The cloud's side of monitoring: where metrics are kept and shown, who is told, and what may be spent.

Prometheus itself, its rules and dashboards are in the cluster, put there by Argo CD. Alarms on what it cannot
see are in `alarms`.
"""

from __future__ import annotations

from typing import Any, Literal

import pulumi
import pulumi_aws as aws
from pulumi import Output, ResourceOptions
from pydantic import Field

from credit_infra.model import StackPart
from credit_infra.permissions import Statement, document, trust_service
from credit_infra.place import Place
from credit_infra.roles import Roles

SEVERITIES = ("warning", "page")
"""The two severities of the alert rules; each has a topic that Alertmanager and CloudWatch publish to."""

GRAFANA_VERSION = "10.4"


class MonitoringConfig(StackPart):
    """Who is told by e-mail, how people sign in to Grafana, and the month's budget in US dollars.

    `AWS_SSO` needs IAM Identity Center before the first `up`; `SAML` is set up in the workspace afterwards.
    Pagers subscribe to the topics themselves.
    """

    warning_email: str = Field(pattern=r"^[^@\s]+@[^@\s]+$")
    page_email: str = Field(pattern=r"^[^@\s]+@[^@\s]+$")
    grafana_sign_in: Literal["AWS_SSO", "SAML"]
    monthly_budget_usd: int = Field(ge=1)
    log_days: int = Field(ge=1)


class Monitoring(pulumi.ComponentResource):
    """Managed Prometheus and Grafana workspaces, alarm topics, and a budget."""

    metrics_arn: Output[str]
    remote_write_url: Output[str]
    grafana_endpoint: Output[str]
    topic_arns: dict[str, Output[str]]
    """Topic by severity."""

    def __init__(
        self,
        config: MonitoringConfig,
        place: Place,
        roles: Roles,
        key_arn: Output[str],
        opts: ResourceOptions | None = None,
    ) -> None:
        super().__init__("credit:infra:Monitoring", "monitoring", None, opts)
        self._place = place
        self._child = ResourceOptions(parent=self)
        group = aws.cloudwatch.LogGroup(
            "metrics",
            name=f"/credit/{place.stack}/metrics",
            retention_in_days=config.log_days,
            kms_key_id=key_arn,
            tags=self._tags("metrics"),
            opts=self._child,
        )
        workspace = aws.amp.Workspace(
            "metrics",
            alias=place.name("metrics"),
            kms_key_arn=key_arn,
            logging_configuration={"log_group_arn": Output.concat(group.arn, ":*")},
            tags=self._tags("metrics"),
            opts=ResourceOptions(parent=self, protect=True, retain_on_delete=True),
        )
        self.metrics_arn = workspace.arn
        self.remote_write_url = Output.concat(workspace.prometheus_endpoint, "api/v1/remote_write")
        self.grafana_endpoint = self._grafana(roles, config.grafana_sign_in)
        emails = {"warning": config.warning_email, "page": config.page_email}
        self.topic_arns = {severity: self._topic(severity, emails[severity], key_arn) for severity in SEVERITIES}
        self._budget(config.monthly_budget_usd)
        self.register_outputs({})

    def exports(self) -> dict[str, pulumi.Input[Any]]:
        """Stack outputs, for charts, CI and people."""
        return {"remoteWriteUrl": self.remote_write_url, "grafana": self.grafana_endpoint, "topics": self.topic_arns}

    def _tags(self, what: str) -> dict[str, str]:
        return self._place.tags("monitoring", what)

    def _grafana(self, roles: Roles, sign_in: str) -> Output[str]:
        role = roles.make("grafana", "monitoring", trust_service("grafana.amazonaws.com"), self)
        query = ["aps:QueryMetrics", "aps:GetLabels", "aps:GetSeries", "aps:GetMetricMetadata"]
        look = ["cloudwatch:GetMetricData", "cloudwatch:ListMetrics", "cloudwatch:DescribeAlarms"]
        rights = [
            Statement("Query", query, [self.metrics_arn]),
            # CloudWatch's reads and the list of workspaces know no resource.
            Statement("Look", [*look, "aps:ListWorkspaces"], ["*"]),
        ]
        aws.iam.RolePolicy("grafana", role=role.id, policy=document(*rights), opts=self._child)
        workspace = aws.grafana.Workspace(
            "grafana",
            name=self._place.name("grafana"),
            account_access_type="CURRENT_ACCOUNT",
            authentication_providers=[sign_in],
            permission_type="CUSTOMER_MANAGED",
            role_arn=role.arn,
            data_sources=["PROMETHEUS", "CLOUDWATCH"],
            grafana_version=GRAFANA_VERSION,
            tags=self._tags("grafana"),
            opts=self._child,
        )
        return workspace.endpoint

    def _topic(self, severity: str, email: str, key_arn: Output[str]) -> Output[str]:
        topic = aws.sns.Topic(
            severity,
            name=self._place.name(severity),
            kms_master_key_id=key_arn,
            tags=self._tags(severity),
            opts=self._child,
        )
        publishers = Statement(
            "Alarms",
            ["sns:Publish"],
            [topic.arn],
            {"StringEquals": {"aws:SourceAccount": self._place.account}},
            principal={"Service": ["cloudwatch.amazonaws.com", "budgets.amazonaws.com"]},
        )
        aws.sns.TopicPolicy(severity, arn=topic.arn, policy=document(publishers), opts=self._child)
        aws.sns.TopicSubscription(severity, topic=topic.arn, protocol="email", endpoint=email, opts=self._child)
        return topic.arn

    def _budget(self, limit: int) -> None:
        """Warn when the month is going to be too dear, page when it is."""
        warning, page = (self.topic_arns[severity] for severity in SEVERITIES)
        steps = [("FORECASTED", 100, warning), ("ACTUAL", 80, warning), ("ACTUAL", 100, page)]
        aws.budgets.Budget(
            "month",
            name=self._place.name("month"),
            budget_type="COST",
            limit_amount=str(limit),
            limit_unit="USD",
            time_unit="MONTHLY",
            notifications=[
                {
                    "comparison_operator": "GREATER_THAN",
                    "notification_type": kind,
                    "threshold": percent,
                    "threshold_type": "PERCENTAGE",
                    "subscriber_sns_topic_arns": [topic],
                }
                for kind, percent, topic in steps
            ],
            tags=self._tags("month"),
            opts=self._child,
        )
