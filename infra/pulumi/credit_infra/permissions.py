"""IAM policy documents, as statements with a name. Grants nothing by itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pulumi

Conditions = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement of a policy; `sid` says what it is for. Without `resources` it is a trust policy's."""

    sid: str
    actions: Sequence[str]
    resources: Sequence[pulumi.Input[str]] = ()
    conditions: Conditions = field(default_factory=dict)
    principal: Mapping[str, Any] | str | None = None
    effect: str = "Allow"

    def rendered(self) -> dict[str, Any]:
        """The statement as IAM reads it."""
        parts: dict[str, Any] = {"Sid": self.sid, "Effect": self.effect, "Action": list(self.actions)}
        if self.principal is not None:
            parts["Principal"] = self.principal
        if self.resources:
            parts["Resource"] = list(self.resources)
        if self.conditions:
            parts["Condition"] = self.conditions
        return parts


def document(*statements: Statement) -> pulumi.Output[str]:
    """A policy document as JSON."""
    body = {"Version": "2012-10-17", "Statement": [statement.rendered() for statement in statements]}
    return pulumi.Output.json_dumps(body)


def trust_service(service: str) -> pulumi.Output[str]:
    """Let one AWS service, such as `rds.amazonaws.com`, take the role."""
    return document(Statement("Service", ["sts:AssumeRole"], principal={"Service": service}))


def trust_pods() -> pulumi.Output[str]:
    """Let EKS Pod Identity take the role for a pod; which pod is said by the association."""
    principal = {"Service": "pods.eks.amazonaws.com"}
    return document(Statement("PodIdentity", ["sts:AssumeRole", "sts:TagSession"], principal=principal))
