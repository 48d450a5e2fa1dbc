import hashlib
import json
import re
from pathlib import Path
from typing import Any

import pytest

from credit_contract.bundle import Bundle
from credit_delivery.supply_chain.__main__ import main

from .released import git, release
from .workflows import ROOT


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
    with pytest.raises(SystemExit):
        main(["attestations", "a"])
    assert not (shallow / "clone/var").exists()
