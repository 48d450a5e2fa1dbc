import dataclasses
import json
import shutil

import pytest

from credit_contract.bundle import CONTENTS, PROTOCOL, read_bundle, write_bundle
from credit_contract.digest import canonical_json
from credit_contract.errors import BundleError


@pytest.fixture
def bundle(draft, tmp_path):
    return write_bundle(draft, tmp_path / "bundle")


def test_a_bundle_reads_back_as_it_was_written(draft, bundle):
    again = read_bundle(bundle.path)
    assert again.digest == bundle.digest
    assert again.schema == draft.schema
    assert again.policy == draft.policy
    assert again.baseline == draft.baseline
    assert again.golden == draft.golden
    assert again.model == draft.model


def test_equal_inputs_give_equal_digests_and_leave_nothing_beside_the_bundle(draft, bundle, tmp_path):
    assert write_bundle(draft, tmp_path / "other").digest == bundle.digest
    assert write_bundle(draft, bundle.path).digest == bundle.digest
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["bundle", "other"]


def test_another_bundle_is_not_written_over_the_first(draft, bundle):
    with pytest.raises(BundleError, match="a different bundle is there"):
        write_bundle(dataclasses.replace(draft, commit="d" * 40), bundle.path)
    assert read_bundle(bundle.path).digest == bundle.digest


@pytest.mark.parametrize("name", CONTENTS)
def test_a_changed_truncated_or_missing_file_is_refused_by_name(bundle, name):
    file = bundle.path / name
    content = file.read_bytes()
    for damaged in (content[:-3], content + b" ", bytes([content[0] ^ 1]) + content[1:]):
        file.write_bytes(damaged)
        with pytest.raises(BundleError, match=f"{name}: hash mismatch"):
            read_bundle(bundle.path)
    file.unlink()
    with pytest.raises(BundleError, match=f"{name}: cannot be read"):
        read_bundle(bundle.path)


def test_a_file_that_the_manifest_does_not_name_is_refused(bundle):
    (bundle.path / "model.pkl").write_bytes(b"")
    with pytest.raises(BundleError, match=r"model\.pkl: is not named by the manifest"):
        read_bundle(bundle.path)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda manifest: manifest | {"protocol": PROTOCOL + 1}, "protocol 2 cannot be read here"),
        (lambda manifest: manifest | {"protocol": "1"}, "protocol '1' cannot be read here"),
        (lambda manifest: {key: manifest[key] for key in manifest if key != "commit"}, "commit: Field required"),
        (lambda manifest: manifest | {"files": manifest["files"] | {"../x": "0"}}, "is no file of a bundle"),
        (lambda manifest: manifest | {"files": {}}, "is not named by the manifest"),
    ],
)
def test_a_manifest_that_cannot_be_trusted_is_refused(bundle, change, said):
    file = bundle.path / "manifest.json"
    file.write_text(canonical_json(change(json.loads(file.read_text()))))
    with pytest.raises(BundleError, match=said):
        read_bundle(bundle.path)


def test_a_truncated_manifest_and_a_missing_folder_are_refused(bundle, tmp_path):
    file = bundle.path / "manifest.json"
    file.write_text(file.read_text()[:40])
    with pytest.raises(BundleError, match=r"manifest\.json: is not JSON"):
        read_bundle(bundle.path)
    with pytest.raises(BundleError, match="is not a bundle directory"):
        read_bundle(tmp_path / "nowhere")


def test_a_policy_that_does_not_fit_the_schema_is_refused_and_nothing_is_left(draft, tmp_path):
    policy = draft.policy.model_copy(update={"reasons": {"income": "Income is low"}})
    with pytest.raises(BundleError, match=r"policy\.json: reasons must name exactly the scored fields"):
        write_bundle(dataclasses.replace(draft, policy=policy), tmp_path / "bundle")
    assert list(tmp_path.iterdir()) == []


def test_the_digest_does_not_depend_on_the_place(bundle, tmp_path):
    moved = tmp_path / "far" / "away"
    shutil.copytree(bundle.path, moved)
    assert read_bundle(moved).digest == bundle.digest
