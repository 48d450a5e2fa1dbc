"""The git server inside the cluster: the branch `main` that Argo CD follows. Knows commits by their ids only."""

from __future__ import annotations

from pathlib import Path

import yaml

from credit_delivery.cluster.kubectl import apply, items, kubectl
from credit_delivery.cluster.nodes import CONTEXT
from credit_delivery.programs import run

URL = "git://git-server.git-server/credit.git"
MANIFEST = Path(__file__).with_name("git_server.yaml")
GIT = ("git", "-c", "protocol.ext.allow=always")
REMOTE = f"ext::kubectl --context {CONTEXT} --namespace git-server exec --stdin git-server-0 -- git %s /srv/credit.git"
"""Git's pack protocol over kubectl: whoever may use the cluster may push, nobody else."""

REF = "refs/kind/main"
"""Where this clone keeps what the cluster's main was last seen to be."""


def start(image: str) -> None:
    """Make the server of an image that has git, unless it is there, and wait for it."""
    objects = list(yaml.safe_load_all(MANIFEST.read_text()))
    (server,) = [found for found in objects if found["kind"] == "StatefulSet"]
    server["spec"]["template"]["spec"]["containers"][0]["image"] = image
    apply(objects)
    kubectl("rollout", "status", "statefulset/git-server", "--namespace", "git-server", "--timeout", "180s")


def fetch() -> str:
    """The commit that main is at; empty while there is none, or no server."""
    if not items("pods", "git-server") or not run([*GIT, "ls-remote", REMOTE, "refs/heads/main"]).strip():
        return ""
    run([*GIT, "fetch", "--quiet", REMOTE, f"+refs/heads/main:{REF}"])
    return run(["git", "rev-parse", REF]).strip()
