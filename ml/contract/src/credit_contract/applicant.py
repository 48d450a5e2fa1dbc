"""Applicants against the schema: checked, then turned into the two arrays that the graph reads.

The reference of what is accepted; services may decode faster, never differently. Knows no HTTP and no files.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np
import numpy.typing as npt

from credit_contract.errors import ApplicantError, Problem
from credit_contract.schema import MISSING_CODE, FeatureSchema, Field

MAX_PROBLEMS = 100
NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Encoded:
    """Applicants as the graph reads them: numbers float32 [n, p], categories int64 [n, q]."""

    numbers: npt.NDArray[np.float32]
    categories: npt.NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.numbers)

    def __getitem__(self, rows: slice | npt.NDArray[Any]) -> Encoded:
        return Encoded(self.numbers[rows], self.categories[rows])

    def feed(self) -> dict[str, npt.NDArray[Any]]:
        """The graph's inputs by name."""
        return {"numbers": self.numbers, "categories": self.categories}


def expectation(field: Field) -> str:
    """What a field takes, in words, for errors and documents."""
    if field.kind == "category":
        shown = ", ".join(str(category) for category in field.categories[:12])
        return f"one of {shown}" + (", …" if len(field.categories) > 12 else "")
    noun = "an integer" if field.kind == "integer" else "a number"
    return f"{noun} from {field.minimum:.15g} to {field.maximum:.15g}"


def fault(field: Field, value: Any) -> str | None:
    """The code of what is wrong with a JSON value, or None.

    Codes: `null`, `type`, `not_finite`, `range`, `category`.
    """
    if value is None:
        return None if field.optional else "null"
    if field.kind == "category":
        if isinstance(value, bool) or not isinstance(value, type(field.categories[0])):
            return "type"
        return None if value in field.codes else "category"
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return "type"
    if isinstance(value, float) and not math.isfinite(value):
        return "not_finite"
    if field.kind == "integer" and value != int(value):
        return "type"
    low, high = field.bounds
    return None if low <= value <= high else "range"


def problems_of(schema: FeatureSchema, applicant: Mapping[str, Any], row: int = 0) -> list[Problem]:
    """Everything wrong with one applicant, but of unknown fields the first hundred; fields that are not scored are
    checked when they are there.

    Fields that are not scored may be absent or null.
    """
    unknown = (name for name in applicant if name not in schema.by_name)
    found = [
        Problem(row, str(name), "unknown_field", "only fields of the schema") for name in islice(unknown, MAX_PROBLEMS)
    ]
    for field in schema.fields:
        scored = field.role == "used"
        if field.name not in applicant:
            if scored and not field.optional:
                found.append(Problem(row, field.name, "missing", expectation(field)))
            continue
        code = fault(field, applicant[field.name])
        if code is not None and (scored or code != "null"):
            found.append(Problem(row, field.name, code, expectation(field)))
    return found


def check(schema: FeatureSchema, applicants: Iterable[Mapping[str, Any]]) -> None:
    """Refuse applicants with anything wrong.

    Raises:
        ApplicantError: with the first hundred problems.
    """
    found: list[Problem] = []
    for row, applicant in enumerate(applicants):
        found += problems_of(schema, applicant, row)
        if len(found) >= MAX_PROBLEMS:
            break
    if found:
        raise ApplicantError(found[:MAX_PROBLEMS])


def encode(schema: FeatureSchema, applicants: Sequence[Mapping[str, Any]]) -> Encoded:
    """Checked applicants as arrays; call `check` first.

    Numbers are float32 [n, p] with NaN for missing; categories int64 [n, q] with 0 for missing.
    """
    numbers = np.full((len(applicants), len(schema.number_fields)), np.nan, dtype=np.float32)
    categories = np.full((len(applicants), len(schema.category_fields)), MISSING_CODE, dtype=np.int64)
    for row, applicant in enumerate(applicants):
        for column, field in enumerate(schema.number_fields):
            value = applicant.get(field.name)
            if value is not None:
                numbers[row, column] = value
        for column, field in enumerate(schema.category_fields):
            value = applicant.get(field.name)
            if value is not None:
                categories[row, column] = field.codes[value]
    return Encoded(numbers, categories)


def decode(schema: FeatureSchema, encoded: Encoded) -> list[dict[str, Any]]:
    """Arrays back to applicants: aliases come back as the category that they count as, missing as None."""
    applicants: list[dict[str, Any]] = []
    for numbers, categories in zip(encoded.numbers, encoded.categories, strict=True):
        applicant: dict[str, Any] = {}
        for field, number in zip(schema.number_fields, numbers, strict=True):
            missing = bool(np.isnan(number))
            whole = field.kind == "integer"
            applicant[field.name] = None if missing else int(number) if whole else float(number)
        for field, code in zip(schema.category_fields, categories, strict=True):
            applicant[field.name] = None if code == MISSING_CODE else field.categories[int(code) - 1]
        applicants.append(applicant)
    return applicants


def from_text(schema: FeatureSchema, rows: Iterable[Mapping[str, str]]) -> list[dict[str, Any]]:
    """Rows of text, as from CSV, as applicants; an empty cell is a missing value.

    Text that cannot be read stays text, so that `check` names it as a `type` error.
    """
    return [{name: _value(schema.by_name.get(name), text) for name, text in row.items()} for row in rows]


def _value(field: Field | None, text: str) -> Any:
    if text == "":
        return None
    if field is None:
        return text
    if field.kind == "category":
        code = field.codes_by_text.get(text)
        if code is not None:
            return field.categories[code - 1]
        if isinstance(field.categories[0], str):
            return text
    number = _number(text)
    whole = field.kind == "category" and isinstance(number, float) and number.is_integer()
    return int(number) if whole else number


def _number(text: str) -> Any:
    # Python reads more than data means: 1_000, blanks around, nan and inf stay text.
    return float(text) if NUMBER.fullmatch(text) else text
