"""The bundle of a release: kept by `build` under var/releases, else taken out of its image; always checked by digest.

Does not know environments.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

from credit_contract.bundle import read_bundle
from credit_delivery.errors import CommandFailedError, ReleaseError
from credit_delivery.programs import run
from credit_delivery.record import ReleaseRecord
from credit_training.files import home
from scoring_api.model import ServedModel, load


def kept(root: Path, tag: str) -> Path:
    """Where a released bundle is kept on this machine."""
    return root / home() / "releases" / tag


def released(root: Path, record: ReleaseRecord) -> ServedModel:
    """The model of a release, its bundle verified and its golden applicants reproduced here.

    Raises:
        ReleaseError: the bundle is not to be had, or is not the one of the record.
        BundleError: it is damaged.
    """
    path = kept(root, record.tag)
    if not path.exists():
        _take_out(record, path)
    model = load(path, record.tag)
    if model.bundle.digest != record.model_digest:
        raise ReleaseError(
            f"{record.tag} is {record.model_digest[:12]} by its record, the bundle in {path} is "
            f"{model.bundle.digest[:12]}: remove that folder, or build under another tag"
        )
    return model


def keep(bundle: Path, root: Path, tag: str) -> Path:
    """Copy a bundle to where `released` looks first; one of the same digest is left as it is.

    Raises:
        ReleaseError: another bundle is kept under this tag.
    """
    target = kept(root, tag)
    if target.exists():
        if read_bundle(target).digest != read_bundle(bundle).digest:
            raise ReleaseError(f"{target} holds another bundle: a tag is a name for one digest; choose another tag")
        return target
    _move_in(bundle, target)
    return target


def _take_out(record: ReleaseRecord, target: Path) -> None:
    """By the image's own command, which refuses any other digest; the image is pulled where it is not at hand."""
    local = f"credit-model:{record.tag}"
    reference = f"{record.image}@{record.image_digest}" if "/" in record.image else local
    with tempfile.TemporaryDirectory(prefix="credit-bundle-") as folder:
        person = f"{os.getuid()}:{os.getgid()}"
        docker = ["docker", "run", "--rm", "--network", "none", "--user", person, "--volume", f"{folder}:/bundle"]
        try:
            run([*docker, reference, "place", "/bundle", record.model_digest])
        except CommandFailedError as error:
            raise ReleaseError(f"no bundle of {record.tag} in {target}, nor in image {reference}: {error}") from None
        _move_in(Path(folder), target)


def _move_in(bundle: Path, target: Path) -> None:
    """Copied aside, verified, then renamed: a bundle is there whole or not at all."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{target.name}-", dir=target.parent) as folder:
        copied = Path(shutil.copytree(bundle.resolve(), Path(folder, "bundle")))
        read_bundle(copied)
        copied.rename(target)
