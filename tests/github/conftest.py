"""A model image as files in a folder, docker, grype and cosign that stand in for its registries, and a repository."""

import os
import shutil
from pathlib import Path

import pytest

from credit_contract.bundle import Bundle

from ..scoring_api.toy import make_bundle  # noqa: TID252 - the bundle of the service's own tests
from .released import git
from .workflows import ROOT

STAND_IN = """\
#!/bin/sh
# Registries by file: imagetools create copies a digest, inspect tells it; an image's files are in the folder image.
echo "$(basename "$0") $*" >> "$STORE/calls"
for last; do :; done
file() { echo "$STORE/$(echo "$1" | tr '/:' '__')"; }
case "$1 $2 $3" in
"buildx imagetools inspect") cat "$(file "$last")" ;;
"buildx imagetools create") printf '{"digest": "%s"}' "${PUSHED:-${last#*@}}" > "$(file "$6")" ;;
"image inspect "*) echo '["PATH=/bin", "PYTHON_VERSION=3.11.14"]' ;;
"create "*) echo container ;;
"cp "*) cp -r "$STORE/image${2#*:}" "$last" ;;
"registry:"*) exit "${HOLED:-0}" ;;
"download signature "*) test -e "$STORE/signed" ;;
"sign "*) touch "$STORE/signed" ;;
"attest "*)
    while [ "$1" != --type ]; do shift; done
    cp "$4" "$STORE/$2.json"
    test -z "$UNSAID" || [ "$2" != "$UNSAID" ] ;;
esac
"""
STATUS = """\
Package: libc6
Status: install ok installed
Architecture: amd64
Version: 2.36-9+deb12u13
Description: C library
 Status: deinstall ok config-files

Package: gone
Status: deinstall ok config-files
Architecture: all
Version: 1
"""


@pytest.fixture(scope="session")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return make_bundle(tmp_path_factory.mktemp("made") / "bundle")


@pytest.fixture
def store(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch, bundle: Bundle) -> Path:
    """Where docker, grype and cosign that stand in keep what they were asked, and the files of a model image."""
    folder = tmp_path_factory.mktemp("store")
    for name in ("docker", "grype", "cosign"):
        (folder / name).write_text(STAND_IN)
        (folder / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("STORE", str(folder))
    monkeypatch.setenv("UNSAID", "")
    monkeypatch.setenv("HOLED", "")
    monkeypatch.delenv("GRYPE", raising=False)
    image = folder / "image"
    shutil.copytree(bundle.path, image / "model/bundle")
    shutil.copy(ROOT / "ml/delivery/images/credit-model/credit_model.py", image / "model")
    installed = image / "usr/local/lib/python3.11/site-packages/pip-25.1.dist-info"
    installed.mkdir(parents=True)
    (installed / "METADATA").write_text("Metadata-Version: 2.4\nName: pip\nVersion: 25.1\n")
    (image / "var/lib/dpkg").mkdir(parents=True)
    (image / "var/lib/dpkg/status").write_text(STATUS)
    return folder


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository that knows where it is published, with one commit."""
    monkeypatch.delenv("GITHUB_REPOSITORY", raising=False)
    git(tmp_path, "init", "--quiet", "--initial-branch=main")
    git(tmp_path, "remote", "add", "origin", "https://robot:secret@github.com/example/credit-platform.git")
    git(tmp_path, "commit", "--quiet", "--allow-empty", "-m", "Code")
    monkeypatch.chdir(tmp_path)
    return tmp_path
