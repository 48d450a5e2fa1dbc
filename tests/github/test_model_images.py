import hashlib
import json
import os
import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from credit_contract.bundle import Bundle
from credit_delivery import programs, record
from credit_delivery.record import Latency, ReleaseRecord
from credit_delivery.supply_chain.__main__ import main

from ..scoring_api.toy import make_bundle  # noqa: TID252 - the bundle of the service's own tests
from .workflows import ROOT

PERSON = ["-c", "user.name=A", "-c", "user.email=a@example.com"]
REGISTRY = "registry.example/team"
THERE = f"{REGISTRY}/credit-model"
DIGEST = "sha256:" + "a" * 64
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
    """Where docker and cosign that stand in keep what they were asked, and the files of a model image."""
    folder = tmp_path_factory.mktemp("store")
    for name in ("docker", "cosign"):
        (folder / name).write_text(STAND_IN)
        (folder / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("STORE", str(folder))
    monkeypatch.setenv("UNSAID", "")
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


def git(folder: Path, *arguments: str) -> str:
    return programs.run(["git", *PERSON, *arguments], folder=folder).strip()


def release(checkout: Path, bundle: Bundle, tag: str = "a", **other: Any) -> ReleaseRecord:
    told = {
        "tag": tag,
        "model_digest": bundle.digest,
        "policy_digest": bundle.policy_digest,
        "image": "ghcr.example/team/credit-model",
        "image_digest": DIGEST,
        "dataset": bundle.manifest.dataset,
        "commit": bundle.manifest.commit,
        "metrics": {},
        "gates": (),
        "latency": Latency(p50_us=1, p99_us=2),
        "parent": None,
    }
    made = ReleaseRecord.model_validate(told | other)
    path = checkout / record.file(tag)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(made.text())
    git(checkout, "add", "-A")
    git(checkout, "commit", "--quiet", "-m", f"Release {tag}")
    return made


def refused(*arguments: str) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 1


def called(store: Path, what: str) -> list[str]:
    return [line for line in (store / "calls").read_text().splitlines() if line.startswith(what)]


def test_a_released_model_is_copied_by_digest_and_signed_last(checkout: Path, store: Path, bundle: Bundle) -> None:
    release(checkout, bundle)
    main(["publish-models", REGISTRY])
    (copied,) = called(store, "docker buildx imagetools create")
    assert f"--tag {THERE}:a ghcr.example/team/credit-model@{DIGEST}" in copied
    *_, last = called(store, "")
    assert last.startswith("cosign sign --yes ")
    assert last.endswith(f" {THERE}@{DIGEST}")


def test_a_models_bill_and_provenance_are_put_beside_it(checkout: Path, store: Path, bundle: Bundle) -> None:
    release(checkout, bundle)
    main(["publish-models", REGISTRY])
    attested = called(store, "cosign attest --yes ")
    assert [line.endswith(f" {THERE}@{DIGEST}") for line in attested] == [True, True]
    main(["attestations", "a"])
    folder = checkout / "var/attestations/a"
    assert json.loads((store / "spdxjson.json").read_text()) == json.loads((folder / "bill.spdx.json").read_text())
    statement = json.loads((folder / "provenance.intoto.json").read_text())
    assert json.loads((store / "slsaprovenance1.json").read_text()) == statement["predicate"]
    assert statement["subject"] == [{"name": "ghcr.example/team/credit-model", "digest": {"sha256": "a" * 64}}]


def test_a_model_is_copied_attested_and_signed_once(checkout: Path, store: Path, bundle: Bundle) -> None:
    release(checkout, bundle)
    main(["publish-models", REGISTRY])
    before = len(called(store, "cosign attest")), len(called(store, "cosign sign"))
    main(["publish-models", REGISTRY])
    assert len(called(store, "docker buildx imagetools create")) == 1
    assert (len(called(store, "cosign attest")), len(called(store, "cosign sign"))) == before == (2, 1)


def test_a_copy_that_failed_halfway_is_finished_the_next_time(
    checkout: Path, store: Path, bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    release(checkout, bundle)
    monkeypatch.setenv("UNSAID", "slsaprovenance1")
    refused("publish-models", REGISTRY)
    assert called(store, "cosign sign") == []
    monkeypatch.setenv("UNSAID", "")
    main(["publish-models", REGISTRY])
    assert len(called(store, "cosign sign")) == 1
    assert all("--replace" in line for line in called(store, "cosign attest"))


def test_a_model_that_is_where_it_was_built_is_signed_there(checkout: Path, store: Path, bundle: Bundle) -> None:
    release(checkout, bundle, image=THERE)
    (store / f"{THERE}:a".translate({ord("/"): "_", ord(":"): "_"})).write_text(f'{{"digest": "{DIGEST}"}}')
    main(["publish-models", REGISTRY])
    assert called(store, "docker buildx imagetools create") == []
    assert [line.endswith(f" {THERE}@{DIGEST}") for line in called(store, "cosign sign")] == [True]


def test_another_image_under_a_releases_tag_is_never_signed(
    checkout: Path, store: Path, bundle: Bundle, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PUSHED", "sha256:" + "e" * 64)
    release(checkout, bundle)
    refused("publish-models", REGISTRY)
    assert "do not run it" in capsys.readouterr().err
    assert called(store, "cosign") == []


@pytest.mark.parametrize(
    ("other", "what"), [({"model_digest": "b" * 64}, "model"), ({"commit": "d" * 40}, "commit")], ids=lambda _: ""
)
def test_an_image_that_is_not_what_its_record_says_is_neither_attested_nor_signed(
    checkout: Path, store: Path, bundle: Bundle, capsys: pytest.CaptureFixture[str], other: dict[str, str], what: str
) -> None:
    release(checkout, bundle, **other)
    refused("publish-models", REGISTRY)
    assert f"the image's {what} is " in capsys.readouterr().err
    assert called(store, "cosign attest") + called(store, "cosign sign") == []


@pytest.mark.usefixtures("store")
def test_a_release_that_is_on_no_registry_is_named(
    checkout: Path, bundle: Bundle, capsys: pytest.CaptureFixture[str]
) -> None:
    release(checkout, bundle, image="credit-model")
    refused("publish-models", REGISTRY)
    assert "a was built without --registry" in capsys.readouterr().err


def bill(checkout: Path) -> dict[str, Any]:
    main(["attestations", "a"])
    read: dict[str, Any] = json.loads((checkout / "var/attestations/a/bill.spdx.json").read_text())
    return read


def test_a_models_bill_names_every_file_of_the_bundle_by_its_hash(checkout: Path, store: Path, bundle: Bundle) -> None:
    release(checkout, bundle)
    found = {file["fileName"]: file["checksums"] for file in bill(checkout)["files"]}
    said = {f"./model/bundle/{name}": sha256 for name, sha256 in bundle.manifest.files.items()}
    program = (store / "image/model/credit_model.py").read_bytes()
    said |= {
        "./model/bundle/manifest.json": bundle.digest,
        "./model/credit_model.py": hashlib.sha256(program).hexdigest(),
    }
    sha256 = {
        name: one["checksumValue"] for name, sums in found.items() for one in sums if one["algorithm"] == "SHA256"
    }
    assert sha256 == said
    sha1 = {name: one["checksumValue"] for name, sums in found.items() for one in sums if one["algorithm"] == "SHA1"}
    assert sha1["./model/credit_model.py"] == hashlib.sha1(program, usedforsecurity=False).hexdigest()


@pytest.mark.usefixtures("store")
def test_a_models_bill_names_the_image_the_model_and_what_it_stands_on(checkout: Path, bundle: Bundle) -> None:
    release(checkout, bundle)
    image, model, *base = bill(checkout)["packages"]
    assert image["checksums"] == [{"algorithm": "SHA256", "checksumValue": "a" * 64}]
    assert model["versionInfo"] == bundle.digest
    data = bundle.manifest.dataset
    for said in (bundle.manifest.commit, data.name, data.version, data.sha256):
        assert said in model["sourceInfo"]
    assert {part["externalRefs"][0]["referenceLocator"] for part in base} == {
        "pkg:deb/debian/libc6@2.36-9%2Bdeb12u13?arch=amd64&distro=debian-12",
        "pkg:generic/python@3.11.14",
        "pkg:pypi/pip@25.1",
    }


@pytest.mark.usefixtures("store")
def test_a_models_bill_is_of_spdxs_form_and_the_same_each_time(checkout: Path, bundle: Bundle) -> None:
    release(checkout, bundle)
    first = bill(checkout)
    assert first == bill(checkout)
    assert first["spdxVersion"] == "SPDX-2.3"
    described = [*first["packages"], *first["files"]]
    identifiers = [part["SPDXID"] for part in described]
    assert len(set(identifiers)) == len(identifiers)
    assert [one for one in identifiers if not re.fullmatch(r"SPDXRef-[a-zA-Z0-9.-]+", one)] == []
    related = {line["relatedSpdxElement"] for line in first["relationships"]}
    assert related == set(identifiers)
    # SPDX 2.3, 7.9: the SHA-1 of the files' SHA-1s in order.
    sums = sorted(one["checksumValue"] for file in first["files"] for one in file["checksums"][:1])
    (analysed,) = [part for part in first["packages"] if part["filesAnalyzed"]]
    together = hashlib.sha1("".join(sums).encode(), usedforsecurity=False).hexdigest()
    assert analysed["packageVerificationCode"] == {"packageVerificationCodeValue": together}


def provenance(checkout: Path) -> dict[str, Any]:
    main(["attestations", "a"])
    statement: dict[str, Any] = json.loads((checkout / "var/attestations/a/provenance.intoto.json").read_text())
    assert statement["predicateType"] == "https://slsa.dev/provenance/v1"
    predicate: dict[str, Any] = statement["predicate"]
    return predicate


@pytest.mark.usefixtures("store")
def test_provenance_names_commits_data_and_model(checkout: Path, bundle: Bundle) -> None:
    built = git(checkout, "rev-parse", "HEAD")
    git(checkout, "switch", "--quiet", "--create", "proposal")
    release(checkout, bundle)
    recorded = git(checkout, "rev-parse", "HEAD")
    git(checkout, "switch", "--quiet", "main")
    git(checkout, "commit", "--quiet", "--allow-empty", "-m", "Something else")
    git(checkout, "merge", "--quiet", "--no-ff", "-m", "Merge", "proposal")
    made = provenance(checkout)
    assert made["runDetails"]["metadata"]["invocationId"].endswith(f"/credit-platform/commit/{recorded}")
    assert built in made["runDetails"]["builder"]["id"]
    definition = made["buildDefinition"]
    data = bundle.manifest.dataset
    assert definition["externalParameters"] == {"tag": "a", "dataset": {"name": data.name, "version": data.version}}
    needed = {one["name"]: one.get("digest") for one in definition["resolvedDependencies"]}
    assert needed == {
        "training": {"gitCommit": bundle.manifest.commit},
        "release": {"gitCommit": built},
        "dataset": {"sha256": data.sha256},
        "hold-out": {"sha256": data.holdout_sha256},
        "model": {"sha256": bundle.digest},
        "base": None,
    }


@pytest.mark.usefixtures("store")
def test_provenance_names_the_base_that_the_image_is_built_on(checkout: Path, bundle: Bundle) -> None:
    release(checkout, bundle)
    (base,) = [one for one in provenance(checkout)["buildDefinition"]["resolvedDependencies"] if one["name"] == "base"]
    dockerfile = (ROOT / "ml/delivery/images/credit-model/Dockerfile").read_text()
    assert f"FROM {base['uri'].removeprefix('pkg:docker/').replace('@', ':')}\n" in dockerfile


@pytest.mark.usefixtures("store")
@pytest.mark.parametrize(
    "remote",
    [
        "https://robot:secret@github.com/example/credit-platform.git",
        "git@github.com:example/credit-platform.git",
        "https://github.com/example/credit-platform",
    ],
)
def test_provenance_says_where_the_code_is_and_no_secret(checkout: Path, bundle: Bundle, remote: str) -> None:
    release(checkout, bundle)
    git(checkout, "remote", "set-url", "origin", remote)
    text = json.dumps(provenance(checkout))
    assert "git+https://github.com/example/credit-platform@" in text
    assert "secret" not in text


@pytest.mark.usefixtures("store")
def test_a_clone_without_history_makes_no_provenance(
    checkout: Path, bundle: Bundle, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    release(checkout, bundle)
    shallow = tmp_path_factory.mktemp("shallow")
    git(shallow, "clone", "--quiet", "--depth=1", checkout.as_uri(), "clone")
    monkeypatch.chdir(shallow / "clone")
    refused("attestations", "a")
    assert not (shallow / "clone/var").exists()
