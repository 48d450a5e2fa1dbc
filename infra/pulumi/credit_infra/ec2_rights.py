"""What EC2 is asked for each type of resource that the program makes, changes or deletes. Grants nothing by itself.

Out of EC2's API reference; a missing action shows in the first `up` as UnauthorizedOperation, which names it.
"""

from __future__ import annotations

from typing import Final

TAGS: Final = ("CreateTags", "DeleteTags")
RULES: Final = ("ModifySecurityGroupRules",)
INGRESS: Final = ("AuthorizeSecurityGroupIngress", "RevokeSecurityGroupIngress")
EGRESS: Final = ("AuthorizeSecurityGroupEgress", "RevokeSecurityGroupEgress")

BY_TYPE: Final = {
    "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup": (*INGRESS, *EGRESS),
    "aws:ec2/eip:Eip": ("AllocateAddress", "DisassociateAddress", "ReleaseAddress"),
    "aws:ec2/flowLog:FlowLog": ("CreateFlowLogs", "DeleteFlowLogs"),
    "aws:ec2/internetGateway:InternetGateway": (
        "AttachInternetGateway",
        "CreateInternetGateway",
        "DeleteInternetGateway",
        "DetachInternetGateway",
    ),
    "aws:ec2/launchTemplate:LaunchTemplate": (
        "CreateLaunchTemplate",
        "CreateLaunchTemplateVersion",
        "DeleteLaunchTemplate",
        "ModifyLaunchTemplate",
    ),
    "aws:ec2/natGateway:NatGateway": ("CreateNatGateway", "DeleteNatGateway"),
    "aws:ec2/routeTable:RouteTable": (
        "CreateRoute",
        "CreateRouteTable",
        "DeleteRoute",
        "DeleteRouteTable",
        "ReplaceRoute",
    ),
    "aws:ec2/routeTableAssociation:RouteTableAssociation": (
        "AssociateRouteTable",
        "DisassociateRouteTable",
        "ReplaceRouteTableAssociation",
    ),
    # A new group lets everything out until that rule is taken away.
    "aws:ec2/securityGroup:SecurityGroup": ("CreateSecurityGroup", "DeleteSecurityGroup", *INGRESS, *EGRESS),
    "aws:ec2/subnet:Subnet": ("CreateSubnet", "DeleteSubnet", "ModifySubnetAttribute"),
    "aws:ec2/vpc:Vpc": ("CreateVpc", "DeleteVpc", "ModifyVpcAttribute"),
    "aws:ec2/vpcEndpoint:VpcEndpoint": ("CreateVpcEndpoint", "DeleteVpcEndpoints", "ModifyVpcEndpoint"),
    "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule": (*EGRESS, *RULES),
    "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule": (*INGRESS, *RULES),
}
"""By the engine's name of the type, as the program is recorded."""


def actions() -> list[str]:
    """Making, changing and looking: EC2's Describe calls know no resource."""
    return ["ec2:Describe*", *(action for action in _changes() if not _removes(action))]


def removals() -> list[str]:
    """Deleting, of what has the stack's tags."""
    return [action for action in _changes() if _removes(action)]


def _changes() -> list[str]:
    needed = {action for actions in BY_TYPE.values() for action in actions} | {*TAGS}
    return [f"ec2:{action}" for action in sorted(needed)]


def _removes(action: str) -> bool:
    return action.startswith(("ec2:Delete", "ec2:Release"))
