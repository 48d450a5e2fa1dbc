"""The released models that environments start with: recorded ones, else releases made here of what was trained.

Trains where nothing is, and says so. Whether a model may be released is `release`'s to judge.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable
from functools import cache
from pathlib import Path

from credit_contract.bundle import read_bundle
from credit_contract.errors import ContractError
from credit_delivery import bundles, quarantine, record, release
from credit_delivery.environments import ENVIRONMENTS, model_file, read_model, released, with_pin
from credit_delivery.errors import ReleaseError
from credit_delivery.holdout import source, trainer
from credit_delivery.programs import run
from credit_delivery.record import ReleaseRecord
from credit_delivery.repository import Repository
from credit_training.files import home

TRAINING = Path("var/kind/training")
"""Training's own folder here, so that a person's candidate stays what it was."""

SHORT = ("versions=[v2]", "proof.latency_calls=0", "proof.quantise=false")
Say = Callable[[str], None]


def provide(repository: Repository, say: Say) -> list[ReleaseRecord]:
    """Let each environment that names no model name a release of its own; gives the releases that are named now.

    Raises:
        RefusedError: what was trained here does not pass the gates.
        CommandFailedError: training failed.
    """
    ways, paths = _Ways(repository, say), [model_file(environment) for environment in ENVIRONMENTS]
    pins = {path: read_model(repository.text(path), path) for path in paths}
    for path in paths:
        if not released(pins[path]):
            found = ways.another({pin.digest for pin in pins.values()})
            pins[path] = found.pin
            repository.commit(f"Start with {found.tag}", {path: with_pin(repository.text(path), found.pin, path)})
    named = (record.find(repository, pin.tag) for pin in pins.values())
    return [known for known in named if known is not None]


class _Ways:
    """The ways to come by a release, the cheapest first."""

    def __init__(self, repository: Repository, say: Say) -> None:
        self._repository = repository
        self._say = say
        self._dataset = os.environ.get("DATASET") or ("taiwan" if os.environ.get("CREDIT_DATA_DIR") else "simulated")
        self._rebuild = cache(source(repository.root))
        self._quarantine = quarantine.read(repository)

    def another(self, taken: set[str]) -> ReleaseRecord:
        """A release of a model that is not one of these digests."""
        for path in self._repository.names(record.FOLDER):
            known = record.read(self._repository, Path(path).stem)
            if self._may_run(known.tag, known.model_digest, taken) and self._at_hand(known):
                return known
        names = (f"{self._dataset}-{number}" for number in itertools.count(1))
        tag = next(tag for tag in names if self._free(tag, taken))
        bundle = self._kept(tag) or self._candidate(tag, taken) or self._trained(tag)
        return release.build(self._repository, tag, bundle, self._rebuild)

    def _free(self, tag: str, taken: set[str]) -> bool:
        """Whether a release may get this name: no other has it, nor a bundle that must not run."""
        kept = self._kept(tag)
        digest = read_bundle(kept).digest if kept else ""
        return record.find(self._repository, tag) is None and self._may_run(tag, digest, taken)

    def _may_run(self, tag: str, digest: str, taken: set[str]) -> bool:
        """Whether no environment runs this model, and none had to be rid of it."""
        refusal = self._quarantine.refusal("model", tag, digest)
        if refusal:
            self._say(f"not used: {refusal}")
        return not refusal and digest not in taken

    def _at_hand(self, known: ReleaseRecord) -> bool:
        try:
            bundles.released(self._repository.root, known)
        except (ReleaseError, ContractError) as error:
            self._say(f"not used: {error}")
            return False
        return True

    def _kept(self, tag: str) -> Path | None:
        path = bundles.kept(self._repository.root, tag)
        return path if path.exists() else None

    def _candidate(self, tag: str, taken: set[str]) -> Path | None:
        """What a person trained last, unless it is damaged or must not run under this name."""
        path = home() / "bundles" / self._dataset / "candidate"
        try:
            return path if self._may_run(tag, read_bundle(path).digest, taken) else None
        except (ContractError, OSError):
            return None

    def _trained(self, tag: str) -> Path:
        """A model of its own: the tag's number is the seed."""
        self._say(f"there is no model {tag} yet: training it takes some minutes")
        environment, seed = {"CREDIT_HOME": str(TRAINING)}, tag.rpartition("-")[2]
        run([trainer(), "run", f"dataset={self._dataset}", f"seed={seed}", *SHORT], environment=environment)
        return TRAINING / "bundles" / self._dataset / "candidate"
