"""Typed JSON decoders generated from a feature schema: they accept nothing that the contract would refuse.

They may refuse more (3.0 for an integer), because a refusal is judged again. Whatever the form, rows come out as
tuples with a layout that says what is where. Knows msgspec and the schema only.
"""

from __future__ import annotations

import math
import struct
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from itertools import chain
from operator import itemgetter
from typing import Annotated, Any, Literal

import msgspec
import numpy as np
import numpy.typing as npt
from msgspec import UNSET, Meta, UnsetType

from credit_contract.applicant import Encoded
from credit_contract.schema import MISSING_CODE, Category, FeatureSchema, Field

MONITORING = "monitoring_attributes"
KEPT_ORDERS = 16

Row = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Layout:
    """Where a row's values are: `names` of all columns, then how to take what the graph reads and what it does not."""

    names: tuple[str, ...]
    numbers: Callable[[Row], tuple[Any, ...]]
    width: int
    packable: bool
    categories: tuple[tuple[int, dict[Category | None, int]], ...]
    unscored: tuple[tuple[int, str], ...]

    def encode(self, rows: list[Row]) -> Encoded:
        """The arrays that `credit_contract.applicant.encode` would make."""
        taken = map(self.numbers, rows)
        if self.packable:  # twice as fast as numpy's own conversion, but knows no None
            packed = struct.pack(f"{len(rows) * self.width}f", *chain.from_iterable(taken))
            numbers = np.frombuffer(packed, dtype=np.float32)
        else:
            numbers = np.array(list(taken), dtype=np.float32)
        return Encoded(numbers.reshape(len(rows), self.width), self._codes(rows))

    def _codes(self, rows: list[Row]) -> npt.NDArray[np.int64]:
        codes = [code[row[place]] for row in rows for place, code in self.categories]
        packed = struct.pack(f"{len(codes)}q", *codes)
        return np.frombuffer(packed, dtype=np.int64).reshape(len(rows), len(self.categories))

    def not_scored(self, rows: list[Row]) -> tuple[str, ...]:
        """Names of fields that somebody sent and the model does not use."""
        return tuple(name for place, name in self.unscored if any(row[place] is not UNSET for row in rows))

    def plain(self, rows: list[Row]) -> list[dict[str, Any]]:
        """Rows as they would be without types."""
        plain: list[dict[str, Any]] = msgspec.to_builtins(
            [{n: v for n, v in zip(self.names, row, strict=True) if v is not UNSET} for row in rows]
        )
        return plain


class TypedDecoder:
    """The decoders of one schema; every method raises msgspec.MsgspecError where something does not fit."""

    def __init__(self, schema: FeatureSchema, at_most: int) -> None:
        applicant = _applicant(schema)
        self._schema = schema
        self._at_most = Meta(min_length=1, max_length=at_most)
        self._one = msgspec.json.Decoder(applicant)
        self._many = msgspec.json.Decoder(Annotated[list[applicant], self._at_most])  # type: ignore[valid-type]
        self._layout = _layout(schema, applicant.__struct_fields__)
        self._matrix = msgspec.json.Decoder(_Matrix)
        self._orders: OrderedDict[tuple[str, ...], tuple[Layout, msgspec.json.Decoder[list[Row]]]] = OrderedDict()

    def one(self, body: bytes) -> tuple[Layout, list[Row]]:
        """A single applicant."""
        return self._layout, [msgspec.structs.astuple(self._one.decode(body))]

    def many(self, body: bytes) -> tuple[Layout, list[Row]]:
        """A list of applicants."""
        return self._layout, [msgspec.structs.astuple(row) for row in self._many.decode(body)]

    def matrix(self, body: bytes) -> tuple[Layout, list[Row]]:
        """`{"columns": [names], "rows": [[values]]}`; the last few orders of columns keep their decoders."""
        matrix = self._matrix.decode(body)
        columns = tuple(matrix.columns)
        known = self._orders.get(columns)
        if known is None:
            known = self._orders[columns] = _layout(self._schema, columns), self._rows_decoder(columns)
            if len(self._orders) > KEPT_ORDERS:
                self._orders.popitem(last=False)
        layout, decoder = known
        return layout, decoder.decode(matrix.rows)

    def _rows_decoder(self, columns: tuple[str, ...]) -> msgspec.json.Decoder[list[Row]]:
        fields = [self._schema[name] for name in columns]
        types = tuple(_type(f) | None if f.optional or f.role != "used" else _type(f) for f in fields)
        return msgspec.json.Decoder(Annotated[list[tuple[types]], self._at_most])  # type: ignore[valid-type]


class _Matrix(msgspec.Struct, forbid_unknown_fields=True):
    columns: list[str]
    rows: msgspec.Raw


def _layout(schema: FeatureSchema, names: tuple[str, ...]) -> Layout:
    place = {name: index for index, name in enumerate(names)}
    scored = {field.name for field in schema.scored_fields}
    if len(place) != len(names) or not scored <= place.keys() <= {*schema.by_name, MONITORING}:
        raise msgspec.ValidationError("columns")
    numbers = [place[field.name] for field in schema.number_fields]
    first, width = numbers[0] if numbers else 0, len(numbers)
    in_order = numbers == list(range(first, first + width))
    return Layout(
        names=names,
        numbers=itemgetter(slice(first, first + width)) if in_order else itemgetter(*numbers),
        width=width,
        packable=not any(field.optional for field in schema.number_fields),
        categories=tuple((place[f.name], _codes(f)) for f in schema.category_fields),
        unscored=tuple((place[f.name], f.name) for f in schema.unscored_fields if f.name in place),
    )


def _codes(field: Field) -> dict[Category | None, int]:
    return {None: MISSING_CODE, **dict(field.codes.items())}


def _applicant(schema: FeatureSchema) -> type[msgspec.Struct]:
    scored: list[Any] = [
        (field.name, _type(field) | None, None) if field.optional else (field.name, _type(field))
        for field in schema.scored_fields
    ]
    unscored = [(field.name, _type(field) | None | UnsetType, UNSET) for field in schema.unscored_fields]
    protected = [(f.name, _type(f) | None | UnsetType, UNSET) for f in schema.fields if f.role == "protected"]
    monitoring = msgspec.defstruct("Monitoring", protected, forbid_unknown_fields=True)
    return msgspec.defstruct(
        "Applicant",
        [*scored, *unscored, (MONITORING, monitoring | UnsetType, UNSET)],
        kw_only=True,
        forbid_unknown_fields=True,
    )


def _type(field: Field) -> Any:
    if field.kind == "category":
        return Literal[tuple(field.codes)]
    low, high = field.bounds
    if field.kind == "integer":
        return Annotated[int, Meta(ge=math.ceil(low), le=math.floor(high))]
    return Annotated[float, Meta(ge=low, le=high)]
