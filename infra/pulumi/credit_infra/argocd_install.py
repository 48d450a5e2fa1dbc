"""Argo CD's install manifest, as `argocd/install.yaml` wants it: pinned, without what is left out, with our settings.

`make up` reads the same file, so that kind and cloud run one Argo CD.
"""

from __future__ import annotations

import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import yaml

from credit_infra.errors import InstallError
from credit_infra.model import StackPart

REPOSITORY_ROOT = Path(__file__).parents[3]
INSTALL_FILE = REPOSITORY_ROOT / "argocd" / "install.yaml"
DOWNLOAD_SECONDS = 60


class InstallConfig(StackPart):
    """`argocd/install.yaml`; names in `leave_out` and `settings` are those of the manifest's objects."""

    version: str
    manifest: str
    leave_out: tuple[str, ...]
    settings: dict[str, dict[str, str]]


def install_config() -> InstallConfig:
    """What the repository says about its Argo CD."""
    return InstallConfig.model_validate(yaml.safe_load(INSTALL_FILE.read_text()))


def install_objects(config: InstallConfig, location: str | None) -> list[dict[str, Any]]:
    """The manifest's objects, ready to be applied; `location` (path or https URL) replaces the pinned address.

    Raises InstallError when the manifest cannot be read, or names nothing that `leave_out` or `settings` name:
    then it is not the manifest that the file was written for.
    """
    where = location or config.manifest
    objects = [entry for entry in yaml.load_all(_text(where), Loader=yaml.CSafeLoader) if entry]
    names = {entry["metadata"]["name"] for entry in objects}
    if strangers := sorted({*config.leave_out, *config.settings} - names):
        raise InstallError(f"{where}: has no object {strangers}: is it Argo CD {config.version}, as install.yaml says?")
    kept = [entry for entry in objects if entry["metadata"]["name"] not in config.leave_out]
    for entry in kept:
        name = entry["metadata"]["name"]
        if entry["kind"] == "ConfigMap" and name in config.settings:
            entry["data"] = {**(entry.get("data") or {}), **config.settings[name]}
    return kept


def _text(where: str) -> str:
    try:
        if where.startswith("https://"):
            with urllib.request.urlopen(where, timeout=DOWNLOAD_SECONDS) as answer:  # noqa: S310 - https only
                return str(answer.read().decode())
        return Path(where).read_text()
    except (OSError, urllib.error.URLError) as error:
        raise InstallError(f"{where}: {error}: set credit:gitops.manifest to a copy that can be reached") from None
