"""The verbs of `credit-release` that work on git: from a candidate to a merged promotion, and back.

Parses and prints. Steps are imported when their verb runs, so that help comes at once and a rollback needs no models.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from credit_delivery.environments import ENVIRONMENTS, image_pin
from credit_delivery.errors import DeliveryError, RepositoryError, WithdrawnError
from credit_delivery.repository import Repository

if TYPE_CHECKING:
    from credit_delivery.holdout import Rebuild
    from credit_delivery.promotion import Proposal

Add = Callable[[str, Callable[[argparse.Namespace], None], str], argparse.ArgumentParser]


def add_verbs(add: Add) -> None:
    """Give a command line these verbs; `add` takes name, function and summary of each."""
    _add_release(add)
    _add_environment(add)


def _add_release(add: Add) -> None:
    build = add("build", _build, "judge the registered candidate again, build its image, commit its release record")
    build.add_argument("tag", help="what the release will be called")
    build.add_argument("--dataset", help="whose candidate; needed without --bundle")
    build.add_argument("--bundle", type=Path, help="a bundle directory instead of the registered candidate")
    build.add_argument(
        "--retrained", action="store_true", help="the candidate of the cluster's tracking server; with --kind"
    )
    build.add_argument("--registry", default="", help="where to push the image, such as ghcr.io/team; default: nowhere")
    promote = add("promote", _promote, "compute a promotion's evidence and open its pull request")
    check = add("check", _check, "judge a pull request: refusals, and evidence recomputed, for all that it lets run")
    check.add_argument("base", help="the commit that it goes to, such as origin/main")
    evidence = add("evidence", _evidence, "compute a promotion's evidence and print it")
    for command in (promote, evidence):
        command.add_argument("tag", help="a release in ml/releases")
        command.add_argument("--to", dest="env", choices=ENVIRONMENTS, required=True)
    promote.add_argument("--merge", action="store_true", help="ask for approval here and merge, where no forge does")
    for command in (build, promote, check, evidence):
        command.add_argument("--holdout", type=Path, help="what `credit-train holdout` wrote; default: call it")
    for command in (build, promote, evidence):
        _add_kind(command)


def _add_environment(add: Add) -> None:
    confirm = add("confirm", _confirm, "commit that staging's model is healthy, or take that back")
    confirm.add_argument("--url", action="append", default=[], help="a pod or service of staging to ask; repeatable")
    back = add("rollback", _rollback, "restore what ran before by one commit, and quarantine what was bad")
    back.add_argument("--reason", required=True, help="for the quarantine and whoever reads it")
    back.add_argument("--file", help="which file; default: the one that changed last")
    back.add_argument("--bad", help="the tag to get rid of; does nothing unless it is the one that is named now")
    past = add("history", _history, "which model answered when, who approved it, on what evidence")
    past.add_argument("--at", type=datetime.fromisoformat, help="only what answered then: ISO 8601, UTC unless it says")
    bump = add(
        "bump", _bump, "set the image of an application: in staging to what CI built, in production to staging's"
    )
    bump.add_argument("application")
    bump.add_argument("--tag", help="the image's tag")
    bump.add_argument("--digest", help="the image's digest, sha256:…")
    freeze = add("freeze", _freeze, "refuse promotions to an environment; --off allows them again")
    freeze.add_argument("--off", action="store_true")
    for command in (back, past, bump, freeze):
        command.add_argument("--env", choices=ENVIRONMENTS, required=command is not bump, default="staging")
    for command in (confirm, back, bump, freeze):
        command.add_argument("--push", action="store_true", help="send the commit to origin")
    for command in (confirm, back, past, bump, freeze):
        _add_kind(command)


def _add_kind(command: argparse.ArgumentParser) -> None:
    command.add_argument("--kind", action="store_true", help="in the git of the cluster that `up` made, not here")


def _build(chosen: argparse.Namespace) -> None:
    from credit_delivery import release

    repository = _repository(chosen)
    rebuild = _rebuild(repository, chosen)
    with tempfile.TemporaryDirectory() as folder:
        bundle = chosen.bundle or _candidate(repository, chosen, Path(folder))
        made = release.build(repository, chosen.tag, bundle, rebuild, chosen.registry)
    auc = made.metrics["auc"]
    print(f"{made.tag}: model {made.model_digest[:12]}, image {made.image_digest}")
    print(f"AUC {auc.value:.4f} ({auc.low:.4f} to {auc.high:.4f}), measured against {made.parent or 'nothing'}")
    if chosen.kind:
        from credit_delivery.cluster import up

        up.deliver(repository, made)


def _candidate(repository: Repository, chosen: argparse.Namespace, folder: Path) -> Path:
    if chosen.dataset is None:
        raise DeliveryError("say whose candidate with --dataset, or which bundle with --bundle")
    if chosen.retrained:
        if not chosen.kind:
            raise DeliveryError("--retrained is of the cluster that `up` made: add --kind, or set MLFLOW_TRACKING_URI")
        from credit_delivery.cluster import retraining

        return retraining.download(chosen.dataset, folder)
    from credit_delivery.candidate import download
    from credit_training.files import home

    return download(chosen.dataset, repository.root / home(), folder)


def _promote(chosen: argparse.Namespace) -> None:
    from credit_delivery import promotion
    from credit_delivery.pull_request import github

    repository = _repository(chosen)
    proposal = promotion.propose(repository, chosen.env, chosen.tag, _rebuild(repository, chosen))
    print(proposal.body)
    if chosen.merge or chosen.kind:
        _approve(repository, proposal)
        if chosen.kind:
            _refresh()
        return
    if repository.has_remote():
        repository.push(proposal.branch, force=True)
    if forge := github(repository):
        print(forge.open(proposal.branch, proposal.base, proposal.title, proposal.body))
    else:
        print(f"Branch {proposal.branch} holds it. To approve: the same command with --merge.")


def _approve(repository: Repository, proposal: Proposal) -> None:
    from credit_delivery import promotion

    approver = repository.person()
    if input(f"To approve this as {approver}, type {proposal.tag}: ").strip() != proposal.tag:
        raise DeliveryError(f"not approved; branch {proposal.branch} stays")
    commit = promotion.merge(repository, proposal, approver)
    if repository.has_remote():
        repository.push(proposal.base)
    print(f"merged as {commit[:12]}: {proposal.environment} runs {proposal.tag} once Argo CD has synced")


def _evidence(chosen: argparse.Namespace) -> None:
    from credit_delivery import dossier, promotion, record

    repository = _repository(chosen)
    release = record.read(repository, chosen.tag)
    rebuild = _rebuild(repository, chosen)
    print(dossier.page(promotion.recompute(repository, chosen.env, release, rebuild), chosen.env))


def _check(chosen: argparse.Namespace) -> None:
    from credit_delivery.check import check
    from credit_delivery.holdout import source

    repository = Repository(Path.cwd())
    lines = check(repository, chosen.base, source(repository.root, chosen.holdout, afresh=True))
    print("\n".join(lines) or "nothing that runs is changed")


def _confirm(chosen: argparse.Namespace) -> None:
    from credit_delivery import confirmation

    repository = _repository(chosen)
    seen = [confirmation.observe(url) for url in chosen.url]
    if chosen.kind:
        from credit_delivery.cluster import status

        seen += status.observations("staging")
    try:
        made = confirmation.confirm(repository, seen)
    except WithdrawnError as withdrawn:
        _sent(repository, chosen, withdrawn)
        raise
    _committed(repository, chosen, made, "it is confirmed already")


def _sent(repository: Repository, chosen: argparse.Namespace, withdrawn: WithdrawnError) -> None:
    """Push what was taken back; who cannot is told of both."""
    try:
        _pushed(repository, chosen)
    except RepositoryError as error:
        raise DeliveryError(f"{withdrawn}\n  - {error}") from None


def _rollback(chosen: argparse.Namespace) -> None:
    from credit_delivery.rollback import roll_back

    repository = _repository(chosen)
    file = chosen.file and f"environments/{chosen.env}/{Path(chosen.file).name}"
    done = roll_back(repository, chosen.env, chosen.reason, file or None, chosen.bad or None)
    print(f"{done.path}: from {done.bad} back to {done.restored}")
    _committed(repository, chosen, done.commit, f"{done.bad} does not run; to go further back, name it with --bad")
    if chosen.kind:
        from credit_delivery.cluster import syncs

        syncs.redirect(repository.head(), chosen.env)
        _refresh()


def _history(chosen: argparse.Namespace) -> None:
    from credit_delivery.history import at, history

    changes = history(_repository(chosen), chosen.env)
    for change in [at(changes, chosen.at)] if chosen.at else changes:
        print(change.line())


def _bump(chosen: argparse.Namespace) -> None:
    from credit_delivery.bump import bump

    if (chosen.tag is None) != (chosen.digest is None) or (chosen.tag is None and chosen.env == "staging"):
        raise DeliveryError("give --tag and --digest of the image that staging shall run")
    repository = _repository(chosen)
    pin = image_pin(chosen.tag, chosen.digest) if chosen.tag else None
    _committed(repository, chosen, bump(repository, chosen.env, chosen.application, pin), "it is named already")


def _freeze(chosen: argparse.Namespace) -> None:
    from credit_delivery.bump import freeze

    repository = _repository(chosen)
    _committed(repository, chosen, freeze(repository, chosen.env, on=not chosen.off), "it is so already")


def _committed(repository: Repository, chosen: argparse.Namespace, commit: str | None, otherwise: str) -> None:
    if commit is None:
        print(f"nothing to do: {otherwise}")
        return
    sent = _pushed(repository, chosen)
    print(f"committed {commit[:12]}" + ("" if sent else "; nothing changes until it is pushed"))
    if chosen.kind:
        _refresh()


def _pushed(repository: Repository, chosen: argparse.Namespace) -> bool:
    """Whether commits were asked to go to origin, as on kind they always do; then they have gone."""
    asked: bool = chosen.push or chosen.kind
    if asked:
        repository.push(repository.branch())
    return asked


def _repository(chosen: argparse.Namespace) -> Repository:
    if not chosen.kind:
        return Repository(Path.cwd())
    from credit_delivery.cluster import checkout

    return checkout.current()


def _rebuild(repository: Repository, chosen: argparse.Namespace) -> Rebuild:
    """How a hold-out is come by: from its file where one is given, else from its source."""
    if chosen.kind and chosen.holdout is None:
        from credit_delivery.cluster import retraining

        return retraining.source(repository.root)
    from credit_delivery.holdout import source

    return source(repository.root, chosen.holdout)


def _refresh() -> None:
    from credit_delivery.cluster import applications

    applications.refresh()
