"""A promotion: what refuses it, its evidence, and the branch whose merge lets an environment run another model.

Nothing here changes an environment without a merge. `check` applies the same to what came another way.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from credit_contract.digest import readable_json
from credit_contract.gates import failed
from credit_delivery import bundles, dossier, quarantine, record
from credit_delivery.bump import frozen_reason
from credit_delivery.confirmation import confirmed
from credit_delivery.environments import (
    ModelPin,
    Name,
    model_file,
    read_model,
    released,
    with_pin,
)
from credit_delivery.errors import RefusedError, RepositoryError
from credit_delivery.evidence import evidence
from credit_delivery.history import APPROVED, evidence_file
from credit_delivery.holdout import Rebuild
from credit_delivery.record import ReleaseRecord
from credit_delivery.repository import Repository
from credit_training.gate_file import parse_gates
from scoring_api.model import ServedModel

GATES = "ml/training/conf/gates.yaml"
Document = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Proposal:
    """A branch that promotes; `body` is its evidence for a person to read."""

    environment: Name
    tag: str
    branch: str
    base: str
    commit: str
    body: str

    @property
    def title(self) -> str:
        """One line for the pull request and the merge."""
        return f"Promote {self.tag} to {self.environment}"


def propose(repository: Repository, environment: Name, tag: str, rebuild: Rebuild) -> Proposal:
    """Compute the evidence and commit it, with the change, on a branch of its own. Nobody's checkout is touched.

    Raises:
        RefusedError: with every reason.
        ReleaseError: no such release, or its bundle is not the one of the record.
        EvidenceError: the hold-out is not the one that the release was made for.
    """
    release = record.read(repository, tag)
    reasons = refusals(repository, environment, release)
    if dirty := repository.uncommitted():
        reasons.append(f"the tree is dirty ({dirty[0]} …): evidence must come from committed code")
    path = model_file(environment)
    if _named(repository, environment, "HEAD") == release.pin:
        reasons.append(f"{environment} names it already")
    if reasons:
        raise RefusedError(f"{tag} for {environment}", reasons)
    document = recompute(repository, environment, release, rebuild)
    if losers := failed_gates(document):
        raise RefusedError(f"{tag} for {environment}", [f"gate failed: {loser}" for loser in losers])
    base, branch = repository.branch(), f"promote/{environment}/{tag}"
    body = dossier.page(document, environment)
    files = {
        path: with_pin(repository.text(path), release.pin, path),
        evidence_file(environment, tag): readable_json(document),
    }
    with repository.aside(branch) as tree:
        message = f"Promote {tag} to {environment}\n\nModel-Digest: {release.model_digest}\n"
        return Proposal(environment, tag, branch, base, tree.commit(message, files), body)


def merge(repository: Repository, proposal: Proposal, approver: str) -> str:
    """Do what the forge's merge button does, in the name of `approver` ("Name <address>"); gives the merge commit.

    Raises:
        RefusedError: the environment has changed since; propose anew.
        RepositoryError: another branch is checked out than the proposal was made from.
    """
    if repository.branch() != proposal.base:
        raise RepositoryError(f"branch {proposal.base} must be checked out to merge {proposal.branch}")
    path = model_file(proposal.environment)
    there = [repository.text(path, revision) for revision in ("HEAD", f"{proposal.commit}^")]
    if there[0] != there[1]:
        raise RefusedError(proposal.title, [f"{path} has changed since: the evidence is about another champion"])
    message = f"{proposal.title}\n\n{APPROVED}: {approver}\n"
    repository.git("merge", "--quiet", "--no-ff", "--message", message, proposal.commit)
    return repository.head()


def refusals(repository: Repository, environment: Name, release: ReleaseRecord, revision: str = "HEAD") -> list[str]:
    """Every reason, apart from evidence, why this release must not enter the environment as it is at a commit."""
    found = [
        quarantine.read(repository, revision).refusal("model", release.tag, release.model_digest),
        frozen_reason(repository, environment, revision),
        *(f"gate failed when it was built: {name}" for name in failed(release.gates)),
    ]
    if environment == "production" and not confirmed(repository, release.pin, revision):
        found.append(
            f"it was not confirmed healthy in staging: `credit-release confirm` while staging runs {release.tag}"
        )
    return [reason for reason in found if reason]


def recompute(
    repository: Repository, environment: Name, release: ReleaseRecord, rebuild: Rebuild, revision: str = "HEAD"
) -> Document:
    """The evidence of a release against what the environment names at a commit.

    Raises:
        ReleaseError: the release's bundle is not to be had, or is another one.
        EvidenceError: the hold-out is another one, or cannot be scored.
    """
    challenger = bundles.released(repository.root, release)
    running = champion(repository, environment, revision)
    # As the freeze is: a change must not bring the gates along that it passes.
    text = repository.text(GATES, revision)
    gates = parse_gates(text, GATES, release.dataset.name, release.dataset.version)
    return evidence(challenger, running, rebuild(release.dataset), gates)


def failed_gates(document: Document) -> list[str]:
    """Each gate that failed in an evidence: name, what was measured, what was wanted."""
    return [
        f"{gate['name']}: {gate['measured']}, wanted {gate['wanted']}"
        for gate in document["gates"]
        if gate["verdict"] == "fail"
    ]


def champion(repository: Repository, environment: Name, revision: str = "HEAD") -> ServedModel | str:
    """The model that the environment names, or why there is none to compare with."""
    pin = _named(repository, environment, revision)
    if not released(pin):
        return f"nothing is released in {environment} yet"
    running = record.find(repository, pin.tag, revision)
    if running is None or running.pin != pin:
        return f"{environment} names {pin.tag}, which is no release"
    return bundles.released(repository.root, running)


def _named(repository: Repository, environment: Name, revision: str) -> ModelPin:
    path = model_file(environment)
    return read_model(repository.text(path, revision), path)
