"""A stack's configuration, read once and checked whole. Knows the YAML file's keys, makes no resource."""

from __future__ import annotations

from typing import Any

import pulumi
from pydantic import Field, ValidationError

from credit_infra.cluster_config import ClusterConfig
from credit_infra.constants import ENVIRONMENTS, PROJECT
from credit_infra.continuous_integration import ContinuousIntegrationConfig
from credit_infra.database import DatabaseConfig
from credit_infra.errors import ConfigError
from credit_infra.gitops import GitOpsConfig
from credit_infra.model import StackPart
from credit_infra.monitoring import MonitoringConfig
from credit_infra.network_config import NetworkConfig
from credit_infra.registries import ACCOUNT, RegistriesConfig
from credit_infra.storage import StorageConfig


class CloudConfig(StackPart):
    """What only a cloud stack has, one key per concern."""

    account: str = Field(pattern=ACCOUNT)
    network: NetworkConfig
    cluster: ClusterConfig
    registries: RegistriesConfig
    storage: StorageConfig
    database: DatabaseConfig
    monitoring: MonitoringConfig
    continuous_integration: ContinuousIntegrationConfig


class StackConfig(StackPart):
    """The whole of `Pulumi.<stack>.yaml`; without `cloud`, the in-cluster part alone is made."""

    gitops: GitOpsConfig
    cloud: CloudConfig | None


def load() -> StackConfig:
    """Read and check the current stack's configuration.

    Raises ConfigError naming the file and every key that is wrong.
    """
    config = pulumi.Config(PROJECT)
    fields = [field.alias or name for name, field in CloudConfig.model_fields.items()]
    cloud = {key: value for key in fields if (value := _value(config, key)) is not None}
    try:
        checked = StackConfig.model_validate({"gitops": config.get_object("gitops"), "cloud": cloud or None})
    except ValidationError as error:
        problems = "; ".join(_problem(dict(problem)) for problem in error.errors())
        raise ConfigError(f"Pulumi.{pulumi.get_stack()}.yaml: {problems}") from None
    if (checked.cloud is None) == (checked.gitops.context is None):
        raise ConfigError(
            f"Pulumi.{pulumi.get_stack()}.yaml: {PROJECT}:gitops.context: name the kubeconfig context of the cluster "
            "for a stack without a cloud, and leave it out for a stack that makes its own cluster"
        )
    if checked.cloud and checked.gitops.environments != (pulumi.get_stack(),):
        raise ConfigError(
            f"Pulumi.{pulumi.get_stack()}.yaml: {PROJECT}:gitops.environments: a cloud stack is named after its one "
            f"environment ({' or '.join(ENVIRONMENTS)}) and carries that alone"
        )
    return checked


def _value(config: pulumi.Config, key: str) -> Any:
    return config.get(key) if key == "account" else config.get_object(key)


def _problem(problem: dict[str, Any]) -> str:
    where = ".".join(str(part) for part in problem["loc"] if part != "cloud")
    return f"{PROJECT}:{where}: {problem['msg'].removeprefix('Value error, ')}"
