"""The two models that the environments start with: trained here once, then kept. Does not judge them."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from credit_contract.bundle import read_bundle
from credit_delivery.programs import run

KEPT = Path("var/kind/models")
TRAINING = Path("var/kind/training")
"""Training's own folder here, so that a person's candidate stays what it was."""

TRAIN = str(Path(sys.executable).with_name("credit-train"))
SEEDS = (1, 2)


@dataclass(frozen=True, slots=True)
class Model:
    """A bundle under a name."""

    tag: str
    digest: str
    bundle: Path


def ready(say: Callable[[str], None]) -> list[Model]:
    """Two different models of one dataset: `taiwan` where its data is, else `simulated`.

    Raises:
        CommandFailedError: training failed, or a gate did.
        BundleError: a kept bundle is not what it was.
    """
    dataset = os.environ.get("DATASET") or ("taiwan" if os.environ.get("CREDIT_DATA_DIR") else "simulated")
    models = []
    for seed in SEEDS:
        tag = f"{dataset}-{seed}"
        if not (KEPT / tag).exists():
            say(f"there is no model {tag} yet: training it takes some minutes")
            _train(dataset, seed, KEPT / tag)
        models.append(Model(tag, read_bundle(KEPT / tag).digest, KEPT / tag))
    return models


def _train(dataset: str, seed: int, destination: Path) -> None:
    short = ["versions=[v2]", "proof.latency_calls=0", "proof.quantise=false"]
    home = {"CREDIT_HOME": str(TRAINING)}
    run([TRAIN, "run", f"dataset={dataset}", f"seed={seed}", *short], environment=home)
    destination.parent.mkdir(parents=True, exist_ok=True)
    shutil.copytree(TRAINING / "bundles" / dataset / "candidate", destination)
