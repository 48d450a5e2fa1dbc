"""What each workload may do in AWS, by EKS Pod Identity: no key exists that could be stolen.

A workload that is not listed may do nothing. The rights of CI are in `continuous_integration`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws
from pulumi import Output, ResourceOptions

from credit_infra.constants import ARCHIVE_PREFIX, ARCHIVE_WORKLOAD, EXTERNAL_SECRETS, MONITORING_NAMESPACE
from credit_infra.encryption import Encryption
from credit_infra.monitoring import Monitoring
from credit_infra.permissions import Statement, document, trust_pods
from credit_infra.place import Place
from credit_infra.roles import Roles
from credit_infra.secret_containers import SecretContainers
from credit_infra.storage import BucketRef, Storage

READ_BY_KEY, WRITE_BY_KEY = ("kms:Decrypt",), ("kms:Decrypt", "kms:GenerateDataKey")
PROMETHEUS_RELEASE = "kube-prometheus-stack"
"""The chart names its service accounts after the release; see `argocd/platform/`."""

LOAD_BALANCER_READS = (
    "acm:ListCertificates",
    "acm:DescribeCertificate",
    "ec2:DescribeAccountAttributes",
    "ec2:DescribeAddresses",
    "ec2:DescribeAvailabilityZones",
    "ec2:DescribeInstances",
    "ec2:DescribeInternetGateways",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeRouteTables",
    "ec2:DescribeSecurityGroups",
    "ec2:DescribeSubnets",
    "ec2:DescribeTags",
    "ec2:DescribeVpcs",
    "ec2:GetSecurityGroupsForVpc",
    "elasticloadbalancing:Describe*",
)
LOAD_BALANCER_CHANGES = (
    "AddTags",
    "CreateListener",
    "CreateRule",
    "DeleteListener",
    "DeleteLoadBalancer",
    "DeleteRule",
    "DeleteTargetGroup",
    "DeregisterTargets",
    "ModifyListener",
    "ModifyLoadBalancerAttributes",
    "ModifyRule",
    "ModifyTargetGroup",
    "ModifyTargetGroupAttributes",
    "RegisterTargets",
    "RemoveTags",
    "SetSecurityGroups",
    "SetSubnets",
)


@dataclass(frozen=True, slots=True)
class Workload:
    """One Kubernetes service account and its rights."""

    name: str
    namespace: str
    service_account: str
    rights: Sequence[Statement]


@dataclass(frozen=True, slots=True)
class Resources:
    """What the rights are about."""

    storage: Storage
    secrets: SecretContainers
    keys: Encryption
    monitoring: Monitoring


def _objects(bucket: BucketRef) -> list[pulumi.Input[str]]:
    return [Output.concat(bucket.arn, "/*")]


def scoring_workloads(environment: str, resources: Resources) -> list[Workload]:
    """The platform's own services, in their environment's namespace."""
    storage, key = resources.storage, resources.keys.data_key_arn
    # Who writes the journal has no right to the archive, and this one may only read the journal. It adds objects under
    # names that are free, and cannot read, change or delete what is there.
    archive = [
        Statement(
            "AddDecisions",
            ["s3:PutObject"],
            [Output.concat(storage.archive.arn, f"/{ARCHIVE_PREFIX}/*")],
            {"Null": {"s3:if-none-match": "false"}},
        ),
        Statement("ListDecisions", ["s3:ListBucket"], [storage.archive.arn]),
        Statement("Encrypt", WRITE_BY_KEY, [key]),
    ]
    monitor = [
        # It takes away reports that have expired, and the lease by which two monitors keep apart.
        Statement("KeepReports", ["s3:GetObject", "s3:PutObject", "s3:DeleteObject"], _objects(storage.reports)),
        Statement("ListReports", ["s3:ListBucket"], [storage.reports.arn]),
        Statement("Encrypt", WRITE_BY_KEY, [key]),
    ]
    tracking = [
        Statement("KeepArtefacts", ["s3:GetObject", "s3:PutObject", "s3:DeleteObject"], _objects(storage.models)),
        Statement("ListArtefacts", ["s3:ListBucket"], [storage.models.arn]),
        Statement("Encrypt", WRITE_BY_KEY, [key]),
    ]
    # The scoring API asks AWS for nothing.
    rights = {"drift-monitor": monitor, ARCHIVE_WORKLOAD: archive, "tracking": tracking}
    return [Workload(name, environment, name, statements) for name, statements in rights.items()]


def platform_workloads(place: Place, resources: Resources) -> list[Workload]:
    """What runs beside the services: secrets, metrics, alarms, autoscaling, load balancers."""
    read_secrets = ["secretsmanager:GetSecretValue", "secretsmanager:DescribeSecret"]
    publish = [
        Statement("Page", ["sns:Publish"], list(resources.monitoring.topic_arns.values())),
        Statement("Encrypt", ["kms:Decrypt", "kms:GenerateDataKey*"], [resources.keys.logs_key_arn]),
    ]
    secrets = [
        Statement("ReadSecrets", read_secrets, resources.secrets.arns),
        Statement("Decrypt", READ_BY_KEY, [resources.keys.data_key_arn]),
    ]
    write_metrics = [Statement("RemoteWrite", ["aps:RemoteWrite"], [resources.monitoring.metrics_arn])]
    return [
        Workload("external-secrets", EXTERNAL_SECRETS, EXTERNAL_SECRETS, secrets),
        Workload("prometheus", MONITORING_NAMESPACE, f"{PROMETHEUS_RELEASE}-prometheus", write_metrics),
        Workload("alertmanager", MONITORING_NAMESPACE, f"{PROMETHEUS_RELEASE}-alertmanager", publish),
        Workload("cluster-autoscaler", "kube-system", "cluster-autoscaler", _autoscaler(place)),
        Workload("load-balancer-controller", "kube-system", "aws-load-balancer-controller", _load_balancers(place)),
    ]


def _autoscaler(place: Place) -> list[Statement]:
    ours = {"StringEquals": {f"aws:ResourceTag/k8s.io/cluster-autoscaler/{place.name('cluster')}": "owned"}}
    look = [
        "autoscaling:DescribeAutoScalingGroups",
        "autoscaling:DescribeAutoScalingInstances",
        "autoscaling:DescribeScalingActivities",
        "autoscaling:DescribeTags",
        "ec2:DescribeInstanceTypes",
        "ec2:DescribeLaunchTemplateVersions",
        "eks:DescribeNodegroup",
    ]
    move = ["autoscaling:SetDesiredCapacity", "autoscaling:TerminateInstanceInAutoScalingGroup"]
    # Describe calls know no resource; the two that change something are held to this cluster's groups.
    return [Statement("Look", look, ["*"]), Statement("Move", move, ["*"], ours)]


def _load_balancers(place: Place) -> list[Statement]:
    cluster = place.name("cluster")
    created = {"StringEquals": {"aws:RequestTag/elbv2.k8s.aws/cluster": cluster}}
    ours = {"StringEquals": {"aws:ResourceTag/elbv2.k8s.aws/cluster": cluster}}
    make = [f"elasticloadbalancing:Create{kind}" for kind in ("LoadBalancer", "TargetGroup")]
    change = [f"elasticloadbalancing:{verb}" for verb in LOAD_BALANCER_CHANGES]
    resources = [place.arn("elasticloadbalancing", kind) for kind in ("loadbalancer/*", "targetgroup/*", "listener*/*")]
    created_here = [f"Create{kind}" for kind in ("LoadBalancer", "TargetGroup", "Listener", "Rule")]
    tag = Statement(
        "TagNew",
        ["elasticloadbalancing:AddTags"],
        resources,
        {"StringEquals": {"elasticloadbalancing:CreateAction": created_here}},
    )
    # AWS makes the role of load balancers with the account's first one, in the name of whoever asks for it.
    link = Statement(
        "LinkRole",
        ["iam:CreateServiceLinkedRole"],
        [f"arn:aws:iam::{place.account}:role/aws-service-role/elasticloadbalancing.amazonaws.com/*"],
    )
    return [
        link,
        Statement("Look", LOAD_BALANCER_READS, ["*"]),
        Statement("Make", make, resources, created),
        tag,
        Statement("Change", change, resources, ours),
    ]


class Identity(pulumi.ComponentResource):
    """One role per workload, and its association with the workload's service account."""

    role_arns: dict[str, Output[str]]

    def __init__(
        self,
        workloads: Sequence[Workload],
        place: Place,
        roles: Roles,
        cluster_name: Output[str],
        opts: ResourceOptions | None = None,
    ) -> None:
        super().__init__("credit:infra:Identity", "identity", None, opts)
        child = ResourceOptions(parent=self)
        self.role_arns = {}
        for workload in workloads:
            role = roles.make(workload.name, "identity", trust_pods(), self)
            aws.iam.RolePolicy(workload.name, role=role.id, policy=document(*workload.rights), opts=child)
            aws.eks.PodIdentityAssociation(
                workload.name,
                cluster_name=cluster_name,
                namespace=workload.namespace,
                service_account=workload.service_account,
                role_arn=role.arn,
                tags=place.tags("identity", workload.name),
                opts=child,
            )
            self.role_arns[workload.name] = role.arn
        self.register_outputs({})
