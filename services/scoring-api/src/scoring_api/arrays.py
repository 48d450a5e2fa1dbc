"""Applicants that come as the graph's own arrays: checked field by field, all at once. Does not know the wire."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from credit_contract.applicant import MAX_PROBLEMS, Encoded, decode, expectation
from credit_contract.errors import Problem
from credit_contract.schema import MISSING_CODE, FeatureSchema, Field
from scoring_api.batch import Batch
from scoring_api.errors import InvalidApplicantError, InvalidRequestError, TooManyApplicantsError

Wrong = npt.NDArray[np.bool_]


def read_arrays(schema: FeatureSchema, arrays: dict[str, npt.NDArray[Any]], limit: int) -> Batch:
    """`numbers` float32 [n, p] and `categories` int64 [n, q], missing as the graph has it; at most `limit` applicants.

    Raises:
        InvalidRequestError, TooManyApplicantsError: not these arrays, nobody, too many.
        InvalidApplicantError: with each field that the schema refuses.
    """
    widths = {"numbers": len(schema.number_fields), "categories": len(schema.category_fields)}
    dtypes = {"numbers": np.float32, "categories": np.int64}
    if set(arrays) != set(widths):
        raise InvalidRequestError("the inputs must be numbers and categories")
    for name, array in arrays.items():
        if array.dtype != dtypes[name] or array.shape[1] != widths[name]:
            raise InvalidRequestError(f"input {name}: must be {np.dtype(dtypes[name])} [applicants, {widths[name]}]")
    encoded = Encoded(arrays["numbers"], arrays["categories"])
    if len(encoded.numbers) != len(encoded.categories) or len(encoded) == 0:
        raise InvalidRequestError("numbers and categories must be of the same applicants, one at least")
    if len(encoded) > limit:
        raise TooManyApplicantsError(limit)
    if problems := _problems(schema, encoded):
        raise InvalidApplicantError(problems, listed=True)
    return Batch(
        rows=range(len(encoded)),
        encode=lambda rows: encoded[np.array(rows)],
        form="list",
        not_scored=(),
        values=lambda: decode(schema, encoded),
        monitoring=lambda: [{}] * len(encoded),
    )


def _problems(schema: FeatureSchema, encoded: Encoded) -> list[Problem]:
    found: list[Problem] = []
    for column, field in enumerate(schema.number_fields):
        found += _wrong_numbers(field, encoded.numbers[:, column])
    for column, field in enumerate(schema.category_fields):
        codes = encoded.categories[:, column]
        lowest = MISSING_CODE if field.optional else MISSING_CODE + 1
        found += _named(field, "category", (codes < lowest) | (codes > len(field.categories)))
    return sorted(found, key=lambda problem: problem.row)[:MAX_PROBLEMS]


def _wrong_numbers(field: Field, values: npt.NDArray[np.float32]) -> list[Problem]:
    low, high = np.array(field.bounds, dtype=np.float32)
    missing, infinite = np.isnan(values), np.isinf(values)
    outside = ~missing & ~infinite & ((values < low) | (values > high))
    found = _named(field, "not_finite", infinite) + _named(field, "range", outside)
    if not field.optional:
        found += _named(field, "null", missing)
    if field.kind == "integer":
        found += _named(field, "type", ~missing & ~infinite & ~outside & (values != np.rint(values)))
    return found


def _named(field: Field, code: str, wrong: Wrong) -> list[Problem]:
    rows = np.flatnonzero(wrong)[:MAX_PROBLEMS].tolist()
    return [Problem(row, field.name, code, expectation(field)) for row in rows]
