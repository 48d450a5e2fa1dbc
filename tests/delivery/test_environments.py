import pytest
import yaml
from hypothesis import given, strategies as st

from credit_delivery.environments import (
    ImagePin,
    ModelPin,
    frozen,
    image_pin,
    read_image,
    read_model,
    with_frozen,
    with_pin,
)
from credit_delivery.errors import EnvironmentFileError

PATH = "environments/staging/model.yaml"
MODEL = """\
# Written by credit-release (promote, rollback), not by hand.

model:   # the champion
    tag: "old"   # tag: is a name
    # digest of the manifest
    modelDigest: "{a}"
    imageDigest: sha256:{a}  # tag: none
"""
A, B = "a" * 64, "1" * 64


def test_only_the_three_values_change() -> None:
    text = MODEL.format(a=A)
    changed = with_pin(text, ModelPin(tag="new", modelDigest=B, imageDigest=f"sha256:{B}"), PATH)
    assert changed == text.replace("old", "new").replace(A, B)


@given(st.from_regex(r"\A[a-z0-9][a-z0-9._-]{0,20}\Z"))
def test_any_tag_reads_back_as_it_was_written(tag: str) -> None:
    text = f"image:\n  tag: unreleased\n  digest: sha256:{A}\n"
    if tag != "latest":
        pin = image_pin(tag, f"sha256:{A}")
        assert read_image(with_pin(text, pin, "x"), "x") == pin


@pytest.mark.parametrize("tag", ["1e5", "2026", "0x10", "true", "null", "1.10", "2026-11-21", "no"])
def test_a_tag_that_yaml_would_take_for_something_else_is_quoted(tag: str) -> None:
    text = with_pin(f"image:\n  tag: old\n  digest: sha256:{A}\n", ImagePin(tag=tag, digest=f"sha256:{A}"), "x")
    assert yaml.safe_load(text)["image"]["tag"] == tag


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("model: ", "modle:\n  tag: x\nmodel: ", "one section is needed"),
        ("modelDigest", "modelDigets", "key modelDigest: Field required"),
        (f'"{A}"', '"abc"', "key modelDigest: String should match"),
        ("old", "latest", "key tag: .*latest is not a name"),
        ("old", "Old Tag", "key tag: String should match"),
        ("model:   #", "model: [", "not YAML"),
    ],
)
def test_a_file_of_another_form_is_refused_with_file_and_key(old: str, new: str, message: str) -> None:
    with pytest.raises(EnvironmentFileError, match=message) as caught:
        read_model(MODEL.format(a=A).replace(old, new, 1), PATH)
    assert str(caught.value).startswith(PATH)
    assert "\n" not in str(caught.value)


def test_a_value_on_two_lines_is_not_edited() -> None:
    text = MODEL.format(a=A) + "    tag: twice\n"
    with pytest.raises(EnvironmentFileError, match="key tag: one line with it is needed, found 2"):
        with_pin(text, ModelPin(tag="new", modelDigest=B, imageDigest=f"sha256:{B}"), PATH)


def test_the_freeze_switch_keeps_what_is_around_it() -> None:
    text = "# Facts\nname: staging\nfrozen: false  # the stop switch\n"
    assert with_frozen(text, True, PATH) == text.replace("false", "true")
    assert frozen(with_frozen(text, True, PATH), PATH)


def test_a_freeze_switch_that_is_neither_on_nor_off_stops_everything() -> None:
    with pytest.raises(EnvironmentFileError, match="key frozen: true or false is needed, found 'maybe'"):
        frozen("frozen: maybe\n", PATH)
