"""`up`, `push` and `down`: the steps in their order. Each step may be run again; what is there is kept."""

from __future__ import annotations

from pathlib import Path

import yaml

from credit_delivery.cluster import applications, argocd, git_server, images, models, nodes, secrets, snapshot
from credit_delivery.cluster.images import Image
from credit_delivery.cluster.kubectl import apply, kubectl
from credit_delivery.cluster.models import Model
from credit_delivery.cluster.progress import Table, step
from credit_delivery.programs import run

ENVIRONMENTS = ("staging", "production")
PORTS = Path(__file__).with_name("ports.yaml")
RESTRICTED = {"pod-security.kubernetes.io/enforce": "restricted"}
UNRELEASED = "unreleased"
PATIENCE_S = 900.0


def up() -> None:
    """From nothing, or from whatever is there, to every Application Synced and Healthy.

    Raises:
        DeliveryError: a step failed; the line before names it.
    """
    nodes.check()
    with step("two released models"):
        released = models.ready(print)
    with step("images of the services and the models"):
        built = images.build(images.DOCKERFILES)
        carriers = {model.tag: images.build_model(model.tag, model.bundle) for model in released}
    with step("kind cluster: a control plane and two workers"):
        nodes.create()
    with step("images on the nodes"):
        nodes.load([image.reference for image in (*built, *carriers.values())])
    with step("namespaces and secrets"):
        _namespaces()
        for environment in ENVIRONMENTS:
            secrets.provide(environment)
    with step("git server with a snapshot of the working tree"):
        git_server.start()
        _send(_local_tags(built, released, carriers))
    with step("Argo CD"):
        argocd.install()
    names = argocd.bootstrap(ENVIRONMENTS)
    applications.refresh()
    with step("every Application Synced and Healthy"):
        applications.wait(names, PATIENCE_S, Table().show)
    print(_addresses())


def push() -> None:
    """Send the working tree's changes; what machines wrote in the cluster's git stays."""
    main = git_server.fetch()
    commit = snapshot.commit_tree(main, "Snapshot of the working tree", kept_from=main)
    if commit == main:
        print("nothing changed")
        return
    git_server.push(commit)
    applications.refresh()
    print(f"pushed {commit[:12]}")


def down() -> None:
    """Leave nothing: the cluster, and the ref of its branch."""
    nodes.delete()
    run(["git", "update-ref", "-d", git_server.REF])


def _namespaces() -> None:
    labels = dict.fromkeys(ENVIRONMENTS, RESTRICTED) | {argocd.NAMESPACE: {}, "monitoring": {}}
    apply(
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": found}}
        for name, found in labels.items()
    )
    kubectl("apply", "--server-side", "--filename", str(PORTS))


def _send(local: dict[str, str]) -> None:
    """The snapshot, and on top of it the one commit that CI would have made."""
    main = git_server.fetch()
    parent = main or run(["git", "rev-parse", "HEAD"]).strip()
    commit = snapshot.commit_tree(parent, "Snapshot of the working tree", kept_from=main)
    commit = snapshot.commit_changes(commit, "Name the images that were built here", _still_needed(commit, local))
    if commit != main:
        git_server.push(commit)


def _local_tags(built: list[Image], released: list[Model], carriers: dict[str, Image]) -> dict[str, str]:
    """Machine-written files by path: both environments run the local images, each a model of its own."""
    files = {}
    for environment, model in zip(ENVIRONMENTS, released, strict=True):
        image = carriers[model.tag]
        content = {"model": {"tag": model.tag, "modelDigest": model.digest, "imageDigest": image.digest}}
        files[f"environments/{environment}/model.yaml"] = content
        for service in built:
            content = {"image": {"tag": service.tag, "digest": service.digest}}
            files[f"environments/{environment}/{service.name}.image.yaml"] = content
    return {
        path: f"# Written by credit-release, not by hand.\n{yaml.safe_dump(content, sort_keys=False)}"
        for path, content in files.items()
    }


def _still_needed(commit: str, local: dict[str, str]) -> dict[str, str]:
    """A model that was promoted in this cluster stays; images always follow the working tree."""
    return {
        path: content
        for path, content in local.items()
        if not path.endswith("/model.yaml") or UNRELEASED in run(["git", "show", f"{commit}:{path}"])
    }


def _addresses() -> str:
    def read(namespace: str, name: str, key: str) -> str:
        get = f"kubectl --context {nodes.CONTEXT} --namespace {namespace} get secret {name}"
        return f"{get} --output jsonpath='{{.data.{key}}}' | base64 --decode"

    return f"""
scoring-api   staging     http://127.0.0.1:8081/docs
              production  http://127.0.0.1:8082/docs
              API key     {read("staging", "scoring-api-keys", "CLIENT_KEY")}
Argo CD       http://127.0.0.1:8083   user admin
              password    {read("argocd", "argocd-initial-admin-secret", "password")}
Prometheus    http://127.0.0.1:9090
Grafana       http://127.0.0.1:3000   user admin
next          make status · make push · make down"""
