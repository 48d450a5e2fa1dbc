"""External Secrets' wiring: which Kubernetes Secrets are filled, and from where.

Everything is one Argo CD Application of the operator's own chart, with the store and the ExternalSecrets as its
extra objects: their kinds exist only once Argo CD has installed the operator, so Pulumi could not apply them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_kubernetes as kubernetes
from pulumi import ResourceOptions

from credit_infra.constants import (
    ARGOCD_NAMESPACE,
    EXTERNAL_SECRETS,
    EXTERNAL_SECRETS_VERSION,
    KIND_SECRETS,
    MONITORING_NAMESPACE,
    MONITORING_SECRETS,
    PROJECT,
    SECRETS,
)

STORE = PROJECT
SOURCE_NAMESPACE = "secret-source"
SOURCE_READER = "secret-reader"
AFTER_THE_OPERATOR = {"argocd.argoproj.io/sync-wave": "1"}
"""Argo CD applies these once the operator, whose webhook judges them, is healthy."""


@dataclass(frozen=True, slots=True)
class SecretStore:
    """Where values come from: the store's provider, and what stands before a Secret's name there."""

    provider: dict[str, Any]
    prefix: str
    secrets: Sequence[str]
    """The Secrets that every environment gets."""
    shared: str
    """What stands in an environment's place in the names of values that the whole cluster has once."""

    def key(self, environment: str, name: str) -> str:
        """The name of one Secret's value in the store."""
        return self.prefix.format(environment=environment) + name


def aws_store(region: str, stack: str) -> SecretStore:
    """Secrets Manager; the operator's pod has its rights by Pod Identity, so no credential is named."""
    provider = {"aws": {"service": "SecretsManager", "region": region}}
    return SecretStore(provider, PROJECT + "/{environment}/", SECRETS, stack)


def local_store() -> SecretStore:
    """Secrets of one namespace of the same cluster, for kind."""
    ca = {"type": "ConfigMap", "name": "kube-root-ca.crt", "key": "ca.crt", "namespace": SOURCE_NAMESPACE}
    reader = {"name": SOURCE_READER, "namespace": SOURCE_NAMESPACE}
    source = {"remoteNamespace": SOURCE_NAMESPACE, "server": {"caProvider": ca}, "auth": {"serviceAccount": reader}}
    return SecretStore({"kubernetes": source}, "{environment}-", KIND_SECRETS, MONITORING_NAMESPACE)


def objects(store: SecretStore, environments: Sequence[str]) -> list[dict[str, Any]]:
    """The ClusterSecretStore, and one ExternalSecret per namespace and Secret."""
    wanted = [
        (environment, name, store.key(environment, name)) for environment in environments for name in store.secrets
    ]
    wanted += [(MONITORING_NAMESPACE, name, store.key(store.shared, name)) for name in MONITORING_SECRETS]
    cluster_store = {
        "apiVersion": "external-secrets.io/v1",
        "kind": "ClusterSecretStore",
        "metadata": {"name": STORE, "annotations": AFTER_THE_OPERATOR},
        "spec": {
            "provider": store.provider,
            "conditions": [{"namespaces": [*environments, MONITORING_NAMESPACE]}],
        },
    }
    return [cluster_store] + [
        {
            "apiVersion": "external-secrets.io/v1",
            "kind": "ExternalSecret",
            "metadata": {"name": name, "namespace": namespace, "annotations": AFTER_THE_OPERATOR},
            "spec": {
                "refreshInterval": "1h",
                "secretStoreRef": {"kind": "ClusterSecretStore", "name": STORE},
                "target": {"name": name, "creationPolicy": "Owner"},
                "dataFrom": [{"extract": {"key": key}}],
            },
        }
        for namespace, name, key in wanted
    ]


class ExternalSecrets(pulumi.ComponentResource):
    """The Application, and a project of its own that fences it; `charts` is a Helm repository that has the operator."""

    def __init__(
        self, store: SecretStore, environments: Sequence[str], charts: str, opts: ResourceOptions | None = None
    ) -> None:
        super().__init__("credit:infra:ExternalSecrets", "external-secrets", None, opts)
        child = ResourceOptions(parent=self)
        cluster_kinds = [
            {"group": "apiextensions.k8s.io", "kind": "CustomResourceDefinition"},
            {"group": "rbac.authorization.k8s.io", "kind": "ClusterRole"},
            {"group": "rbac.authorization.k8s.io", "kind": "ClusterRoleBinding"},
            {"group": "admissionregistration.k8s.io", "kind": "ValidatingWebhookConfiguration"},
            {"group": "external-secrets.io", "kind": "ClusterSecretStore"},
        ]
        here = "https://kubernetes.default.svc"
        namespaces = (EXTERNAL_SECRETS, *environments, MONITORING_NAMESPACE)
        project = _argocd(
            "AppProject",
            {
                "description": "External Secrets and what it fills",
                "sourceRepos": [charts],
                "destinations": [{"server": here, "namespace": name} for name in namespaces],
                "clusterResourceWhitelist": cluster_kinds,
            },
            child,
        )
        source = {
            "repoURL": charts,
            "chart": EXTERNAL_SECRETS,
            "targetRevision": EXTERNAL_SECRETS_VERSION,
            "helm": {"valuesObject": {"installCRDs": True, "extraObjects": objects(store, environments)}},
        }
        # The operator's webhook has its certificate some seconds after its pod is healthy: the store is refused before.
        retry = {"limit": 10, "backoff": {"duration": "10s", "factor": 2, "maxDuration": "3m"}}
        options = ["ServerSideApply=true", "SkipDryRunOnMissingResource=true"]
        _argocd(
            "Application",
            {
                "project": EXTERNAL_SECRETS,
                "source": source,
                "destination": {"server": here, "namespace": EXTERNAL_SECRETS},
                "syncPolicy": {
                    "automated": {"prune": True, "selfHeal": True},
                    "syncOptions": options,
                    "retry": retry,
                },
            },
            ResourceOptions(parent=self, depends_on=[project]),
        )
        self.register_outputs({})


def _argocd(kind: str, spec: dict[str, Any], opts: ResourceOptions) -> kubernetes.apiextensions.CustomResource:
    return kubernetes.apiextensions.CustomResource(
        f"{EXTERNAL_SECRETS}-{kind}",
        api_version="argoproj.io/v1alpha1",
        kind=kind,
        metadata={"name": EXTERNAL_SECRETS, "namespace": ARGOCD_NAMESPACE},
        spec=spec,
        opts=opts,
    )


class LocalSecretSource(pulumi.ComponentResource):
    """On kind: the namespace that a person puts values into, and a reader of it alone."""

    def __init__(self, opts: ResourceOptions | None = None) -> None:
        super().__init__("credit:infra:LocalSecretSource", SOURCE_NAMESPACE, None, opts)
        child = ResourceOptions(parent=self)
        namespace = kubernetes.core.v1.Namespace(SOURCE_NAMESPACE, metadata={"name": SOURCE_NAMESPACE}, opts=child)
        inside = ResourceOptions(parent=self, depends_on=[namespace])
        named = kubernetes.meta.v1.ObjectMetaArgs(name=SOURCE_READER, namespace=SOURCE_NAMESPACE)
        kubernetes.core.v1.ServiceAccount(SOURCE_READER, metadata=named, opts=inside)
        kubernetes.rbac.v1.Role(
            SOURCE_READER,
            metadata=named,
            rules=[
                {"api_groups": [""], "resources": ["secrets"], "verbs": ["get", "list", "watch"]},
                # The operator asks the cluster what this reader may do before it trusts the store.
                {
                    "api_groups": ["authorization.k8s.io"],
                    "resources": ["selfsubjectrulesreviews"],
                    "verbs": ["create"],
                },
            ],
            opts=inside,
        )
        kubernetes.rbac.v1.RoleBinding(
            SOURCE_READER,
            metadata=named,
            role_ref={"api_group": "rbac.authorization.k8s.io", "kind": "Role", "name": SOURCE_READER},
            subjects=[{"kind": "ServiceAccount", "name": SOURCE_READER, "namespace": SOURCE_NAMESPACE}],
            opts=inside,
        )
        self.register_outputs({})
