import json
from pathlib import Path

import pytest

from credit_contract.bundle import Bundle
from credit_delivery.supply_chain.__main__ import main

from .released import DIGEST, release

REGISTRY = "registry.example/team"
THERE = f"{REGISTRY}/credit-model"


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


def test_a_model_is_scanned_before_anything_is_said_of_it(checkout: Path, store: Path, bundle: Bundle) -> None:
    release(checkout, bundle)
    main(["publish-models", REGISTRY])
    (scan,) = called(store, "grype ")
    assert scan == f"grype registry:{THERE}@{DIGEST} --only-fixed --fail-on high"
    every = called(store, "")
    assert every.index(scan) < min(every.index(line) for line in called(store, "cosign attest"))


def test_a_model_with_a_hole_that_can_be_fixed_is_neither_attested_nor_signed(
    checkout: Path, store: Path, bundle: Bundle, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HOLED", "2")
    release(checkout, bundle)
    refused("publish-models", REGISTRY)
    told = capsys.readouterr().err
    assert f"grype registry:{THERE}@{DIGEST}" in told
    assert "not scanned" not in told
    assert called(store, "cosign attest") + called(store, "cosign sign") == []


def test_a_scanner_without_a_list_of_holes_has_not_scanned_and_nothing_is_signed(
    checkout: Path, store: Path, bundle: Bundle, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HOLED", "1")
    release(checkout, bundle)
    refused("publish-models", REGISTRY)
    assert "not scanned: `grype registry:" in capsys.readouterr().err
    assert called(store, "cosign attest") + called(store, "cosign sign") == []


def test_without_a_scanner_no_model_is_signed(
    checkout: Path, store: Path, bundle: Bundle, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("GRYPE", "/nowhere/grype")
    release(checkout, bundle)
    refused("publish-models", REGISTRY)
    told = capsys.readouterr().err
    assert "not scanned" in told
    assert "/nowhere/grype is not on PATH" in told
    assert called(store, "cosign attest") + called(store, "cosign sign") == []


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
    assert len(called(store, "docker buildx imagetools create")) == len(called(store, "grype ")) == 1
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
