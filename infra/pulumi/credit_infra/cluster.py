"""The Kubernetes control plane, who may use it, and its managed add-ons. Nodes are in `nodes`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pulumi
import pulumi_aws as aws
from pulumi import Output, ResourceOptions

from credit_infra.cluster_config import ClusterConfig
from credit_infra.constants import ADDONS_AFTER_NODES, ADDONS_BEFORE_NODES, HTTPS_PORT, KUBERNETES_VERSION, SCORING_PORT
from credit_infra.errors import answered
from credit_infra.network import Network
from credit_infra.network_config import NetworkConfig
from credit_infra.nodes import Nodes
from credit_infra.permissions import trust_pods, trust_service
from credit_infra.place import Place
from credit_infra.roles import Roles

LOGS = ("api", "audit", "authenticator", "controllerManager", "scheduler")
MANAGED_POLICY = "arn:aws:iam::aws:policy"
ACCESS_POLICY = "arn:aws:eks::aws:cluster-access-policy"
ADDON_SETTINGS = {"vpc-cni": {"enableNetworkPolicy": "true", "env": {"ENABLE_PREFIX_DELEGATION": "true"}}}
ADDON_ACCOUNTS = {
    "vpc-cni": ("aws-node", f"{MANAGED_POLICY}/AmazonEKS_CNI_Policy"),
    "aws-ebs-csi-driver": ("ebs-csi-controller-sa", f"{MANAGED_POLICY}/service-role/AmazonEBSCSIDriverPolicy"),
}
"""Add-ons that call AWS: their service account and the rights it gets by Pod Identity."""


class Cluster(pulumi.ComponentResource):
    """EKS with API access entries, encrypted Secrets and control-plane logs."""

    cluster_name: Output[str]
    security_group_id: Output[str]
    """The group of control plane and nodes, made by EKS."""
    kubeconfig: Output[str]
    autoscaling_groups: dict[str, Output[str]]

    def __init__(
        self,
        config: ClusterConfig,
        addresses: NetworkConfig,
        place: Place,
        roles: Roles,
        ci_role_arns: Mapping[str, Output[str]],
        network: Network,
        key_arn: Output[str],
        logs_key_arn: Output[str],
        opts: ResourceOptions | None = None,
    ) -> None:
        super().__init__("credit:infra:Cluster", "cluster", None, opts)
        self._place, self._roles = place, roles
        self._child = ResourceOptions(parent=self)
        group = self._log_group(config.log_days, logs_key_arn)
        cluster = self._control_plane(config, addresses, network, key_arn, group)
        self.cluster_name = cluster.name
        self.security_group_id = cluster.vpc_config.apply(
            lambda vpc: answered(vpc.cluster_security_group_id, "security group of the cluster")
        )
        self.kubeconfig = self._kubeconfig(cluster)
        self._let_in(network.load_balancer_security_group_id, addresses)
        self._access(config, ci_role_arns)
        before = [self._addon(name, version, []) for name, version in ADDONS_BEFORE_NODES.items()]
        after_addons = ResourceOptions(parent=self, depends_on=before)
        nodes = Nodes(config.node_groups, place, roles, cluster.name, network.private_subnet_ids, key_arn, after_addons)
        self.autoscaling_groups = nodes.autoscaling_groups
        for name, version in ADDONS_AFTER_NODES.items():
            self._addon(name, version, [nodes])
        self.register_outputs({"clusterName": self.cluster_name})

    def exports(self) -> dict[str, pulumi.Input[Any]]:
        """Stack outputs, for charts, CI and people."""
        return {"clusterName": self.cluster_name}

    def _tags(self, what: str) -> dict[str, str]:
        return self._place.tags("cluster", what)

    def _log_group(self, days: int, key_arn: Output[str]) -> aws.cloudwatch.LogGroup:
        # EKS writes to this name and would make the group itself: unencrypted and kept for ever.
        return aws.cloudwatch.LogGroup(
            "control-plane",
            name=f"/aws/eks/{self._place.name('cluster')}/cluster",
            retention_in_days=days,
            kms_key_id=key_arn,
            tags=self._tags("control-plane"),
            opts=self._child,
        )

    def _control_plane(
        self,
        config: ClusterConfig,
        addresses: NetworkConfig,
        network: Network,
        key_arn: Output[str],
        log_group: aws.cloudwatch.LogGroup,
    ) -> aws.eks.Cluster:
        role = self._role(
            "control-plane", trust_service("eks.amazonaws.com"), f"{MANAGED_POLICY}/AmazonEKSClusterPolicy"
        )
        return aws.eks.Cluster(
            "cluster",
            name=self._place.name("cluster"),
            version=KUBERNETES_VERSION,
            role_arn=role.arn,
            access_config={"authentication_mode": "API", "bootstrap_cluster_creator_admin_permissions": False},
            vpc_config={
                "subnet_ids": network.intra_subnet_ids,
                "endpoint_private_access": True,
                "endpoint_public_access": bool(config.public_access),
                "public_access_cidrs": [str(cidr) for cidr in config.public_access],
            },
            kubernetes_network_config={"service_ipv4_cidr": str(addresses.service_cidr)},
            encryption_config={"provider": {"key_arn": key_arn}, "resources": ["secrets"]},
            enabled_cluster_log_types=list(LOGS),
            # The add-ons below are the managed ones; EKS's own first copies would fight them.
            bootstrap_self_managed_addons=False,
            upgrade_policy={"support_type": "STANDARD"},
            zonal_shift_config={"enabled": True},
            deletion_protection=True,
            tags=self._tags("cluster"),
            opts=ResourceOptions(parent=self, protect=True, depends_on=[log_group]),
        )

    def _role(self, what: str, trust: Output[str], policy: str) -> aws.iam.Role:
        role = self._roles.make(what, "cluster", trust, self)
        aws.iam.RolePolicyAttachment(what, role=role.name, policy_arn=policy, opts=self._child)
        return role

    def _access(self, config: ClusterConfig, ci_role_arns: Mapping[str, Output[str]]) -> None:
        """Who may use the API: people's roles, and CI's that apply or preview this program."""
        admins: dict[str, pulumi.Input[str]] = {f"administrator-{n}": a for n, a in enumerate(config.administrators)}
        admins["infra-up"] = ci_role_arns["infra-up"]
        viewers: dict[str, pulumi.Input[str]] = {f"viewer-{n}": arn for n, arn in enumerate(config.viewers)}
        viewers["infra-preview"] = ci_role_arns["infra-preview"]
        for policy, people in (("AmazonEKSClusterAdminPolicy", admins), ("AmazonEKSViewPolicy", viewers)):
            for name, arn in people.items():
                entry = aws.eks.AccessEntry(
                    name, cluster_name=self.cluster_name, principal_arn=arn, tags=self._tags(name), opts=self._child
                )
                aws.eks.AccessPolicyAssociation(
                    name,
                    cluster_name=self.cluster_name,
                    principal_arn=entry.principal_arn,
                    policy_arn=f"{ACCESS_POLICY}/{policy}",
                    access_scope={"type": "cluster"},
                    opts=self._child,
                )

    def _addon(self, name: str, version: str, after: list[pulumi.Resource]) -> aws.eks.Addon:
        associations: list[aws.eks.AddonPodIdentityAssociationArgs] = []
        if name in ADDON_ACCOUNTS:
            service_account, policy = ADDON_ACCOUNTS[name]
            role = self._role(name, trust_pods(), policy)
            associations = [aws.eks.AddonPodIdentityAssociationArgs(role_arn=role.arn, service_account=service_account)]
        return aws.eks.Addon(
            name,
            cluster_name=self.cluster_name,
            addon_name=name,
            addon_version=version,
            configuration_values=json.dumps(ADDON_SETTINGS[name]) if name in ADDON_SETTINGS else None,
            pod_identity_associations=associations,
            resolve_conflicts_on_create="OVERWRITE",
            resolve_conflicts_on_update="OVERWRITE",
            tags=self._tags(name),
            opts=ResourceOptions(parent=self, depends_on=after),
        )

    def _let_in(self, load_balancer_group_id: Output[str], addresses: NetworkConfig) -> None:
        """The load balancer reaches the service's pods, the VPC the API and 443 of nodes and pods; nobody else does.

        Nodes and pods bear the control plane's group too, so that no rule tells them apart.
        """
        self._rule(
            "scoring-api",
            "Load balancer to scoring-api",
            SCORING_PORT,
            referenced_security_group_id=load_balancer_group_id,
        )
        # EKS lets its nodes and control plane in alone: the end of a VPN or a runner would knock in vain.
        self._rule("api", "The VPC to the private endpoint", HTTPS_PORT, cidr_ipv4=str(addresses.cidr))

    def _rule(self, name: str, description: str, port: int, **source: pulumi.Input[str]) -> None:
        aws.vpc.SecurityGroupIngressRule(
            name,
            security_group_id=self.security_group_id,
            description=description,
            ip_protocol="tcp",
            from_port=port,
            to_port=port,
            tags=self._tags(name),
            opts=self._child,
            **source,
        )

    def _kubeconfig(self, cluster: aws.eks.Cluster) -> Output[str]:
        """A kubeconfig without a credential: `aws eks get-token` makes a short one for whoever runs Pulumi."""
        name = self._place.name("cluster")
        command = ["--region", self._place.region, "eks", "get-token", "--cluster-name", name]
        user = {"exec": {"apiVersion": "client.authentication.k8s.io/v1", "command": "aws", "args": command}}
        server = {
            "server": cluster.endpoint,
            "certificate-authority-data": cluster.certificate_authority.apply(lambda authority: authority.data),
        }
        return Output.json_dumps(
            {
                "apiVersion": "v1",
                "kind": "Config",
                "current-context": name,
                "clusters": [{"name": name, "cluster": server}],
                "users": [{"name": name, "user": user}],
                "contexts": [{"name": name, "context": {"cluster": name, "user": name}}],
            }
        )
