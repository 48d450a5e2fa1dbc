"""Random secrets, made in the cluster and nowhere else, under the names that External Secrets fills in the cloud.

What exists stays as it is, so a second `up` locks nobody out.
"""

from __future__ import annotations

import hashlib
import secrets as random
from collections.abc import Mapping

from credit_contract.decision import GOLDEN_CHECK
from credit_delivery.cluster.kubectl import Object, apply, items

ROLES = {GOLDEN_CHECK: "score", "client": "score+outcomes+admin"}
MONITORING = "monitoring"
GRAFANA = "grafana-admin"


def provide(namespace: str) -> None:
    """The secrets of one environment."""
    there = _there(namespace)
    if "postgres" not in there:
        apply(_databases(namespace))
    if "scoring-api-keys" not in there:
        apply([_keys(namespace)])


def provide_monitoring() -> None:
    """The secret of Grafana, in the namespace of whatever watches the environments."""
    if GRAFANA not in _there(MONITORING):
        apply([grafana()])


def grafana() -> Object:
    """Grafana's administrator, under the keys that argocd/platform names."""
    return _secret(GRAFANA, MONITORING, {"admin-user": "admin", "admin-password": random.token_urlsafe(24)})


def _there(namespace: str) -> set[str]:
    return {found["metadata"]["name"] for found in items("secrets", namespace)}


def _databases(namespace: str) -> list[Object]:
    passwords = {name: random.token_urlsafe(24) for name in ("postgres", "journal", "reader", "tracking")}
    server = {f"{name.upper()}_PASSWORD": password for name, password in passwords.items()}

    def url(role: str, password: str, database: str) -> str:
        return f"postgresql+psycopg://{role}:{passwords[password]}@postgres:5432/{database}"

    return [
        _secret("scoring-api-journal", namespace, {"JOURNAL_URL": url("journal", "journal", "journal")}),
        _secret("drift-monitor-journal", namespace, {"JOURNAL_URL": url("journal_reader", "reader", "journal")}),
        _secret("tracking-database", namespace, {"MLFLOW_BACKEND_STORE_URI": url("tracking", "tracking", "tracking")}),
        # Last: while it is missing, all of these are made anew.
        _secret("postgres", namespace, server),
    ]


def _keys(namespace: str) -> Object:
    """API keys: the service gets their hashes, the golden check and people the keys."""
    keys = {name: random.token_urlsafe(32) for name in ROLES}
    hashed = [f"{name}:{ROLES[name]}:{hashlib.sha256(key.encode()).hexdigest()}" for name, key in keys.items()]
    content = {"SCORING_API_KEYS": "\n".join(hashed)}
    content |= {f"{name.upper().replace('-', '_')}_KEY": f"{name}.{key}" for name, key in keys.items()}
    return _secret("scoring-api-keys", namespace, content)


def _secret(name: str, namespace: str, content: Mapping[str, str]) -> Object:
    metadata = {"name": name, "namespace": namespace}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": dict(content)}
