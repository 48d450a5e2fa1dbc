"""A clone of the cluster's git, where releases, promotions and rollbacks are made as in any other.

It lives under var/, so that the person's branches and files stay as they are. Does not know what is committed in it.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from credit_delivery.cluster import git_server, nodes
from credit_delivery.errors import ClusterError
from credit_delivery.programs import run
from credit_delivery.repository import Repository

FOLDER = Path("var/kind/repository")
NOBODY = {"user.name": "make up", "user.email": "make-up@localhost"}


def current() -> Repository:
    """The clone, at what the cluster's main is now.

    Raises:
        ClusterError: there is no cluster, or nothing in its git.
    """
    commit = git_server.fetch() if nodes.exists() else ""
    if not commit:
        raise ClusterError("no kind cluster is there, or its git is empty", "make up")
    return at(commit)


def at(commit: str) -> Repository:
    """The clone, with its branch main at a commit of this repository."""
    if not FOLDER.exists():
        _clone()
    repository = Repository(FOLDER)
    repository.git("checkout", "--quiet", "--force", "-B", "main", commit)
    repository.git("clean", "--quiet", "--force", "-d")
    return repository


def remove() -> None:
    """Forget the clone."""
    shutil.rmtree(FOLDER, ignore_errors=True)


def _clone() -> None:
    here = Path(run(["git", "rev-parse", "--show-toplevel"]).strip())
    FOLDER.parent.mkdir(parents=True, exist_ok=True)
    run(["git", "clone", "--quiet", "--shared", "--no-checkout", str(here), str(FOLDER)])
    config = {"remote.origin.url": git_server.REMOTE, "protocol.ext.allow": "always"}
    config |= {key: run(["git", "config", "--default", other, key]).strip() for key, other in NOBODY.items()}
    for key, value in config.items():
        run(["git", "config", key, value], folder=FOLDER)
    # Datasets and kept bundles are the person's own: not fetched and not built a second time.
    (FOLDER / ".git/info/exclude").write_text("/var\n")
    (FOLDER / "var").symlink_to(here / "var")
