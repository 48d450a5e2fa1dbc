"""What the cloud watches itself, who is told, and what a month may cost."""

from __future__ import annotations

from collections.abc import Mapping

from stacks import CLOUD_STACKS, statements

from credit_infra.costs import estimate, prices
from credit_infra.recording import Recording

ALARM = "aws:cloudwatch/metricAlarm:MetricAlarm"


def test_database_gateways_and_machines_are_watched(cloud: Recording) -> None:
    watched = {entry.inputs["namespace"] for entry in cloud.of(ALARM)}
    assert watched == {"AWS/RDS", "AWS/NATGateway", "AWS/EC2"}
    gateways = {entry.inputs["dimensions"].get("NatGatewayId") for entry in cloud.of(ALARM)} - {None}
    assert len(gateways) == len(list(cloud.of("aws:ec2/natGateway:NatGateway")))


def test_every_alarm_reaches_somebody_and_says_what_to_do(cloud: Recording) -> None:
    topics = {"arn:aws:mock:Topic/warning", "arn:aws:mock:Topic/page"}
    for alarm in cloud.of(ALARM):
        assert set(alarm.inputs["alarmActions"]) <= topics
        assert alarm.inputs["okActions"] == alarm.inputs["alarmActions"]
        assert len(alarm.inputs["alarmDescription"].split(". ")) == 2
    subscribed = {entry.inputs["topic"] for entry in cloud.of("aws:sns/topicSubscription:TopicSubscription")}
    assert subscribed == topics


def test_a_full_disk_wakes_somebody(cloud: Recording) -> None:
    disk = cloud.one(ALARM, "database-FreeStorageSpace").inputs
    assert disk["comparisonOperator"] == "LessThanThreshold"
    assert disk["alarmActions"] == ["arn:aws:mock:Topic/page"]


def test_alertmanager_and_prometheus_may_send_and_nothing_else(cloud: Recording) -> None:
    kind = "aws:iam/rolePolicy:RolePolicy"
    assert statements(cloud.one(kind, "prometheus"))[0]["Action"] == ["aps:RemoteWrite"]
    publish = statements(cloud.one(kind, "alertmanager"))[0]
    assert (publish["Action"], len(publish["Resource"])) == (["sns:Publish"], 2)


def test_people_sign_in_to_grafana_as_the_stack_says(cloud: Recording) -> None:
    assert cloud.one("aws:grafana/workspace:Workspace", "grafana").inputs["authenticationProviders"] == ["AWS_SSO"]


def test_only_this_account_publishes_to_the_topics(cloud: Recording) -> None:
    for policy in cloud.of("aws:sns/topicPolicy:TopicPolicy"):
        account = statements(policy)[0]["Condition"]["StringEquals"]["aws:SourceAccount"]
        assert account in {"111111111111", "222222222222"}


def test_the_budget_warns_before_it_pages(cloud: Recording) -> None:
    steps = cloud.one("aws:budgets/budget:Budget", "month").inputs["notifications"]
    told = [(step["notificationType"], step["threshold"], step["subscriberSnsTopicArns"][0][-7:]) for step in steps]
    assert told == [("FORECASTED", 100, "warning"), ("ACTUAL", 80, "warning"), ("ACTUAL", 100, "ic/page")]


def test_the_budget_is_above_the_estimate(recordings: Mapping[str, Recording]) -> None:
    for stack in CLOUD_STACKS:
        month = sum(line.month for line in estimate(recordings[stack], prices()))
        limit = float(recordings[stack].one("aws:budgets/budget:Budget", "month").inputs["limitAmount"])
        assert 0.4 * limit < month < limit


def test_the_estimate_counts_what_is_there(recordings: Mapping[str, Recording]) -> None:
    lines = {stack: {line.what: line for line in estimate(recordings[stack], prices())} for stack in CLOUD_STACKS}
    assert lines["production"]["NAT gateways"].month == 3 * 0.052 * 730
    assert lines["staging"]["NAT gateways"].quantity == 1
    assert lines["production"]["GiB of database disks"].quantity == 200
