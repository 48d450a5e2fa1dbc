"""The cluster: who gets in, what is sealed, what nodes may do."""

from __future__ import annotations

import json
from typing import Any

import pytest
from pydantic import ValidationError

from credit_infra.cluster_config import ClusterConfig
from credit_infra.constants import KUBERNETES_VERSION
from credit_infra.recording import Recording

STEADY = {
    "name": "steady",
    "capacity": "ON_DEMAND",
    "instanceTypes": ["m6i.large"],
    "minimum": 1,
    "maximum": 2,
    "diskGib": 50,
}
GOOD: dict[str, Any] = {"administrators": ["arn:aws:iam::111111111111:role/a"], "logDays": 30, "nodeGroups": [STEADY]}


def test_the_api_is_closed_or_limited(cloud: Recording) -> None:
    network = cloud.one("aws:eks/cluster:Cluster", "cluster").inputs["vpcConfig"]
    assert network["endpointPrivateAccess"] is True
    wanted = {"staging": (True, ["203.0.113.0/24"]), "production": (False, [])}
    assert (network["endpointPublicAccess"], network["publicAccessCidrs"]) == wanted[cloud.stack]


def test_access_is_by_entries_and_nobody_else(cloud: Recording) -> None:
    cluster = cloud.one("aws:eks/cluster:Cluster", "cluster").inputs
    assert cluster["accessConfig"] == {"authenticationMode": "API", "bootstrapClusterCreatorAdminPermissions": False}
    admins = {
        entry.inputs["principalArn"]
        for entry in cloud.of("aws:eks/accessPolicyAssociation:AccessPolicyAssociation")
        if entry.inputs["policyArn"].endswith("/AmazonEKSClusterAdminPolicy")
    }
    assert len(admins) == 2
    assert "arn:aws:mock:Role/infra-up" in admins
    entries = {entry.inputs["principalArn"] for entry in cloud.of("aws:eks/accessEntry:AccessEntry")}
    assert admins < entries


def test_secrets_are_sealed_and_everything_is_logged(cloud: Recording) -> None:
    cluster = cloud.one("aws:eks/cluster:Cluster", "cluster").inputs
    assert cluster["encryptionConfig"]["provider"] == {"keyArn": "arn:aws:mock:Key/cluster-key"}
    assert cluster["encryptionConfig"]["resources"] == ["secrets"]
    assert set(cluster["enabledClusterLogTypes"]) == {"api", "audit", "authenticator", "controllerManager", "scheduler"}
    assert cloud.one("aws:cloudwatch/logGroup:LogGroup", "control-plane").inputs["name"] == (
        f"/aws/eks/{cluster['name']}/cluster"
    )


def test_addons_are_pinned_and_network_policy_is_on(cloud: Recording) -> None:
    addons = {entry.inputs["addonName"]: entry.inputs for entry in cloud.of("aws:eks/addon:Addon")}
    assert set(addons) == {"vpc-cni", "coredns", "kube-proxy", "aws-ebs-csi-driver", "eks-pod-identity-agent"}
    assert all(inputs["addonVersion"].startswith("v") for inputs in addons.values())
    assert addons["kube-proxy"]["addonVersion"].startswith(f"v{KUBERNETES_VERSION}.")
    assert json.loads(addons["vpc-cni"]["configurationValues"])["enableNetworkPolicy"] == "true"


def test_addons_that_need_a_node_wait_for_one_and_the_others_do_not(cloud: Recording) -> None:
    needs = {entry.name: entry.depends_on for entry in cloud.of("aws:eks/addon:Addon")}
    nodes = "credit:infra:Nodes nodes"
    waiting = {name for name, needed in needs.items() if any("NodeGroup" in key or key == nodes for key in needed)}
    assert waiting == {"coredns", "aws-ebs-csi-driver"}


def test_nodes_are_hardened(cloud: Recording) -> None:
    for template in cloud.of("aws:ec2/launchTemplate:LaunchTemplate"):
        assert template.inputs["metadataOptions"] == {
            "httpEndpoint": "enabled",
            "httpTokens": "required",
            "httpPutResponseHopLimit": 1,
        }
        assert [mapping["ebs"]["encrypted"] for mapping in template.inputs["blockDeviceMappings"]] == ["true"]
        assert {entry["resourceType"] for entry in template.inputs["tagSpecifications"]} == {"instance", "volume"}


def test_node_groups_come_on_demand_and_spot_in_private_subnets(cloud: Recording) -> None:
    groups = {entry.name: entry.inputs for entry in cloud.of("aws:eks/nodeGroup:NodeGroup")}
    assert {inputs["capacityType"] for inputs in groups.values()} == {"ON_DEMAND", "SPOT"}
    for inputs in groups.values():
        assert all(subnet.startswith("Subnet/private-") for subnet in inputs["subnetIds"])
        assert inputs["version"] == KUBERNETES_VERSION
    assert groups["steady"]["scalingConfig"]["minSize"] >= {"staging": 2, "production": 3}[cloud.stack]


def test_a_node_may_pull_images_and_join_and_nothing_else(cloud: Recording) -> None:
    attached = cloud.of("aws:iam/rolePolicyAttachment:RolePolicyAttachment")
    names = {entry.inputs["policyArn"].split("/")[-1] for entry in attached if entry.name.startswith("node-")}
    assert names == {"AmazonEKSWorkerNodePolicy", "AmazonEC2ContainerRegistryPullOnly"}


def test_the_way_in_holds_no_credential(cloud: Recording) -> None:
    config = json.loads(cloud.one("pulumi:providers:kubernetes", "kubernetes").inputs["kubeconfig"])
    command = config["users"][0]["user"]["exec"]
    assert (command["command"], command["args"][2:4]) == ("aws", ["eks", "get-token"])
    assert set(config["users"][0]["user"]) == {"exec"}
    assert config["clusters"][0]["cluster"]["certificate-authority-data"] == "Y2VydGlmaWNhdGU="


def test_nothing_goes_into_the_cluster_before_somebody_is_let_in(cloud: Recording) -> None:
    waited_for = set(cloud.one("pulumi:providers:kubernetes", "kubernetes").depends_on)
    entries = {one.key for one in cloud.of("aws:eks/accessPolicyAssociation:AccessPolicyAssociation")}
    assert len(entries) == 4
    assert entries | {one.key for one in cloud.of("aws:eks/nodeGroup:NodeGroup")} <= waited_for


def test_the_vpc_reaches_the_private_endpoint_and_no_other_network_does(cloud: Recording) -> None:
    rules = [
        one.inputs
        for one in cloud.of("aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule")
        if one.inputs["securityGroupId"] == "sg-cluster"
    ]
    vpc = cloud.one("aws:ec2/vpc:Vpc", "vpc").inputs["cidrBlock"]
    assert [(rule["cidrIpv4"], rule["fromPort"], rule["toPort"]) for rule in rules if "cidrIpv4" in rule] == [
        (vpc, 443, 443)
    ]
    assert len(rules) == 2


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"publicAccess": ["0.0.0.0/0"]},
            "publicAccess 0.0.0.0/0 is wider than /16: write the office's or VPN's own range",
        ),
        ({"administrators": []}, "at least 1 item"),
        ({"nodeGroups": [STEADY | {"minimum": 3}]}, "node group steady: minimum 3 is above maximum 2"),
        ({"nodeGroups": [STEADY | {"capacity": "SPOT"}]}, "spot needs 3 or more instanceTypes"),
        ({"nodeGroups": [STEADY | {"minimum": 0}]}, "one ON_DEMAND group needs minimum 1 or more"),
    ],
)
def test_a_cluster_that_nobody_should_apply_is_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        ClusterConfig.model_validate(GOOD | change)
