"""The ground under the credit platform, wired: read this file to see the system. Each part is in `credit_infra`."""

import pulumi
import pulumi_aws as aws
import pulumi_kubernetes as kubernetes
from pulumi import ResourceOptions

from credit_infra.alarms import Alarms
from credit_infra.cluster import Cluster
from credit_infra.constants import ARGOCD_NAMESPACE, MONITORING_SECRETS
from credit_infra.continuous_integration import ContinuousIntegration
from credit_infra.database import Database
from credit_infra.encryption import Encryption
from credit_infra.external_secrets import LocalSecretSource, aws_store, local_store
from credit_infra.gitops import ClusterFacts, GitOps
from credit_infra.identity import Identity, Resources, platform_workloads, scoring_workloads
from credit_infra.monitoring import Monitoring
from credit_infra.network import Network
from credit_infra.place import Place
from credit_infra.registries import Registries
from credit_infra.roles import Roles
from credit_infra.secret_containers import SecretContainers
from credit_infra.settings import CloudConfig, load
from credit_infra.storage import Storage


def cloud(config: CloudConfig) -> tuple[kubernetes.Provider, ClusterFacts]:
    """Everything in the account; returns the way into its cluster, and what runs there must know."""
    place = Place(pulumi.get_stack(), config.account, config.network.region)
    account = aws.Provider("aws", region=place.region, allowed_account_ids=[place.account])
    on = ResourceOptions(provider=account)

    roles = Roles(place, on)
    keys = Encryption(place, on)
    network = Network(config.network, place, roles, keys.logs_key_arn, on)
    registries = Registries(config.registries, place, keys.data_key_arn, on)
    # Images are built for the first account and replicated; where they arrive by replication, nobody pushes.
    push_to = [] if config.registries.replicate_from else registries.arns
    ci = ContinuousIntegration(config.continuous_integration, place, push_to, on)
    cluster = Cluster(
        config.cluster, config.network, place, roles, ci.role_arns, network, keys.cluster_key_arn, keys.logs_key_arn, on
    )
    group = cluster.security_group_id
    database = Database(
        config.database, place, roles, network.vpc_id, network.intra_subnet_ids, group, keys.data_key_arn, on
    )
    storage = Storage(config.storage, place, keys.data_key_arn, on)
    secrets = SecretContainers(place, keys.data_key_arn, on)
    monitoring = Monitoring(config.monitoring, place, roles, keys.logs_key_arn, on)
    topics = monitoring.topic_arns
    Alarms(place, topics, database.instance_id, network.nat_gateways, cluster.autoscaling_groups, on)
    resources = Resources(storage, secrets, keys, monitoring)
    workloads = scoring_workloads(place.stack, resources) + platform_workloads(place, resources)
    Identity(workloads, place, roles, cluster.cluster_name, on)

    for part in (network, registries, ci, cluster, database, storage, monitoring):
        for name, value in part.exports().items():
            pulumi.export(name, value)
    facts = ClusterFacts(place, network.vpc_id, monitoring.remote_write_url, topics)
    # Nobody is let in before the cluster's access entries are there, and nothing runs before its nodes.
    into = ResourceOptions(depends_on=[cluster])
    access = kubernetes.Provider("kubernetes", kubeconfig=cluster.kubeconfig, namespace=ARGOCD_NAMESPACE, opts=into)
    return access, facts


settings = load()
facts: ClusterFacts | None = None
if settings.cloud:
    cluster_access, facts = cloud(settings.cloud)
    store = aws_store(settings.cloud.network.region, pulumi.get_stack())
else:
    cluster_access = kubernetes.Provider("kubernetes", context=settings.gitops.context, namespace=ARGOCD_NAMESPACE)
    store = local_store()
    LocalSecretSource(ResourceOptions(provider=cluster_access))
into_cluster = ResourceOptions(provider=cluster_access)
GitOps(settings.gitops, store, facts, pulumi.Config().get_secret("deployKey"), into_cluster)
pulumi.export("environments", list(settings.gitops.environments))
pulumi.export("secrets", [*store.secrets, *MONITORING_SECRETS])
