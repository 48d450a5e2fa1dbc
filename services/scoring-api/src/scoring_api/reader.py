"""JSON bodies to batches: decided by the contract's own check, reached by decoders that are faster.

The decoders are generated from the bundle's schema and only ever say yes: what `numeric` leaves is read by `typed`, and
whatever that refuses is parsed again without types and judged by `credit_contract.applicant`, which also words the
problems. Does not know HTTP or the model.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from itertools import chain, islice
from typing import Any

import msgspec
import orjson

from credit_contract.applicant import MAX_PROBLEMS, encode, expectation, fault, problems_of
from credit_contract.errors import Problem
from credit_contract.schema import FeatureSchema
from scoring_api.batch import Batch, Form
from scoring_api.errors import InvalidApplicantError, InvalidRequestError, MalformedBodyError, TooManyApplicantsError
from scoring_api.numeric import NumericDecoder
from scoring_api.typed import MONITORING, Layout, TypedDecoder

MATRIX_KEYS = {"columns", "rows"}
MATRIX_START = b'{"columns"'
MAX_NAME = 100


class Reader:
    """Reads the bodies of one schema."""

    def __init__(self, schema: FeatureSchema, max_applicants: int) -> None:
        self._schema = schema
        self._max_applicants = max_applicants
        self._typed = TypedDecoder(schema, max_applicants)
        self._numeric = NumericDecoder(schema, max_applicants)
        self._encode = partial(encode, schema)
        self._unscored = [field.name for field in schema.unscored_fields]
        self._protected = [field.name for field in schema.fields if field.role == "protected"]

    def read(self, body: bytes) -> Batch:
        """One applicant, a list of them, or `columns` and `rows`.

        Raises:
            MalformedBodyError: no JSON.
            InvalidApplicantError: with each problem's path.
            InvalidRequestError, TooManyApplicantsError: nobody, or too many.
        """
        if body.startswith(MATRIX_START) and (batch := self._from_numbers(body)) is not None:
            return batch
        return self._read(body)

    def _read(self, body: bytes) -> Batch:
        try:
            if body.startswith(MATRIX_START):
                return self._from_typed(*self._typed.matrix(body), "columns")
            if body.startswith(b"{"):
                return self._from_typed(*self._typed.one(body), "one")
            return self._from_typed(*self._typed.many(body), "list")
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, OverflowError):
            return self.judge(_parse(body))

    def judge(self, document: Any) -> Batch:
        """Parsed JSON, by the contract's own check; raises what `read` raises."""
        if isinstance(document, dict) and set(document) == MATRIX_KEYS and not MATRIX_KEYS & set(self._schema.by_name):
            return self.judge_rows(_rows_of(document, self._max_applicants), "columns")
        return self.judge_rows(document, "list") if isinstance(document, list) else self.judge_rows([document], "one")

    def judge_rows(self, rows: Sequence[Any], form: Form, limit: int | None = None) -> Batch:
        """Rows of any values, `limit` of them at most (the JSON limit unless given)."""
        limit = self._max_applicants if limit is None else limit
        if not rows:
            raise InvalidRequestError("no applicants: the list is empty")
        if len(rows) > limit:
            raise TooManyApplicantsError(limit)
        problems: list[Problem] = []
        for index, row in enumerate(rows):
            problems += self._problems(row, index)
            if len(problems) >= MAX_PROBLEMS:
                break
        if problems:
            raise InvalidApplicantError(problems[:MAX_PROBLEMS], listed=form != "one")
        sent = set(chain.from_iterable(rows))
        return Batch(
            rows=rows,
            encode=self._encode,
            form=form,
            not_scored=tuple(name for name in self._unscored if name in sent),
            values=lambda: [self._scored(row) for row in rows],
            monitoring=lambda: [self._monitored(row) for row in rows],
        )

    def _problems(self, row: Any, index: int) -> list[Problem]:
        if not isinstance(row, dict):
            return [Problem(index, "", "type", "an object with the fields of one applicant")]
        applicant = {name[:MAX_NAME]: value for name, value in row.items() if name != MONITORING}
        attributes = self._monitoring_problems(row[MONITORING], index) if MONITORING in row else ()
        return [*problems_of(self._schema, applicant, index), *islice(attributes, MAX_PROBLEMS)]

    def _monitoring_problems(self, attributes: Any, index: int) -> Iterator[Problem]:
        if not isinstance(attributes, dict):
            yield Problem(index, MONITORING, "type", "an object with protected fields")
            return
        for name, value in attributes.items():
            where = f"{MONITORING}/{name[:MAX_NAME]}"
            if name not in self._protected:
                yield Problem(index, where, "unknown_field", "only protected fields of the schema")
            elif value is not None and (code := fault(self._schema[name], value)):
                yield Problem(index, where, code, expectation(self._schema[name]))

    def _scored(self, row: Mapping[str, Any]) -> dict[str, Any]:
        return {field.name: row.get(field.name) for field in self._schema.scored_fields}

    def _monitored(self, row: Mapping[str, Any]) -> dict[str, Any]:
        sent = {**row, **row.get(MONITORING, {})}
        return {name: sent[name] for name in self._protected if sent.get(name) is not None}

    def _from_numbers(self, body: bytes) -> Batch | None:
        if (read := self._numeric.read(body)) is None:
            return None
        order, rows = read
        return Batch(
            rows=rows,
            encode=order.encode,
            form="columns",
            not_scored=(),
            values=lambda: self._read(body).values(),
            monitoring=lambda: [{}] * len(rows),
        )

    def _from_typed(self, layout: Layout, rows: list[Any], form: Form) -> Batch:
        return Batch(
            rows=rows,
            encode=layout.encode,
            form=form,
            not_scored=layout.not_scored(rows),
            values=lambda: layout.values(rows),
            monitoring=lambda: (
                [self._monitored(row) for row in layout.plain(rows)] if layout.monitored(rows) else [{}] * len(rows)
            ),
        )


def _parse(body: bytes) -> Any:
    if not body.strip():
        raise MalformedBodyError("the body is empty; send one applicant or a list of them as JSON")
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        with contextlib.suppress(ValueError, RecursionError):
            return _with_wild_numbers(body)
        raise MalformedBodyError(f"the body is not JSON: {error}") from None


def _with_wild_numbers(body: bytes) -> Any:
    """JSON but for NaN, Infinity or numbers without end: so that their field can be named when it is refused."""
    document = json.loads(body.decode())
    if rb"\u" in body:  # half of a surrogate pair is no text: this parser takes it, and it cannot be encoded
        json.dumps(document, ensure_ascii=False).encode()
    return document


def _rows_of(matrix: Mapping[str, Any], limit: int) -> list[Any]:
    columns, rows = matrix["columns"], matrix["rows"]
    if not isinstance(columns, list) or not all(isinstance(name, str) for name in columns):
        raise InvalidRequestError("columns: must be a list of field names")
    if len(set(columns)) != len(columns):
        raise InvalidRequestError("columns: a field is named twice")
    if not isinstance(rows, list):
        raise InvalidRequestError("rows: must be a list of lists")
    if len(rows) > limit:
        raise TooManyApplicantsError(limit)
    for index, row in enumerate(rows):
        if not isinstance(row, list) or len(row) != len(columns):
            raise InvalidRequestError(f"rows/{index}: must be a list of {len(columns)} values, one for each column")
    return [dict(zip(columns, row, strict=True)) for row in rows]
