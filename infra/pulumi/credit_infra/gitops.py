"""Argo CD and its bootstrap: the last thing that Pulumi makes. What runs after that is decided by git alone.

The seam: `argocd/bootstrap` is a chart; `bootstrap_values` is what it is told about this cluster.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import pulumi
import pulumi_kubernetes as kubernetes
from pulumi import Output, ResourceOptions
from pydantic import Field

from credit_infra.argocd_install import install_config, install_objects
from credit_infra.constants import (
    ARGOCD_NAMESPACE,
    EXTERNAL_SECRETS,
    EXTERNAL_SECRETS_REPOSITORY,
    MONITORING_NAMESPACE,
)
from credit_infra.external_secrets import ExternalSecrets, SecretStore
from credit_infra.model import StackPart
from credit_infra.place import Place

BOOTSTRAP_CHART = "../../argocd/bootstrap"
"""As seen from the project's folder, where Pulumi runs the program; absolute, it would differ between machines."""

RESTRICTED = {"pod-security.kubernetes.io/enforce": "restricted", "pod-security.kubernetes.io/warn": "restricted"}

PRIVILEGED = {"pod-security.kubernetes.io/enforce": "privileged"}
"""As argocd/platform asks for its node exporter: Argo CD sets the same label."""


class GitOpsConfig(StackPart):
    """Which git decides, and which environments this cluster carries.

    `manifest` replaces the address of Argo CD's install manifest by a mirror's or a file's, and `chart_mirror` those of
    all third-party charts by one Helm repository that has them at the pinned versions. `context` is the kubeconfig
    context of a kind cluster that exists already; a cloud stack makes its own cluster and has none.
    """

    repository: str = Field(pattern=r"^(https://|git@|http://|ssh://)\S+$")
    revision: str = Field(min_length=1)
    environments: tuple[Literal["staging", "production"], ...] = Field(min_length=1)
    manifest: str | None = None
    chart_mirror: str | None = Field(default=None, pattern=r"^https?://\S+$")
    context: str | None = None


@dataclass(frozen=True, slots=True)
class ClusterFacts:
    """What charts in a cloud's cluster must be told of the account around it; they ask for it in `argocd/platform/`."""

    place: Place
    vpc_id: Output[str]
    remote_write_url: Output[str]
    topic_arns: Mapping[str, Output[str]]
    """By severity."""

    def values(self) -> dict[str, pulumi.Input[str]]:
        """As the bootstrap takes them."""
        return {
            "cluster": self.place.name("cluster"),
            "region": self.place.region,
            "vpc": self.vpc_id,
            "remoteWrite": self.remote_write_url,
            **{f"{severity}Topic": arn for severity, arn in self.topic_arns.items()},
        }


class GitOps(pulumi.ComponentResource):
    """Namespaces, Argo CD by its pinned manifest, External Secrets' wiring, and the bootstrap."""

    def __init__(
        self,
        config: GitOpsConfig,
        store: SecretStore,
        facts: ClusterFacts | None,
        deploy_key: Output[str] | None,
        opts: ResourceOptions | None = None,
    ) -> None:
        super().__init__("credit:infra:GitOps", "gitops", None, opts)
        argocd = self._namespace(ARGOCD_NAMESPACE, {})
        namespaces = [self._namespace(EXTERNAL_SECRETS, {})]
        namespaces += [self._namespace(MONITORING_NAMESPACE, PRIVILEGED)]
        namespaces += [self._namespace(environment, RESTRICTED) for environment in config.environments]
        manifest = install_objects(install_config(), config.manifest)
        install = kubernetes.yaml.v2.ConfigGroup(
            "argocd", objs=manifest, opts=ResourceOptions(parent=self, depends_on=[argocd])
        )
        ready: list[pulumi.Resource] = [install, *namespaces]
        if deploy_key is not None:
            ready.append(self._repository_key(config.repository, deploy_key, argocd))
        installed = ResourceOptions(parent=self, depends_on=ready)
        charts = config.chart_mirror or EXTERNAL_SECRETS_REPOSITORY
        ExternalSecrets(store, config.environments, charts, opts=installed)
        kubernetes.helm.v4.Chart(
            "bootstrap",
            chart=BOOTSTRAP_CHART,
            namespace=ARGOCD_NAMESPACE,
            values=bootstrap_values(config) | {"cloud": facts.values() if facts else {}},
            opts=installed,
        )
        self.register_outputs({})

    def _namespace(self, name: str, labels: dict[str, str]) -> kubernetes.core.v1.Namespace:
        return kubernetes.core.v1.Namespace(
            name, metadata={"name": name, "labels": labels}, opts=ResourceOptions(parent=self)
        )

    def _repository_key(
        self, repository: str, key: Output[str], namespace: kubernetes.core.v1.Namespace
    ) -> kubernetes.core.v1.Secret:
        """What Argo CD reads a private repository with; External Secrets cannot bring it, Argo CD brings that."""
        return kubernetes.core.v1.Secret(
            "repository",
            metadata={
                "name": "credit-repository",
                "namespace": ARGOCD_NAMESPACE,
                "labels": {"argocd.argoproj.io/secret-type": "repository"},
            },
            string_data={"type": "git", "url": repository, "sshPrivateKey": key},
            opts=ResourceOptions(parent=self, depends_on=[namespace]),
        )


def bootstrap_values(config: GitOpsConfig) -> dict[str, Any]:
    """What `argocd/bootstrap` is told on any cluster; `make up` tells it the same."""
    return {
        "repository": config.repository,
        "revision": config.revision,
        "environments": list(config.environments),
        "chartMirror": config.chart_mirror or "",
        "kind": config.context is not None,
    }
