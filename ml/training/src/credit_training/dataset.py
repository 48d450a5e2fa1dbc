"""A dataset as its YAML describes it: source, columns, target, versions, split, features, policy.

Does not read the data itself, and leaves the feature steps to whoever builds the model.
"""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Collection
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from omegaconf import Container, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from pydantic import Field as Constraint, ValidationError, field_validator, model_validator
from yaml import YAMLError

from credit_contract.errors import SchemaError
from credit_contract.policy import Policy
from credit_contract.schema import FeatureSchema, Field, Frozen, Role
from credit_training.errors import DatasetError
from credit_training.recipe import Step
from credit_training.source_spec import JOURNAL, JOURNAL_VERSION, JournalSource, Sha256, Source

ENVIRONMENT = re.compile(r"\$\{oc\.env:(\w+)\}")
"""How a YAML names an environment variable, one that has no default there."""
MOST_CATEGORIES = 254
"""Of a scored field: scikit-learn's boosted trees tell 255 apart, and missing is one."""


class Column(Field):
    """A field, where it is published (`source`, if under another name) and the borders of its monitored groups."""

    source: str | None = None
    bands: tuple[float, ...] = ()

    @property
    def published(self) -> str:
        """The column's name in the source."""
        return self.source or self.name


class Target(Frozen):
    """The outcome: a column and the texts in it that mean bad and good."""

    column: str
    bad: tuple[str, ...]
    good: tuple[str, ...]
    meaning: str


class TimeSplit(Frozen):
    """The hold-out is everything from a date on."""

    kind: Literal["time"]
    holdout_from: date


class StratifiedSplit(Frozen):
    """The hold-out is a share of the rows, the same in both classes; duplicates stay together."""

    kind: Literal["stratified"]
    holdout: Annotated[float, Constraint(gt=0, lt=1)]
    seed: int


class Version(Frozen):
    """A way to clean the data. `fields` replaces the descriptions of fields that differ in this version.

    `holdout_sha256` is what the rebuilt hold-out must hash to.
    """

    summary: str
    recipe: tuple[Step, ...] = ()
    fields: tuple[Column, ...] = ()
    holdout_sha256: Sha256 | None = None

    @field_validator("fields", mode="before")
    @classmethod
    def _by_name(cls, value: Any) -> Any:
        return named(value)


class DatasetSpec(Frozen):
    """One dataset. `other_columns` are published columns that are no fields of an applicant, with their meaning.

    `train` is what this dataset changes of `conf/train.yaml`. `decided_pd` is the column of the PD that somebody was
    decided by; the champion's figures on this hold-out come from it.
    """

    name: Annotated[str, Constraint(pattern=r"^[a-z][a-z0-9_]*$")]
    title: str
    about: str
    licence: str
    citation: str
    source: Source
    target: Target
    weight: str | None = None
    time: str | None = None
    decided_pd: str | None = None
    fields: tuple[Column, ...]
    other_columns: dict[str, str] = Constraint(default_factory=dict)
    versions: dict[str, Version]
    split: Annotated[TimeSplit | StratifiedSplit, Constraint(discriminator="kind")]
    features: tuple[dict[str, Any], ...] = ()
    train: dict[str, Any] = Constraint(default_factory=dict)
    policy: dict[str, Any]

    @field_validator("fields", mode="before")
    @classmethod
    def _by_name(cls, value: Any) -> Any:
        return named(value)

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        fields = {field.name for field in self.fields}
        columns = fields | self.other_columns.keys() | {self.target.column, self.weight, self.time}
        for name, version in self.versions.items():
            if strangers := sorted({field.name for field in version.fields} - fields):
                raise ValueError(f"versions.{name}.fields: {strangers} are not among the dataset's fields")
            if strangers := sorted({column for step in version.recipe for column in step.reads} - columns):
                raise ValueError(f"versions.{name}.recipe: {strangers} are no columns of the dataset")
            try:
                self.policy_for(self.feature_schema(name))
            except ValidationError as error:
                key, why = _first_problem(error)
                raise ValueError(f"policy.{key}: {why}") from error
        if self.split.kind == "time" and self.time is None:
            raise ValueError("split: a split by time needs the key time")
        return self

    def columns(self, version: str) -> tuple[Column, ...]:
        """The fields as this version has them, in the order of the dataset."""
        if version not in self.versions:
            raise DatasetError(f"dataset {self.name} has no version {version!r}; it has {', '.join(self.versions)}")
        replaced = {field.name: field for field in self.versions[version].fields}
        return tuple(replaced.get(field.name, field) for field in self.fields)

    def feature_schema(
        self, version: str, protected_used: bool = False, kept_leaks: Collection[str] = ()
    ) -> FeatureSchema:
        """What a model of this version may score: protected fields and leaks only when asked for.

        Raises:
            DatasetError: no such version, a name in `kept_leaks` that is no leak of this dataset, too many categories.
        """
        columns = self.columns(version)
        leaks = {column.name for column in columns if column.role == "leak"}
        if strangers := sorted(set(kept_leaks) - leaks):
            raise DatasetError(f"dataset {self.name} has no leak {strangers}; its leaks are {sorted(leaks)}")

        def role(column: Column) -> Role:
            kept = column.name in kept_leaks or (protected_used and column.role == "protected")
            return "used" if kept else column.role

        described = [column.model_dump(exclude={"source", "bands"}) | {"role": role(column)} for column in columns]
        try:
            fields = tuple(map(Field.model_validate, described))
        except ValidationError as error:
            raise DatasetError(f"dataset {self.name} {version}: {_first_problem(error)[1]}") from error
        for field in fields:
            if field.role == "used" and len(field.categories) > MOST_CATEGORIES:
                what = f"field {field.name} has {len(field.categories)} categories, boosting takes {MOST_CATEGORIES}"
                raise DatasetError(f"dataset {self.name} {version}: {what}; join rare ones by its aliases")
        return FeatureSchema(dataset=self.name, version=version, fields=fields)

    def policy_for(self, schema: FeatureSchema) -> Policy:
        """The dataset's credit policy with a reason text for each field that the schema scores."""
        reasons = {field.name: field.reason for field in schema.scored_fields}
        policy = Policy.model_validate(self.policy | {"reasons": reasons})
        policy.check(schema)
        return policy


def named(fields: Any) -> Any:
    """Fields of a YAML mapping as a list, each with its key as its name."""
    return [{"name": name, **(body or {})} for name, body in fields.items()] if isinstance(fields, dict) else fields


def _as_recorded(base: DatasetSpec, content: dict[Any, Any]) -> dict[str, Any]:
    """A dataset's YAML with the keys in `content`, and the fields of its last version that a service records.

    Those are what it scores, and protected attributes where somebody sent them; under their own names, as they were
    validated. What is a leak is not known when somebody asks.
    """
    *_, last = base.versions
    columns = [column for column in base.columns(last) if column.role in ("used", "protected")]
    fields = [
        column.model_dump() | {"source": None, "optional": column.optional or column.role == "protected"}
        for column in columns
    ]
    kept = base.model_dump(include={"name", "features", "policy"}) | {"fields": fields}
    version = JournalSource.model_validate(content["source"]).version
    versions = {version: content["versions"][JOURNAL]}
    train = base.train | content.get("train", {}) | {"versions": [version]}
    return kept | {str(key): value for key, value in content.items()} | {"versions": versions, "train": train}


def _first_problem(error: ValidationError) -> tuple[str, str]:
    """The key and the complaint of the first of pydantic's problems."""
    first = error.errors()[0]
    return ".".join(str(part) for part in first["loc"]), first["msg"].removeprefix("Value error, ")


def conf_folder() -> Path:
    """The shipped configuration: beside the package in a checkout, inside it when installed."""
    inside = Path(__file__).parent / "conf"
    return inside if inside.is_dir() else Path(__file__).parents[2] / "conf"


def dataset_names() -> list[str]:
    """The datasets that are shipped."""
    return sorted(path.stem for path in (conf_folder() / "dataset").glob("*.yaml"))


def load_dataset(name: str, version: str = "") -> DatasetSpec:
    """A shipped dataset by name, `journal`, or one's own by the path of its YAML.

    A `version` that is the journal's gives the journal of that dataset, as it was asked then.

    Raises:
        DatasetError: no such dataset, or its YAML is wrong; names the key.
    """
    name = str(name)  # an override may be empty, or a number
    if asked := JOURNAL_VERSION.fullmatch(version):
        given = {"like": name, "source": {"cut_off": asked[1], "performance_days": asked[2]}}
        return _read(conf_folder() / f"{JOURNAL}.yaml", given)
    path = Path(name) if name.endswith((".yaml", ".yml")) else conf_folder() / "dataset" / f"{name}.yaml"
    if name == JOURNAL:
        path = conf_folder() / f"{JOURNAL}.yaml"
    if not path.is_file():
        near = difflib.get_close_matches(name, dataset_names(), n=1)
        hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(dataset_names())}"
        raise DatasetError(f"no dataset {name!r}; {hint}")
    return _read(path, {})


def _read(path: Path, given: dict[str, Any]) -> DatasetSpec:
    """A dataset from its YAML, some keys of which are given."""
    try:
        document = OmegaConf.merge(OmegaConf.load(path), given)
        if unset := _unset(document):
            them = "it" if len(unset) == 1 else "them"
            raise DatasetError(f"{path.name} takes {', '.join(unset)} from the environment; set {them} and try again")
        content = OmegaConf.to_container(document, resolve=True)
        assert isinstance(content, dict)
        if "like" in content:
            content = _as_recorded(load_dataset(str(content.pop("like"))), content)
        return DatasetSpec.model_validate(content)
    except ValidationError as error:
        key, why = _first_problem(error)
        raise DatasetError(f"{path.name}{f', key {key}' if key else ''}: {why}") from error
    except (OmegaConfBaseException, YAMLError, SchemaError) as error:
        raise DatasetError(f"{path.name}: {' '.join(str(error).split())}") from error


def _unset(document: Container) -> list[str]:
    """The environment variables that a document needs and nobody set, in its order."""
    needed = dict.fromkeys(ENVIRONMENT.findall(str(OmegaConf.to_container(document))))
    return [name for name in needed if name not in os.environ]
