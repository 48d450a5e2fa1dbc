"""`up`, `push` and `down`: the steps in their order. Each step may be run again; what is there is kept."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from credit_delivery import bundles
from credit_delivery.cluster import (
    applications,
    argocd,
    checkout,
    git_server,
    images,
    models,
    nodes,
    pins,
    secrets,
    snapshot,
    syncs,
)
from credit_delivery.cluster.images import Image
from credit_delivery.cluster.kubectl import apply, kubectl
from credit_delivery.cluster.progress import LAST_WORDS, Table, step
from credit_delivery.environments import ENVIRONMENTS
from credit_delivery.programs import run
from credit_delivery.record import ReleaseRecord
from credit_delivery.repository import Repository

PORTS = Path(__file__).with_name("ports.yaml")
RESTRICTED = {"pod-security.kubernetes.io/enforce": "restricted"}
TRAINING_NODES = "credit-scoring/training=true"
PATIENCE_S = 900.0
KUBECTL = f"kubectl --context {nodes.CONTEXT}"


def up(*, training: bool = False) -> None:
    """From nothing, or from whatever is there, to every Application Synced and Healthy.

    Args:
        training: also build the image of the retraining job, which is several GB, and load it where that job runs.

    Raises:
        DeliveryError: a step failed; the line before names it, and the error the command that shows more.
    """
    nodes.check()
    with step("images of the services"):
        services = images.build(images.SERVICES)
        large = images.build([images.TRAINING] if training else [])
    with step("released models"):
        main = git_server.fetch() if nodes.exists() else ""
        repository = _with_changes(main)
        carriers = [_carrier(repository, named) for named in models.provide(repository, print)]
        files = pins.pins(repository, [*services, *large], print, running=bool(main))
        repository.commit("Name the images that were built here", files)
    with step("kind cluster: a control plane and two workers"):
        nodes.create()
    with ThreadPoolExecutor(1) as beside:
        # Argo CD comes from a registry, ours from this machine: one waits for the network, the other for the disk.
        loading = beside.submit(_load, [*services, *carriers])
        # Minutes of disk, for jobs that come later: nobody else waits for it.
        loading_large = beside.submit(_load, large, TRAINING_NODES)
        with step("namespaces and secrets", f"{KUBECTL} get namespaces,secrets,events --all-namespaces"):
            _namespaces()
            for environment in ENVIRONMENTS:
                secrets.provide(environment)
            secrets.provide_monitoring()
        with step("git server with a snapshot of the working tree", f"{KUBECTL} describe pods --namespace git-server"):
            git_server.start(argocd.image())
            repository.push("main")
        with step("Argo CD", f"{KUBECTL} describe pods --namespace {argocd.NAMESPACE}"):
            argocd.install()
        with step("images on the nodes"):
            loading.result()
        with step("every Application Synced and Healthy"):
            names = argocd.bootstrap(ENVIRONMENTS)
            syncs.redirect(repository.head())
            applications.refresh()
            applications.wait(names, repository.head(), PATIENCE_S, Table().show)
        if training:
            with step("the training image on its node"):
                loading_large.result()
    print(_addresses())


def push() -> None:
    """Send the working tree's changes; what was changed in the cluster's git since the last time stays.

    Raises:
        RefusedError: a file was changed here and there.
    """
    repository = checkout.current()
    main = repository.head()
    snapshot.bring(repository, snapshot.commit_tree(main), print)
    if repository.head() == main:
        print("nothing changed")
        return
    repository.push("main")
    applications.refresh()
    print(f"pushed {repository.head()[:12]}")


def deliver(repository: Repository, release: ReleaseRecord) -> None:
    """Send a release that was made in the clone: its record to the cluster's git, its image to the nodes."""
    _load([_carrier(repository, release)])
    repository.push("main")


def down() -> None:
    """Leave nothing but what makes the next `up` quicker, and say what that is."""
    nodes.delete()
    checkout.remove()
    run(["git", "update-ref", "-d", git_server.REF])
    LAST_WORDS.unlink(missing_ok=True)
    kept = images.forget_old()
    print(f"""kept for the next make up:
  images          {" ".join(kept) or "none"}
                  without them: docker image rm …, docker builder prune
  trained models  {models.TRAINING}, var/bundles
                  without them: rm -r {models.TRAINING}, make clean""")


def _namespaces() -> None:
    labels: dict[str, dict[str, str]] = {argocd.NAMESPACE: {}, secrets.MONITORING: {}}
    labels |= dict.fromkeys(ENVIRONMENTS, RESTRICTED)
    apply(
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": found}}
        for name, found in labels.items()
    )
    kubectl("apply", "--server-side", "--filename", str(PORTS))


def _with_changes(main: str) -> Repository:
    """The clone of the cluster's git at `main`, or at its beginning, with what changed in the working tree since."""
    here = snapshot.commit_tree(main)
    repository = checkout.at(main or here)
    snapshot.bring(repository, here, print)
    return repository


def _carrier(repository: Repository, release: ReleaseRecord) -> Image:
    """The model's image under the name by which it is loaded here, wherever it was released."""
    bundles.released(repository.root, release)
    return images.build_model(release.tag, bundles.kept(repository.root, release.tag))


def _load(chosen: list[Image], label: str = "") -> None:
    """On every worker, or on those with a label."""
    nodes.load([image.reference for image in chosen], label)


def _addresses() -> str:
    def read(namespace: str, name: str, key: str) -> str:
        get = f"{KUBECTL} --namespace {namespace} get secret {name}"
        return f"{get} --output jsonpath='{{.data.{key}}}' | base64 --decode"

    return f"""
scoring-api   staging     http://127.0.0.1:8081/docs
              production  http://127.0.0.1:8082/docs
API key       staging     {read("staging", "scoring-api-keys", "CLIENT_KEY")}
              production  {read("production", "scoring-api-keys", "CLIENT_KEY")}
Argo CD       http://127.0.0.1:8083   user admin
              password    {read("argocd", "argocd-initial-admin-secret", "password")}
Prometheus    http://127.0.0.1:9090
Grafana       http://127.0.0.1:3000   user admin
              password    {read(secrets.MONITORING, secrets.GRAFANA, "admin-password")}
next          make status · make push · make down"""
