"""The files below `environments/` that this package writes, edited line by line: comments and order stay.

Knows their keys and form. Does not know git, nor whether what they name is any good.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Annotated, Literal, TypeVar, get_args

import yaml
from pydantic import AfterValidator, Field as Constraint, ValidationError

from credit_contract.schema import Frozen
from credit_delivery.errors import EnvironmentFileError

Name = Literal["staging", "production"]
ENVIRONMENTS: tuple[Name, ...] = get_args(Name)
UNRELEASED = "unreleased"
"""The tag in an environment that nothing was promoted to yet."""

Kind = TypeVar("Kind", "ModelPin", "ImagePin")


def _names_one_thing(tag: str) -> str:
    if tag == "latest":
        raise ValueError("latest is not a name: it means another thing tomorrow")
    return tag


# What an image registry allows, in lower case.
Tag = Annotated[str, Constraint(pattern=r"^[a-z0-9][a-z0-9._-]{0,62}$"), AfterValidator(_names_one_thing)]
ModelDigest = Annotated[str, Constraint(pattern=r"^[0-9a-f]{64}$")]
ImageDigest = Annotated[str, Constraint(pattern=r"^sha256:[0-9a-f]{64}$")]


class ModelPin(Frozen):
    """What `model.yaml` names."""

    tag: Tag
    modelDigest: ModelDigest  # noqa: N815 - the key in the file
    imageDigest: ImageDigest  # noqa: N815

    @property
    def digest(self) -> str:
        """What the tag stands for, and what is quarantined."""
        return self.modelDigest


class ImagePin(Frozen):
    """What `<application>.image.yaml` names."""

    tag: Tag
    digest: ImageDigest


Pin = ModelPin | ImagePin


def folder(environment: Name) -> str:
    """Where an environment's files are, from the repository's root."""
    return f"environments/{environment}"


def model_file(environment: Name) -> str:
    """The file that says which model runs."""
    return f"{folder(environment)}/model.yaml"


def image_file(environment: Name, application: str) -> str:
    """The file that says which code an application runs."""
    return f"{folder(environment)}/{application}.image.yaml"


def facts_file(environment: Name) -> str:
    """The file of what people say of an environment."""
    return f"{folder(environment)}/environment.yaml"


def subject(path: str) -> str | None:
    """What a machine-written file pins: `model`, or the name of an application; None for people's files."""
    name = path.rpartition("/")[2]
    if name == "model.yaml":
        return "model"
    return name.removesuffix(".image.yaml") if name.endswith(".image.yaml") else None


def read_model(text: str, path: str) -> ModelPin:
    """The pin in a `model.yaml`.

    Raises:
        EnvironmentFileError: keys or values are not of the form.
    """
    return _pin(ModelPin, text, path)


def read_image(text: str, path: str) -> ImagePin:
    """The pin in an `<application>.image.yaml`.

    Raises:
        EnvironmentFileError: keys or values are not of the form.
    """
    return _pin(ImagePin, text, path)


def read_pin(text: str, path: str) -> Pin:
    """The pin in a machine-written file of either kind.

    Raises:
        EnvironmentFileError: keys or values are not of the form.
    """
    return read_model(text, path) if subject(path) == "model" else read_image(text, path)


def image_pin(tag: str, digest: str) -> ImagePin:
    """The pin of an image that somebody named.

    Raises:
        EnvironmentFileError: tag or digest is not of the form.
    """
    return _validated(ImagePin, {"tag": tag, "digest": digest}, f"image {tag}")


def released(pin: Pin) -> bool:
    """Whether it names anything: a new environment has digests of zeros."""
    return bool(pin.digest.removeprefix("sha256:").strip("0"))


def with_pin(text: str, pin: Pin, path: str) -> str:
    """The file with this pin, every other byte as it was.

    Raises:
        EnvironmentFileError: a key is not there, or is there twice.
    """
    changed = _with_values(text, pin.model_dump(), path)
    if read_pin(changed, path) != pin:
        raise EnvironmentFileError(f"{path}: cannot be edited line by line; write one key per line")
    return changed


def frozen(text: str, path: str) -> bool:
    """Whether `environment.yaml` says that nothing may be promoted to here.

    Raises:
        EnvironmentFileError: the key is missing or neither true nor false.
    """
    facts = yaml.safe_load(text)
    value = facts.get("frozen") if isinstance(facts, dict) else None
    if not isinstance(value, bool):
        raise EnvironmentFileError(f"{path}: key frozen: true or false is needed, found {value!r}")
    return value


def with_frozen(text: str, value: bool, path: str) -> str:
    """`environment.yaml` with this `frozen`."""
    return _with_values(text, {"frozen": value}, path)


def _pin(kind: type[Kind], text: str, path: str) -> Kind:
    try:
        sections = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise EnvironmentFileError(f"{path}: not YAML: {' '.join(str(error).split())}") from None
    if not isinstance(sections, dict) or len(sections) != 1:
        raise EnvironmentFileError(f"{path}: one section is needed, with the keys {', '.join(kind.model_fields)}")
    (section,) = sections.values()
    return _validated(kind, section, path)


def _validated(kind: type[Kind], content: object, where: str) -> Kind:
    try:
        return kind.model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(map(str, first["loc"])) or "section"
        raise EnvironmentFileError(f"{where}: key {key}: {first['msg']}") from None


def _with_values(text: str, values: Mapping[str, object], path: str) -> str:
    for key, value in values.items():
        line = re.compile(rf"^([ ]*{key}:[ ]+)(\"[^\"\n]*\"|[^\s#]+)", re.MULTILINE)
        if len(found := line.findall(text)) != 1:
            raise EnvironmentFileError(f"{path}: key {key}: one line with it is needed, found {len(found)}")
        quoted = found[0][1].startswith('"')
        text = line.sub(lambda match: match[1] + _scalar(value, quoted), text)  # noqa: B023 - called at once
    return text


def _scalar(value: object, quoted: bool) -> str:
    """A value as YAML reads it back: 1e5 and 2026 are tags only in quotes."""
    plain = json.dumps(value) if not isinstance(value, str) else value
    return json.dumps(value) if quoted or yaml.safe_load(plain) != value else plain
