"""Configuration: `conf/train.yaml`, what the dataset's YAML changes of it, then the command line, checked once.

Knows files and keys. Does not know what a key does: the models that are filled here do.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import ConfigKeyError, ConfigTypeError, OmegaConfBaseException
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from yaml import YAMLError

from credit_contract.digest import sha256_json
from credit_training.dataset import DatasetSpec, conf_folder, load_dataset
from credit_training.errors import ConfigError
from credit_training.network_recipe import NetworkRecipe
from credit_training.search_plan import SearchConfig

Document = TypeVar("Document", bound=BaseModel)
Algorithm = Literal["logistic", "boosting", "network"]
SPACE = "search.space"
"""The one mapping whose keys are open, to those of `model`: an override replaces it, or one key's choices, whole."""


UNREAD_BY_RUNS = {"cross_validation": "evaluate", "search": "search"}
"""Sections that a run does not read, and the verb that does."""


class Section(BaseModel):
    """Base of all sections: immutable, unknown keys refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class CrossValidation(Section):
    """`folds: 0` leaves it out; `repeats` draws the folds anew each time."""

    folds: Annotated[int, Field(ge=0, le=20)]
    repeats: Annotated[int, Field(ge=1, le=20)]


class Proof(Section):
    """How much is measured before a bundle is written."""

    parity_rows: Annotated[int, Field(ge=5000)]
    golden_applicants: Annotated[int, Field(ge=16, le=1000)]
    monotone_pairs: Annotated[int, Field(ge=10_000)]
    quantise: bool
    latency_calls: Annotated[int, Field(ge=0)]


class TrainConfig(Section):
    """All of `conf/train.yaml`; the comments there say what each key does."""

    dataset: str
    versions: Annotated[tuple[str, ...], Field(min_length=1)]
    algorithms: Annotated[tuple[Algorithm, ...], Field(min_length=1)]
    seed: Annotated[int, Field(ge=0)]
    protected_used: bool
    keep_leaks: tuple[str, ...]
    cross_validation: CrossValidation
    proof: Proof
    register_candidate: bool
    champion: Path | None
    model: NetworkRecipe
    search: SearchConfig

    @property
    def spec(self) -> DatasetSpec:
        """The dataset, which is the journal's where the last version is."""
        return load_dataset(self.dataset, self.versions[-1])

    @property
    def sha256(self) -> str:
        """What was configured, as bundles name it: a YAML of one's own is the same from wherever it is addressed."""
        content = self.model_dump(mode="json", exclude={"register_candidate", "champion"})
        return sha256_json(content | {"dataset": Path(self.dataset).stem})

    @property
    def registers(self) -> bool:
        """Whether a run may register its candidate: what keeps leaks or protected attributes is a study."""
        return self.register_candidate and not self.protected_used and not self.keep_leaks


def train_config(overrides: Sequence[str]) -> TrainConfig:
    """`conf/train.yaml`, changed by the dataset's `train` section, then by `key=value` overrides.

    Raises:
        ConfigError: an unknown key (names the nearest one) or a value of a wrong kind.
        DatasetError: an unknown dataset, version or leak.
    """
    base = complete(_read(conf_folder() / "train.yaml"))
    chosen = merge(base, overrides, "conf/train.yaml")
    spec = load_dataset(chosen.dataset, _last(chosen.versions))
    of_dataset = OmegaConf.create(spec.train)
    dotted = [f"{key}={_text(value)}" for key, value in flatten(of_dataset)]
    document = merge(merge(base, dotted, f"{chosen.dataset}.yaml: train"), overrides, "conf/train.yaml")
    config = validated(TrainConfig, OmegaConf.to_container(document, resolve=True), "conf/train.yaml")
    for version in config.versions:
        spec.feature_schema(version, config.protected_used, config.keep_leaks)
    return config


def run_config(overrides: Sequence[str]) -> TrainConfig:
    """`train_config` of a run, which would be another model by its digest with sections changed that it does not read.

    Raises:
        ConfigError: such an override; names the verb that reads it.
        DatasetError: as `train_config`.
    """
    config = train_config(overrides)
    for override in overrides:
        key = override.partition("=")[0]
        if verb := UNREAD_BY_RUNS.get(key.partition(".")[0]):
            raise ConfigError(f"{key}: only `credit-train {verb}` reads it; leave it out here")
    return config


def complete(document: DictConfig) -> DictConfig:
    """The document with every key of the model, which describes its own defaults."""
    whole = OmegaConf.merge({"model": NetworkRecipe().model_dump(mode="json")}, document)
    assert isinstance(whole, DictConfig)
    return whole


def merge(base: DictConfig, overrides: Sequence[str], where: str) -> DictConfig:
    """`base` with `key.key=value` overrides, references resolved; a key that base does not have is refused.

    Raises:
        ConfigError: as `train_config`.
    """
    document = base.copy()
    OmegaConf.set_struct(document, value=True)
    known = [key for key, _ in flatten(base)]
    for override in overrides:
        key, equals, value = override.partition("=")
        if not equals:
            raise ConfigError(f"{override!r} is not key=value")
        try:
            if key == SPACE or _searched(key) in known:
                choices = OmegaConf.from_dotlist([f"choices={value}"]).choices
                OmegaConf.update(document, key, choices, merge=False, force_add=True)
                continue
            if OmegaConf.select(document, key, throw_on_missing=False) is None and key not in known:
                raise ConfigKeyError(key)
            document.merge_with_dotlist([f"{key}={value}"])
        except (ConfigKeyError, ConfigTypeError, AttributeError):
            nearest = difflib.get_close_matches(key, known, n=1, cutoff=0)[0]
            raise ConfigError(f"{where} has no key {key!r}; the nearest is {nearest!r}") from None
        except (OmegaConfBaseException, YAMLError) as error:
            raise ConfigError(f"{where}: {key}={value}: {' '.join(str(error).split())}") from None
    try:
        OmegaConf.resolve(document)
    except OmegaConfBaseException as error:
        raise ConfigError(f"{where}: {' '.join(str(error).split())}") from None
    if missing := sorted(OmegaConf.missing_keys(document)):
        raise ConfigError(f"{where}: {missing[0]}: '???' stands for no value; give one")
    return document


def validated(model: type[Document], content: Any, where: str) -> Document:
    """`content` as a pydantic model.

    Raises:
        ConfigError: with the first wrong key and what was expected.
    """
    try:
        return model.model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(map(str, first["loc"]))
        raise ConfigError(f"{where}: {key}: {first['msg']}, found {first['input']!r:.60}") from None


def flatten(document: Mapping[str, Any] | DictConfig, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Leaves with their dotted keys; lists are leaves."""
    for key, value in document.items():
        if isinstance(value, (Mapping, DictConfig)):
            yield from flatten(value, f"{prefix}{key!s}.")
        else:
            yield f"{prefix}{key!s}", value


def _last(versions: Any) -> str:
    """The last of the versions, which are not yet checked."""
    return str(versions[-1]) if OmegaConf.is_list(versions) and len(versions) else ""


def _searched(key: str) -> str | None:
    """The key of `model` whose choices an override of the space gives, if it does."""
    name = key.removeprefix(f"{SPACE}.")
    return None if name == key or "." in name else f"model.{name}"


def _read(path: Path) -> DictConfig:
    try:
        document = OmegaConf.load(path)
    except FileNotFoundError:
        raise ConfigError(f"{path}: no such file") from None
    except (YAMLError, OSError) as error:
        raise ConfigError(f"{path}: not YAML: {str(error).splitlines()[0]}") from None
    if not isinstance(document, DictConfig):
        raise ConfigError(f"{path}: must be a mapping of keys")
    return document


def _text(value: Any) -> str:
    return str(OmegaConf.to_container(value) if OmegaConf.is_config(value) else value)
