"""Empty containers in Secrets Manager, one per Secret of the cluster. Values are put by people, never by Pulumi,
so that no state file and no preview ever holds one.
"""

from __future__ import annotations

import pulumi
import pulumi_aws as aws
from pulumi import Output, ResourceOptions

from credit_infra.constants import MONITORING_NAMESPACE, MONITORING_SECRETS, PROJECT, SECRETS
from credit_infra.place import Place


class SecretContainers(pulumi.ComponentResource):
    """What External Secrets reads, as `credit/<environment>/<name>`."""

    arns: list[Output[str]]

    def __init__(self, place: Place, key_arn: Output[str], opts: ResourceOptions | None = None) -> None:
        super().__init__("credit:infra:SecretContainers", "secrets", None, opts)
        namespaces = dict.fromkeys(SECRETS, place.stack) | dict.fromkeys(MONITORING_SECRETS, MONITORING_NAMESPACE)
        self.arns = [
            aws.secretsmanager.Secret(
                name,
                name=f"{PROJECT}/{place.stack}/{name}",
                description=f"Kubernetes Secret {name} in namespace {namespace}",
                kms_key_id=key_arn,
                recovery_window_in_days=30,
                tags=place.tags("secrets", name),
                opts=ResourceOptions(parent=self, protect=True, retain_on_delete=True),
            ).arn
            for name, namespace in namespaces.items()
        ]
        self.register_outputs({})
