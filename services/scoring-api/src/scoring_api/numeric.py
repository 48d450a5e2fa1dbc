"""`columns` and `rows` of nothing but numbers, from text to one array without a Python object for each value.

Parsed by simdjson (Langdale and Lemire 2019, "Parsing Gigabytes of JSON per Second"). Like the typed decoders it only
ever says yes: a body with anything else in it, or with a number out of range, is left to them. Knows the schema only.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import simdjson

from credit_contract.applicant import Encoded
from credit_contract.schema import FeatureSchema, Field
from scoring_api.orders import Orders, start_of
from scoring_api.typed import EXACT

LONGEST = 262_144
"""Bytes of a body: the parser keeps memory for the longest that it has seen."""
NOT_WHOLE = (b".", b"e", b"E")
BRACKETS = frozenset("[]")
OPENING = ord("[")
UNLIKE = (KeyError, TypeError, AttributeError, ValueError, RuntimeError)
"""What simdjson raises where a body is no such document."""

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Order:
    """Columns in the order in which somebody sends them: what each may hold, and where the graph's inputs are."""

    low: Floats
    high: Floats
    whole: npt.NDArray[np.intp] | slice
    numbers: npt.NDArray[np.intp] | slice
    categories: tuple[tuple[int, Floats, npt.NDArray[np.int64]], ...]

    def holds(self, rows: Floats, fractions: bool) -> bool:
        """Whether every number of rows [n, columns] is one that its field takes; some may have `fractions`."""
        return bool(
            ((rows >= self.low) & (rows <= self.high)).all()
            and (not fractions or (rows[:, self.whole] == np.floor(rows[:, self.whole])).all())
            and all((known.take(_found(known, rows, at)) == rows[:, at]).all() for at, known, _ in self.categories)
        )

    def encode(self, rows: Floats) -> Encoded:
        """The arrays that `credit_contract.applicant.encode` would make of rows that hold."""
        codes = [code.take(_found(known, rows, at)) for at, known, code in self.categories]
        categories = np.stack(codes, axis=1) if codes else np.empty((len(rows), 0), dtype=np.int64)
        return Encoded(np.ascontiguousarray(rows[:, self.numbers], dtype=np.float32), categories)


class NumericDecoder:
    """Reads the bodies of one schema. Used from one thread."""

    def __init__(self, schema: FeatureSchema, at_most: int) -> None:
        self._schema = schema
        self._at_most = at_most
        self._parser = simdjson.Parser()
        self._orders = Orders(self._order)

    def read(self, body: bytes) -> tuple[Order, Floats] | None:
        """Rows [n, columns] and their order, or None where another decoder must judge."""
        start = start_of(body)
        if len(body) > LONGEST or not start:
            return None
        try:
            order = self._orders.of(start, body)
            fractions = any(body.find(sign, len(start)) >= 0 for sign in NOT_WHOLE)
            if order is None or (order.categories and fractions):
                return None
            rows = self._rows(body, len(order.low))
        except UNLIKE:
            return None
        return (order, rows) if rows is not None and order.holds(rows, fractions) else None

    def _rows(self, body: bytes, width: int) -> Floats | None:
        document: Any = self._parser.parse(body)
        rows = document["rows"]
        count = len(rows)
        # A row of the right length without a list in it has the right shape: the buffer itself has lost all shape.
        lists = np.count_nonzero(np.frombuffer(body, np.uint8) == OPENING)  # in less than half the time of bytes.count
        flat = len(document) == 2 and lists == count + 2 and set(map(len, rows)) == {width}
        if not flat or not 0 < count <= self._at_most:
            return None
        return np.frombuffer(rows.as_buffer(of_type="d")).reshape(count, width)

    def _order(self, body: bytes) -> Order | None:
        document: Any = self._parser.parse(body)
        return _order([self._schema.by_name[name] for name in document["columns"].as_list()], self._schema)


def _order(fields: list[Field], schema: FeatureSchema) -> Order | None:
    """None where a column is not scored, may be missing, or takes anything but numbers that a float64 holds exactly."""
    place = {field.name: index for index, field in enumerate(fields)}
    scored = {field.name for field in schema.scored_fields}
    if len(place) != len(fields) or place.keys() != scored or any(map(_unfit, fields)):
        return None
    limits = [(-np.inf, np.inf) if field.kind == "category" else field.bounds for field in fields]
    return Order(
        low=np.array([low for low, _ in limits]),
        high=np.array([high for _, high in limits]),
        whole=_places([place[field.name] for field in fields if field.kind == "integer"]),
        numbers=_places([place[field.name] for field in schema.number_fields]),
        categories=tuple((place[field.name], *_codes(field)) for field in schema.category_fields),
    )


def _unfit(field: Field) -> bool:
    if field.optional or BRACKETS & set(field.name):  # lists are counted, and names are not to be taken for some
        return True
    if field.kind == "category":
        return not all(type(value) is int and abs(value) < EXACT for value in field.codes)
    return max(map(abs, field.bounds)) >= EXACT


def _found(known: Floats, rows: Floats, at: int) -> npt.NDArray[np.intp]:
    """Where a column's values are among the known ones, if they are."""
    return np.minimum(known.searchsorted(rows[:, at]), len(known) - 1)


def _places(places: list[int]) -> npt.NDArray[np.intp] | slice:
    """As a slice where they follow each other: numpy takes no copy of one."""
    first = places[0] if places else 0
    if places == list(range(first, first + len(places))):
        return slice(first, first + len(places))
    return np.array(places, dtype=np.intp)


def _codes(field: Field) -> tuple[Floats, npt.NDArray[np.int64]]:
    known = sorted((float(value), code) for value, code in field.codes.items() if isinstance(value, int))
    return np.array([value for value, _ in known]), np.array([code for _, code in known], dtype=np.int64)
