"""Managed node groups, on demand and spot, on hardened launch templates. Where pods land is the charts' matter."""

from __future__ import annotations

from collections.abc import Sequence

import pulumi
import pulumi_aws as aws
from pulumi import Output, ResourceOptions

from credit_infra.cluster_config import NodeGroupConfig
from credit_infra.constants import KUBERNETES_VERSION
from credit_infra.errors import answered
from credit_infra.permissions import trust_service
from credit_infra.place import Place
from credit_infra.roles import Roles

CAPACITY_LABEL = "credit/capacity"
NODE_POLICIES = ("AmazonEKSWorkerNodePolicy", "AmazonEC2ContainerRegistryPullOnly")
"""All that a node needs; the CNI has rights of its own by Pod Identity."""


class Nodes(pulumi.ComponentResource):
    """One managed node group per entry of the configuration."""

    autoscaling_groups: dict[str, Output[str]]
    """Name of the EC2 autoscaling group by node group."""

    def __init__(
        self,
        groups: Sequence[NodeGroupConfig],
        place: Place,
        roles: Roles,
        cluster_name: Output[str],
        subnet_ids: list[Output[str]],
        key_arn: Output[str],
        opts: ResourceOptions | None = None,
    ) -> None:
        super().__init__("credit:infra:Nodes", "nodes", None, opts)
        self._place = place
        self._child = ResourceOptions(parent=self)
        role = roles.make("node", "cluster", trust_service("ec2.amazonaws.com"), self)
        rights = [
            aws.iam.RolePolicyAttachment(
                f"node-{policy}", role=role.name, policy_arn=f"arn:aws:iam::aws:policy/{policy}", opts=self._child
            )
            for policy in NODE_POLICIES
        ]
        self.autoscaling_groups = {}
        for group in groups:
            template = self._template(group, key_arn)
            made = self._group(group, cluster_name, role, rights, subnet_ids, template)
            self.autoscaling_groups[group.name] = made.resources.apply(
                lambda parts: answered((parts[0].autoscaling_groups or [])[0].name, "autoscaling group of the nodes")
            )
        self.register_outputs({})

    def _template(self, group: NodeGroupConfig, key_arn: Output[str]) -> aws.ec2.LaunchTemplate:
        tags = self._place.tags("cluster", f"node-{group.name}")
        return aws.ec2.LaunchTemplate(
            group.name,
            # One hop: a pod that is not on the host network cannot reach the node's credentials.
            metadata_options={"http_tokens": "required", "http_endpoint": "enabled", "http_put_response_hop_limit": 1},
            block_device_mappings=[
                {
                    "device_name": "/dev/xvda",
                    "ebs": {
                        "volume_size": group.disk_gib,
                        "volume_type": "gp3",
                        "encrypted": "true",
                        "kms_key_id": key_arn,
                        "delete_on_termination": "true",
                    },
                }
            ],
            tag_specifications=[{"resource_type": kind, "tags": tags} for kind in ("instance", "volume")],
            update_default_version=True,
            tags=tags,
            opts=self._child,
        )

    def _group(
        self,
        group: NodeGroupConfig,
        cluster_name: Output[str],
        role: aws.iam.Role,
        rights: Sequence[pulumi.Resource],
        subnet_ids: list[Output[str]],
        template: aws.ec2.LaunchTemplate,
    ) -> aws.eks.NodeGroup:
        return aws.eks.NodeGroup(
            group.name,
            cluster_name=cluster_name,
            node_role_arn=role.arn,
            subnet_ids=subnet_ids,
            version=KUBERNETES_VERSION,
            ami_type="AL2023_x86_64_STANDARD",
            capacity_type=group.capacity,
            instance_types=list(group.instance_types),
            launch_template={"id": template.id, "version": template.latest_version.apply(str)},
            scaling_config={"min_size": group.minimum, "max_size": group.maximum, "desired_size": group.minimum},
            update_config={"max_unavailable_percentage": 25},
            node_repair_config={"enabled": True},
            labels={CAPACITY_LABEL: group.capacity.lower().replace("_", "-")},
            tags=self._place.tags("cluster", f"node-{group.name}"),
            # The autoscaler owns the size between the limits; an update must not undo its work.
            opts=ResourceOptions(parent=self, depends_on=rights, ignore_changes=["scalingConfig.desiredSize"]),
        )
