"""A source's bytes as a checked table: text first, then numbers and categories as the dataset describes them.

Says which file, column and row is wrong. Row 1 is the header, as a spreadsheet shows it; without one it is the
first applicant. Does not know where the bytes came from, nor how they were cleaned in between.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from credit_contract.applicant import Encoded, expectation
from credit_contract.schema import MISSING_CODE, FeatureSchema, Field
from credit_training.errors import TableError

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class TextTable:
    """Columns of text, "" where nothing is; the index is the row of the source. `origin` is for errors."""

    origin: str
    frame: pd.DataFrame


def parse(content: bytes, origin: str, delimiter: str = ",", columns: Sequence[str] = ()) -> TextTable:
    """Read delimited text; `columns` names the columns of a table that has no header.

    Raises:
        TableError: not UTF-8, empty, a column named twice, or a row of another length.
    """
    try:
        rows = list(csv.reader(io.StringIO(content.decode("utf-8-sig"), newline=""), delimiter=delimiter, strict=True))
    except UnicodeDecodeError as error:
        raise TableError(origin, f"byte {error.start} is no UTF-8; save the file as UTF-8") from error
    except csv.Error as error:
        raise TableError(origin, f"{error}; repair the quotes, or fetch the file again") from error
    header = list(columns) if columns else rows.pop(0) if rows else []
    first_row = 1 if columns else 2
    there = {number: row for number, row in enumerate(rows, start=first_row) if row}  # blank lines are no rows
    if not there:
        raise TableError(origin, "no rows; fetch it again, or correct the dataset's source")
    for name in header:
        if header.count(name) > 1:
            raise TableError(origin, "named twice in the header; rename or remove one of them", name, row=1)
    for number, row in there.items():
        if len(row) != len(header):
            raise TableError(origin, f"{len(row)} values for {len(header)} columns; repair the row", row=number)
    frame = pd.DataFrame(list(there.values()), columns=header, index=pd.Index(list(there)), dtype=str)
    return TextTable(origin, frame)


def numbers(table: TextTable, field: Field) -> npt.NDArray[np.float64]:
    """A number field as float64 [n], NaN where nothing is.

    Raises:
        TableError: text, infinite, out of range, not whole where an integer belongs, or missing but needed.
    """
    text = table.frame[field.name]
    absent = (text == "").to_numpy()
    # As the contract reads a CSV file: what a source pads, a version's recipe cleans, since applicants come unpadded.
    values = pd.to_numeric(text.where(text.str.strip() == text), errors="coerce").to_numpy(dtype=np.float64)
    assert field.minimum is not None
    assert field.maximum is not None
    _refuse_missing(table, field, absent)
    _refuse(table, field, np.isnan(values) & ~absent, "text {value!r} where a number belongs")
    _refuse(table, field, np.isinf(values), "{value} is not finite")
    _refuse(table, field, (values < field.minimum) | (values > field.maximum), "{value} is out of range")
    if field.kind == "integer":
        _refuse(table, field, (values != np.rint(values)) & ~absent, "{value} is not whole")
    return values


def categories(table: TextTable, field: Field) -> pd.Series[str]:
    """A category field as the texts of its categories, aliases replaced; a missing one is None.

    Raises:
        TableError: a category that the field does not have, or missing but needed.
    """
    text = table.frame[field.name]
    absent = (text == "").to_numpy()
    _refuse_missing(table, field, absent)
    documented = {value: str(field.categories[code - 1]) for value, code in field.codes_by_text.items()}
    named = text.map(documented)
    _refuse(table, field, named.isna().to_numpy() & ~absent, "unknown category {value!r}")
    return named


def encode_table(schema: FeatureSchema, typed: pd.DataFrame) -> Encoded:
    """Typed columns as the graph's inputs: what `credit_contract.applicant.encode` does, a column at a time."""
    matrix = np.empty((len(typed), len(schema.number_fields)), dtype=np.float32)
    for column, field in enumerate(schema.number_fields):
        matrix[:, column] = typed[field.name]
    codes = np.empty((len(typed), len(schema.category_fields)), dtype=np.int64)
    for column, field in enumerate(schema.category_fields):
        codes[:, column] = typed[field.name].map(field.codes_by_text).fillna(MISSING_CODE)
    return Encoded(matrix, codes)


def _refuse_missing(table: TextTable, field: Field, absent: Mask) -> None:
    if field.role == "used" and not field.optional:
        _refuse(table, field, absent, "nothing")


def _refuse(table: TextTable, field: Field, wrong: Mask, what: str) -> None:
    """One line about the first row that is wrong, and how many more there are."""
    rows: npt.NDArray[Any] = np.flatnonzero(wrong)
    if not len(rows):
        return
    value = str(table.frame[field.name].iloc[rows[0]])[:40]
    more = f" (and {len(rows) - 1} more rows)" if len(rows) > 1 else ""
    advice = f"expected {expectation(field)}; correct the row or the field's description"
    raise TableError(
        table.origin,
        f"{what.format(value=value)}{more}, {advice}",
        getattr(field, "published", field.name),
        int(table.frame.index[rows[0]]),
    )
