"""Typed JSON decoders generated from a feature schema: they accept nothing that the contract would refuse.

They may refuse more (3.0 for an integer), because a refusal is judged again. Whatever the form, rows come out with a
layout that says what is where in them. Knows msgspec and the schema only.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import starmap
from operator import itemgetter
from typing import Annotated, Any, Literal, NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt
from msgspec import UNSET, Meta, UnsetType
from msgspec.structs import astuple

from credit_contract.applicant import Encoded
from credit_contract.schema import MISSING_CODE, Category, FeatureSchema, Field
from scoring_api.orders import Orders, start_of

MONITORING = "monitoring_attributes"
EXACT = 2**53
FINITE = 3e38

Row = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Layout:
    """Where a row's values are: `cells` gives them in the order of `names`, the rest says which of them are what.

    Cells are taken when they are needed: the collector of cycles would look through tuples that are kept, and does not
    look at an applicant. `numbers` None: all of them are.
    """

    names: tuple[str, ...]
    cells: Callable[[Any], Row]
    numbers: Callable[[Row], Row] | None
    width: int
    packed: np.dtype[Any] | None
    categories: tuple[tuple[int, dict[Category | None, int]], ...]
    scored: tuple[tuple[int, str], ...]
    unscored: tuple[tuple[int, str], ...]
    apart: tuple[int, ...]

    def encode(self, rows: Sequence[Any]) -> Encoded:
        """The arrays that `credit_contract.applicant.encode` would make."""
        cells = map(self.cells, rows)
        taken = cells if self.numbers is None else map(self.numbers, cells)
        if self.packed is None:
            numbers = np.array(list(taken), dtype=np.float32)
        else:
            pack = struct.Struct(f"{self.width}{self.packed.char}").pack
            numbers = np.frombuffer(b"".join(starmap(pack, taken)), self.packed).astype(np.float32, copy=False)
        return Encoded(numbers.reshape(len(rows), self.width), self._codes(rows))

    def _codes(self, rows: Sequence[Any]) -> npt.NDArray[np.int64]:
        if not self.categories:
            return np.empty((len(rows), 0), dtype=np.int64)
        codes = [code[row[place]] for row in map(self.cells, rows) for place, code in self.categories]
        packed = struct.pack(f"{len(codes)}q", *codes)
        return np.frombuffer(packed, dtype=np.int64).reshape(len(rows), len(self.categories))

    def not_scored(self, rows: Sequence[Any]) -> tuple[str, ...]:
        """Names of fields that somebody sent and the model does not use."""
        if not self.unscored:
            return ()
        sent = {place for row in map(self.cells, rows) for place, _ in self.unscored if row[place] is not UNSET}
        return tuple(name for place, name in self.unscored if place in sent)

    def values(self, rows: Sequence[Any]) -> list[dict[str, Any]]:
        """The scored fields of each row."""
        return [{name: row[place] for place, name in self.scored} for row in map(self.cells, rows)]

    def monitored(self, rows: Sequence[Any]) -> bool:
        """Whether somebody sent a protected attribute."""
        if not self.apart:
            return False
        return any(row[place] is not UNSET for row in map(self.cells, rows) for place in self.apart)

    def plain(self, rows: Sequence[Any]) -> list[dict[str, Any]]:
        """Rows as they would be without types."""
        plain: list[dict[str, Any]] = msgspec.to_builtins(
            [{n: v for n, v in zip(self.names, row, strict=True) if v is not UNSET} for row in map(self.cells, rows)]
        )
        return plain


class TypedDecoder:
    """The decoders of one schema; every method raises msgspec.MsgspecError where something does not fit."""

    def __init__(self, schema: FeatureSchema, at_most: int) -> None:
        self._schema = schema
        self._at_most = Meta(min_length=1, max_length=at_most)
        # Most send what is scored and nothing else: then nothing else need be looked for.
        self._scored = self._objects(_applicant(schema, whole=False))
        self._whole = self._objects(_applicant(schema, whole=True))
        self._matrix = msgspec.json.Decoder(_Matrix)
        self._orders = Orders(lambda body: self._order(tuple(self._matrix.decode(body).columns)))

    def one(self, body: bytes) -> tuple[Layout, list[Any]]:
        """A single applicant."""
        try:
            return self._scored.layout, [self._scored.one.decode(body)]
        except msgspec.ValidationError:
            return self._whole.layout, [self._whole.one.decode(body)]

    def many(self, body: bytes) -> tuple[Layout, list[Any]]:
        """A list of applicants."""
        try:
            return self._scored.layout, self._scored.many.decode(body)
        except msgspec.ValidationError:
            return self._whole.layout, self._whole.many.decode(body)

    def matrix(self, body: bytes) -> tuple[Layout, list[Any]]:
        """`{"columns": [names], "rows": [[values]]}`; which columns a found decoder is for is checked."""
        layout, decoder = self._orders.of(start_of(body), body)
        matrix = decoder.decode(body)
        if tuple(matrix.columns) != layout.names:
            raise msgspec.ValidationError("columns")
        return layout, matrix.rows

    def _objects(self, applicant: type[msgspec.Struct]) -> _Objects:
        many = msgspec.json.Decoder(Annotated[list[applicant], self._at_most])  # type: ignore[valid-type]
        return _Objects(
            msgspec.json.Decoder(applicant), many, _layout(self._schema, applicant.__struct_fields__, astuple)
        )

    def _order(self, columns: tuple[str, ...]) -> tuple[Layout, msgspec.json.Decoder[Any]]:
        layout = _layout(self._schema, columns, tuple)
        if MONITORING in columns:  # an object among the values, for which there is no decoder here
            raise msgspec.ValidationError("columns")
        fields = [self._schema[name] for name in columns]
        types = tuple(_type(f) | None if f.optional or f.role != "used" else _type(f) for f in fields)
        rows = Annotated[list[tuple[types]], self._at_most]  # type: ignore[valid-type]
        matrix = msgspec.defstruct(
            "Matrix", [("columns", list[str]), ("rows", rows)], forbid_unknown_fields=True, gc=False
        )
        return layout, msgspec.json.Decoder(matrix)


class _Objects(NamedTuple):
    """Decoders of applicants as objects, and where the values are in what they give."""

    one: msgspec.json.Decoder[Any]
    many: msgspec.json.Decoder[Any]
    layout: Layout


class _Matrix(msgspec.Struct, forbid_unknown_fields=True):
    columns: list[str]
    rows: msgspec.Raw


def _layout(schema: FeatureSchema, names: tuple[str, ...], cells: Callable[[Any], Row]) -> Layout:
    place = {name: index for index, name in enumerate(names)}
    scored = {field.name for field in schema.scored_fields}
    if len(place) != len(names) or not scored <= place.keys() <= {*schema.by_name, MONITORING}:
        raise msgspec.ValidationError("columns")
    numbers = [place[field.name] for field in schema.number_fields]
    return Layout(
        names=names,
        cells=cells,
        numbers=_taking(numbers, len(names)),
        width=len(numbers),
        packed=_packed(schema.number_fields),
        categories=tuple((place[f.name], _codes(f)) for f in schema.category_fields),
        scored=tuple((place[f.name], f.name) for f in schema.scored_fields),
        unscored=tuple((place[f.name], f.name) for f in schema.unscored_fields if f.name in place),
        apart=tuple(at for name, at in place.items() if name == MONITORING or schema[name].role == "protected"),
    )


def _taking(places: list[int], width: int) -> Callable[[Row], Row] | None:
    """What takes these cells of so many; a slice where they follow each other, nothing where they are all."""
    first = places[0] if places else 0
    if places != list(range(first, first + len(places))):
        return itemgetter(*places)
    return itemgetter(slice(first, first + len(places))) if len(places) < width else None


def _packed(fields: Sequence[Field]) -> np.dtype[Any] | None:
    """As what numbers are packed, three times as fast as numpy converts them; packing knows no None and no inf."""
    if any(field.optional or max(map(abs, field.bounds)) > FINITE for field in fields):
        return None
    whole = all(field.kind == "integer" and max(map(abs, field.bounds)) <= EXACT for field in fields)
    return np.dtype(np.int64 if whole else np.float32)


def _codes(field: Field) -> dict[Category | None, int]:
    return {None: MISSING_CODE, **dict(field.codes.items())}


def _applicant(schema: FeatureSchema, *, whole: bool) -> type[msgspec.Struct]:
    """An applicant with everything that may be sent, or with the scored fields only."""
    scored: list[Any] = [
        (field.name, _type(field) | None, None) if field.optional else (field.name, _type(field))
        for field in schema.scored_fields
    ]
    unscored = [(field.name, _type(field) | None | UnsetType, UNSET) for field in schema.unscored_fields]
    protected = [(f.name, _type(f) | None | UnsetType, UNSET) for f in schema.fields if f.role == "protected"]
    monitoring = msgspec.defstruct("Monitoring", protected, forbid_unknown_fields=True)
    return msgspec.defstruct(
        "Applicant",
        [*scored, *unscored, (MONITORING, monitoring | UnsetType, UNSET)] if whole else scored,
        kw_only=True,
        forbid_unknown_fields=True,
        gc=False,
    )


def _type(field: Field) -> Any:
    if field.kind == "category":
        return Literal[tuple(field.codes)]
    low, high = field.bounds
    if field.kind == "integer":
        return Annotated[int, Meta(ge=math.ceil(low), le=math.floor(high))]
    return Annotated[float, Meta(ge=low, le=high)]
