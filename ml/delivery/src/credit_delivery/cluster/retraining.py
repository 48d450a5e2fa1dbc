"""What staging's retraining job made, for this machine: its candidate, and the hold-out of what it learned from.

Does not start the job, and does not judge the candidate.
"""

from __future__ import annotations

import base64
from pathlib import Path
from urllib.parse import urlsplit

from credit_contract.bundle import DatasetVersion
from credit_delivery import candidate, holdout
from credit_delivery.cluster.forward import forwarded
from credit_delivery.cluster.kubectl import items
from credit_delivery.environments import Name
from credit_delivery.holdout import Holdout, Rebuild

ENVIRONMENT: Name = "staging"
"""Where people try what production then gets: its journal is the one that is learned from here."""


def download(dataset: str, folder: Path) -> Path:
    """The candidate that the job registered, in `folder`.

    Raises:
        ClusterError: the tracking server does not answer.
        ReleaseError: it knows no candidate, or another one than was registered.
    """
    with forwarded(ENVIRONMENT, "tracking", 80) as port:
        return candidate.download(dataset, folder, folder, f"http://127.0.0.1:{port}")


def source(root: Path) -> Rebuild:
    """`holdout.rebuild` in the checkout at `root`, with the cluster's journal for versions that need one."""

    def rebuild(dataset: DatasetVersion) -> Holdout:
        if not holdout.learned_from_journal(dataset):
            return holdout.rebuild(dataset, root)
        with forwarded(ENVIRONMENT, "postgres", 5432) as port:
            return holdout.rebuild(dataset, root, {"JOURNAL_URL": _journal(port)})

    return rebuild


def _journal(port: int) -> str:
    """The address of the journal for who may only read it, at a port of this machine."""
    (secret,) = [
        found for found in items("secrets", ENVIRONMENT) if found["metadata"]["name"] == "drift-monitor-journal"
    ]
    url = urlsplit(base64.b64decode(secret["data"]["JOURNAL_URL"]).decode())
    reader = url.netloc.rpartition("@")[0]
    return url._replace(netloc=f"{reader}@127.0.0.1:{port}").geturl()
