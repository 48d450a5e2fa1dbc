"""Applicants for the cluster's environments: each environment gets those whom its model knows, under a client's key.

Whole people where the data of the model's portfolio is to be had. Does not know what is answered.
"""

from __future__ import annotations

import base64
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from credit_delivery import bundles, record
from credit_delivery.cluster import checkout, retraining
from credit_delivery.cluster.kubectl import items
from credit_delivery.crowd import SIMULATED, crowd, requests, whole
from credit_delivery.environments import Name, model_file, read_model
from credit_delivery.errors import DeliveryError
from credit_delivery.holdout import Rebuild
from credit_delivery.load import Load
from scoring_api.model import ServedModel

ADDRESSES: dict[Name, str] = {"staging": "http://127.0.0.1:8081", "production": "http://127.0.0.1:8082"}
"""Where kind.yaml and environments/kind.yaml put the Services."""

_rebuild = cache(retraining.source(Path()))
"""Both environments mostly ask for the same hold-out."""


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
    model = bundles.released(repository.root, release)
    bodies = requests(applicants(model, _rebuild, shift, seed), at_once)
    return Load(ADDRESSES[environment], bodies, rate, seconds, client_key(environment))


def applicants(model: ServedModel, rebuild: Rebuild, shift: float, seed: int) -> Iterator[dict[str, Any]]:
    """Whom a model is for: simulated people, or those of its hold-out; drawn field by field, with a word of it, where
    the hold-out cannot be rebuilt.
    """
    if model.bundle.schema.dataset != SIMULATED:
        try:
            return whole(model, rebuild(model.bundle.manifest.dataset), shift, seed)
        except DeliveryError as error:
            print(f"{model.tag}: no whole people, each field is drawn by itself: {error}", file=sys.stderr)
    return crowd(model.bundle, shift, seed)


def client_key(environment: Name) -> str:
    """The API key that `up` made for people."""
    (found,) = [secret for secret in items("secrets", environment) if secret["metadata"]["name"] == "scoring-api-keys"]
    return base64.b64decode(found["data"]["CLIENT_KEY"]).decode()
