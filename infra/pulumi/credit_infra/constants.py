"""Names, versions and ports that the infrastructure shares with `environments/`, `charts/` and CI.

A name that is spelled here and there must be the same; a test compares them.
"""

from typing import Final

PROJECT: Final = "credit"
ENVIRONMENTS: Final = ("staging", "production")
APPS: Final = ("scoring-api", "drift-monitor", "tracking")
"""Application = chart = Kubernetes service account."""

ARCHIVE_WORKLOAD: Final = "drift-monitor-archive"
ARCHIVE_PREFIX: Final = "decisions"
"""The job that archives decisions, by its service account, and where in the bucket."""

IMAGES: Final = ("scoring-api", "drift-monitor", "credit-model", "credit-training", "tracking")
SIGNATURE_TAGS: Final = "sha256-*"
"""Where cosign keeps what is said about an image; each further word about it moves the tag."""

SECRETS: Final = ("scoring-api-journal", "scoring-api-keys", "drift-monitor-journal", "tracking-database")
"""Kubernetes Secrets that External Secrets fills in every environment's namespace."""

KIND_SECRETS: Final = (*SECRETS, "postgres")
"""On kind PostgreSQL runs in the namespace too, and has a Secret."""

MONITORING_SECRETS: Final = ("grafana-admin",)
"""Secrets that External Secrets fills in the namespace of monitoring, once per cluster."""

SECRETS_BY_HAND: Final = ("drift-monitor-github",)
"""Asked for where `retraining.by` is `github` alone; filled everywhere, it would be reported as missing elsewhere."""

ARGOCD_NAMESPACE: Final = "argocd"
MONITORING_NAMESPACE: Final = "monitoring"
EXTERNAL_SECRETS: Final = "external-secrets"
"""Namespace, service account, chart and Application of the External Secrets operator."""

EXTERNAL_SECRETS_REPOSITORY: Final = "https://charts.external-secrets.io"
EXTERNAL_SECRETS_VERSION: Final = "2.9.0"

KUBERNETES_VERSION: Final = "1.34"
"""The minor of the kind node image, so that charts meet one API everywhere."""

ADDONS_BEFORE_NODES: Final = {
    "vpc-cni": "v1.21.2-eksbuild.2",
    "kube-proxy": "v1.34.6-eksbuild.11",
    "eks-pod-identity-agent": "v1.3.10-eksbuild.3",
}
ADDONS_AFTER_NODES: Final = {"coredns": "v1.12.4-eksbuild.17", "aws-ebs-csi-driver": "v1.62.0-eksbuild.1"}
"""These two need a node to run on before they become active."""

POSTGRES_VERSION: Final = "15"
"""The major of `charts/postgres`; RDS applies minor versions in the maintenance window."""

SCORING_PORT: Final = 8000
HTTPS_PORT: Final = 443
POSTGRES_PORT: Final = 5432
ANYWHERE: Final = "0.0.0.0/0"
