"""The feature schema: what an applicant is, field by field, in the model's own order.

Written by training from a dataset's YAML, read by everything else. Does not know how a value becomes a feature.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field as Constraint, model_validator

from credit_contract.errors import SchemaError

Category = Annotated[int, Constraint(strict=True)] | Annotated[str, Constraint(strict=True, min_length=1)]
Kind = Literal["number", "integer", "category"]
Role = Literal["used", "unused", "protected", "leak"]
Direction = Literal["increasing", "decreasing"]

MISSING_CODE = 0


class Frozen(BaseModel):
    """Base of the contract's documents: immutable, unknown keys refused, no NaN or infinity."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Field(Frozen):
    """One raw field of an applicant.

    `minimum` and `maximum` are the plausible range, not the observed one; both ends are allowed.
    `monotone` is the direction in which PD may move when the value grows; with `monotone_from`, it holds
    only between values that are at least that large (card payment status: only from 0 upwards).
    `aliases` are undocumented or retired categories, each counted as a documented one.
    Roles: `used` is scored; `unused` was dropped by selection; `protected` may only be monitored;
    `leak` is known only after the decision.
    """

    name: Annotated[str, Constraint(pattern=r"^[a-z][a-z0-9_]*$")]
    kind: Kind
    meaning: str
    role: Role = "used"
    unit: str | None = None
    minimum: float | None = None
    maximum: float | None = None
    categories: tuple[Category, ...] = ()
    labels: dict[str, str] = {}
    aliases: dict[str, Category] = {}
    monotone: Direction | None = None
    monotone_from: float | None = None
    optional: bool = False
    reason: str | None = None

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        where = f"field {self.name}"
        if self.kind == "category":
            if len(self.categories) < 2 or len(set(map(str, self.categories))) != len(self.categories):
                raise ValueError(f"{where}: a category needs two or more different categories")
            if len({type(category) for category in self.categories}) != 1:
                raise ValueError(f"{where}: categories are all text or all integers")
            if self.minimum is not None or self.maximum is not None or self.monotone is not None:
                raise ValueError(f"{where}: a category has no range and no monotone direction")
            if strangers := [str(c) for c in self.aliases.values() if c not in self.categories]:
                raise ValueError(f"{where}: aliases lead to {strangers}, which are no categories")
            if both := set(self.aliases) & set(map(str, self.categories)):
                raise ValueError(f"{where}: {sorted(both)} are categories and aliases at once")
        else:
            if self.categories or self.aliases or self.labels:
                raise ValueError(f"{where}: only a category has categories, labels and aliases")
            if self.minimum is None or self.maximum is None or self.minimum >= self.maximum:
                raise ValueError(f"{where}: a number needs a plausible range, minimum below maximum")
        if self.monotone_from is not None and self.monotone is None:
            raise ValueError(f"{where}: monotone_from without monotone")
        if self.role == "used" and not self.reason:
            raise ValueError(f"{where}: a used field needs a reason text")
        return self

    @cached_property
    def codes(self) -> dict[Category, int]:
        """Every value that an applicant may have here, aliases too, and its code in the graph (from 1).

        Empty for numbers.
        """
        position = {category: index + 1 for index, category in enumerate(self.categories)}
        integers = bool(self.categories) and isinstance(self.categories[0], int)
        retired = {(int(alias) if integers else alias): position[to] for alias, to in self.aliases.items()}
        return {**position, **retired}

    @cached_property
    def codes_by_text(self) -> dict[str, int]:
        """`codes` for sources that know only text, such as CSV."""
        return {str(value): code for value, code in self.codes.items()}

    @cached_property
    def bounds(self) -> tuple[float, float]:
        """Plausible minimum and maximum of a number.

        Raises:
            SchemaError: the field is a category.
        """
        if self.minimum is None or self.maximum is None:
            raise SchemaError(f"field {self.name}: a category has no range")
        return self.minimum, self.maximum

    def __hash__(self) -> int:
        return hash(self.name)


class FeatureSchema(Frozen):
    """All fields that the dataset knows, those that the model does not score included.

    How the graph sees an applicant (`model.onnx` has exactly these two inputs):
        numbers     float32 [n, len(number_fields)]    missing = NaN
        categories  int64   [n, len(category_fields)]  missing = 0, else 1 + position in `Field.categories`
    """

    dataset: str
    version: str
    fields: tuple[Field, ...]

    @model_validator(mode="after")
    def _unique(self) -> Self:
        names = [field.name for field in self.fields]
        if doubled := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"fields named twice: {doubled}")
        if not any(field.role == "used" for field in self.fields):
            raise ValueError("no field has the role used")
        return self

    @cached_property
    def number_fields(self) -> tuple[Field, ...]:
        """Scored numbers in the order of the graph's input `numbers`."""
        return tuple(f for f in self.fields if f.role == "used" and f.kind != "category")

    @cached_property
    def category_fields(self) -> tuple[Field, ...]:
        """Scored categories in the order of the graph's input `categories`."""
        return tuple(f for f in self.fields if f.role == "used" and f.kind == "category")

    @cached_property
    def scored_fields(self) -> tuple[Field, ...]:
        """Numbers, then categories: the order of everything that is listed by field."""
        return self.number_fields + self.category_fields

    @cached_property
    def unscored_fields(self) -> tuple[Field, ...]:
        """Fields that are accepted, named in the answer and never given to the model."""
        return tuple(f for f in self.fields if f.role != "used")

    @cached_property
    def by_name(self) -> dict[str, Field]:
        """Every field by its name."""
        return {field.name: field for field in self.fields}

    def __getitem__(self, name: str) -> Field:
        try:
            return self.by_name[name]
        except KeyError:
            raise SchemaError(f"schema {self.dataset} {self.version} has no field {name!r}") from None

    def __hash__(self) -> int:
        return hash((self.dataset, self.version))

    def monotone_fields(self) -> Iterator[Field]:
        """Scored numbers with a direction that PD must not move against."""
        return (field for field in self.number_fields if field.monotone is not None)
