"""CloudWatch alarms on what Prometheus in the cluster cannot see: database, NAT gateways, the nodes' machines."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws
from pulumi import Output, ResourceOptions

from credit_infra.place import Place

GIB = 1024**3
MINUTES = 60


@dataclass(frozen=True, slots=True)
class Threshold:
    """When a metric is bad: `above` or below `limit` for `periods` × 5 minutes in a row."""

    metric: str
    limit: float
    advice: str
    severity: str = "warning"
    above: bool = True
    periods: int = 3
    statistic: str = "Average"


DATABASE = (
    Threshold("CPUUtilization", 80, "Look at Performance Insights for the statement, then raise instanceClass."),
    Threshold("FreeStorageSpace", 5 * GIB, "Raise maximumGib before writes of decisions stop.", "page", above=False),
    Threshold("FreeableMemory", GIB / 4, "Look for long sessions, then raise instanceClass.", above=False),
    Threshold("DatabaseConnections", 150, "Look which application leaks connections (pg_stat_activity)."),
    Threshold("DiskQueueDepth", 32, "The disk is behind: look for a sequential scan of the journal."),
)
NAT = (
    Threshold("ErrorPortAllocation", 0, "Out of ports: add a NAT gateway per zone.", "page", statistic="Sum"),
    Threshold("PacketsDropCount", 100, "The gateway drops packets: compare with AWS Health.", statistic="Sum"),
)
MACHINES = (
    Threshold("StatusCheckFailed", 0, "A machine is broken: see if node repair replaced it.", statistic="Maximum"),
)


class Alarms(pulumi.ComponentResource):
    """One alarm per threshold and thing watched; missing data of a machine that is gone is no alarm."""

    def __init__(
        self,
        place: Place,
        topic_arns: Mapping[str, Output[str]],
        database_id: Output[str],
        nat_gateways: Mapping[str, Output[str]],
        autoscaling_groups: Mapping[str, Output[str]],
        opts: ResourceOptions | None = None,
    ) -> None:
        super().__init__("credit:infra:Alarms", "alarms", None, opts)
        self._place, self._topics = place, topic_arns
        for threshold in DATABASE:
            self._alarm("database", "AWS/RDS", {"DBInstanceIdentifier": database_id}, threshold)
        for zone, gateway in nat_gateways.items():
            for threshold in NAT:
                self._alarm(f"nat-{zone}", "AWS/NATGateway", {"NatGatewayId": gateway}, threshold)
        for group, name in autoscaling_groups.items():
            for threshold in MACHINES:
                self._alarm(f"nodes-{group}", "AWS/EC2", {"AutoScalingGroupName": name}, threshold)
        self.register_outputs({})

    def _alarm(self, what: str, namespace: str, dimensions: dict[str, Output[str]], threshold: Threshold) -> None:
        name = f"{what}-{threshold.metric}"
        topic = self._topics[threshold.severity]
        aws.cloudwatch.MetricAlarm(
            name,
            name=self._place.name(name),
            alarm_description=f"{what}: {threshold.metric}. {threshold.advice}",
            namespace=namespace,
            metric_name=threshold.metric,
            dimensions=dict(dimensions),
            statistic=threshold.statistic,
            comparison_operator="GreaterThanThreshold" if threshold.above else "LessThanThreshold",
            threshold=threshold.limit,
            period=5 * MINUTES,
            evaluation_periods=threshold.periods,
            treat_missing_data="notBreaching",
            alarm_actions=[topic],
            ok_actions=[topic],
            tags=self._place.tags("alarms", name),
            opts=ResourceOptions(parent=self),
        )
