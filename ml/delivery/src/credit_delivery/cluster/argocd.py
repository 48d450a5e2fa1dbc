"""Argo CD: its pinned manifest without what we leave out, and the bootstrap of our environments.

Reads argocd/install.yaml as infra/pulumi does. Does not wait for what Argo CD then does.
"""

from __future__ import annotations

import os
import urllib.request
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from credit_delivery.cluster import git_server
from credit_delivery.cluster.kubectl import Object, apply, kubectl
from credit_delivery.errors import DeliveryError
from credit_delivery.programs import run

INSTALL = Path("argocd/install.yaml")
BOOTSTRAP = "argocd/bootstrap"
NAMESPACE = "argocd"


def install() -> None:
    """Install Argo CD and wait until it can work.

    Raises:
        DeliveryError: its manifest cannot be read.
    """
    apply(adapted(_manifest(), _about()))
    for workload in ("deployment/argocd-repo-server", "deployment/argocd-applicationset-controller"):
        kubectl("rollout", "status", workload, "--namespace", NAMESPACE, "--timeout", "300s")
    kubectl(
        "rollout", "status", "statefulset/argocd-application-controller", "--namespace", NAMESPACE, "--timeout", "300s"
    )


def image() -> str:
    """The one image of Argo CD's own programs, from the registry that the manifest takes it from.

    Raises:
        DeliveryError: its manifest cannot be read.
    """
    named = ("Deployment", "argocd-repo-server")
    (server,) = [found for found in _manifest() if (found["kind"], found["metadata"]["name"]) == named]
    return str(server["spec"]["template"]["spec"]["containers"][0]["image"])


def adapted(objects: Iterable[Object], about: dict[str, Any]) -> list[dict[str, Any]]:
    """The manifest's objects in their namespace, without those left out, with our settings."""
    kept = []
    for found in objects:
        name = found["metadata"]["name"]
        if name in about["leaveOut"]:
            continue
        changed = dict(found, metadata=dict(found["metadata"], namespace=NAMESPACE))
        if found["kind"] == "ConfigMap" and name in about["settings"]:
            changed["data"] = dict(found.get("data", {}), **about["settings"][name])
        kept.append(changed)
    return kept


def bootstrap(environments: Iterable[str]) -> list[str]:
    """Apply projects and ApplicationSets; gives the names of the Applications that they will make."""
    values = {
        "repository": git_server.URL,
        "environments": f"{{{','.join(environments)}}}",
        "kind": "true",
        "chartMirror": os.environ.get("CHART_MIRROR", ""),
    }
    sets = [part for key, value in values.items() for part in ("--set", f"{key}={value}")]
    rendered = run(["helm", "template", "bootstrap", BOOTSTRAP, "--namespace", NAMESPACE, *sets])
    objects = [found for found in yaml.safe_load_all(rendered) if found]
    apply(objects)
    return [name for found in objects if found["kind"] == "ApplicationSet" for name in _made_by(found)]


def _about() -> dict[str, Any]:
    about: dict[str, Any] = yaml.safe_load(INSTALL.read_text())
    return about


def _manifest() -> list[Object]:
    return _objects(os.environ.get("ARGOCD_MANIFEST") or _about()["manifest"])


@cache
def _objects(source: str) -> list[Object]:
    return [found for found in yaml.load_all(_read(source), yaml.CSafeLoader) if found]


def _made_by(applications: Object) -> list[str]:
    (generator,) = applications["spec"]["generators"]
    if "git" in generator:
        return [Path(file["path"]).stem for file in generator["git"]["files"]]
    environments, elements = generator["matrix"]["generators"]
    return [
        f"{element['application']}-{Path(file['path']).parent.name}"
        for file in environments["git"]["files"]
        for element in elements["list"]["elements"]
    ]


def _read(source: str) -> str:
    try:
        if source.startswith("https://"):
            with urllib.request.urlopen(source, timeout=60) as response:  # noqa: S310 - the scheme is checked above
                return str(response.read(), "utf-8")
        return Path(source).read_text(encoding="utf-8")
    except OSError as error:
        raise DeliveryError(f"Argo CD's manifest {source}: {error}; ARGOCD_MANIFEST may name a copy") from None
