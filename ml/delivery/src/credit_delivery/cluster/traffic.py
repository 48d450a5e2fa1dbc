"""Applicants for the cluster's environments: each environment gets those whom its model knows, under a client's key."""

from __future__ import annotations

import base64

from credit_contract.bundle import read_bundle
from credit_delivery import bundles, record
from credit_delivery.cluster import checkout
from credit_delivery.cluster.kubectl import items
from credit_delivery.crowd import crowd, requests
from credit_delivery.environments import Name, model_file, read_model
from credit_delivery.load import Load

ADDRESSES: dict[Name, str] = {"staging": "http://127.0.0.1:8081", "production": "http://127.0.0.1:8082"}
"""Where kind.yaml and environments/kind.yaml put the Services."""


def traffic(
    environment: Name,
    rate: float,
    seconds: float | None = None,
    shift: float = 0.0,
    seed: int = 1,
    at_once: int = 1,
) -> Load:
    """Load that has not begun yet, of requests with `at_once` applicants each.

    Raises:
        ClusterError: there is no cluster.
        ReleaseError: git names a model there that is no release.
    """
    repository = checkout.current()
    path = model_file(environment)
    release = record.read(repository, read_model(repository.text(path), path).tag)
    bundles.released(repository.root, release)
    bundle = read_bundle(bundles.kept(repository.root, release.tag))
    bodies = requests(crowd(bundle, shift, seed), at_once)
    return Load(ADDRESSES[environment], bodies, rate, seconds, client_key(environment))


def client_key(environment: Name) -> str:
    """The API key that `up` made for people."""
    (found,) = [secret for secret in items("secrets", environment) if secret["metadata"]["name"] == "scoring-api-keys"]
    return base64.b64decode(found["data"]["CLIENT_KEY"]).decode()
