"""Files of applicants: CSV in, CSV out, and which columns any such file has.

Strict about what a spreadsheet gets wrong. Does not know HTTP.
"""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from typing import Any

import msgspec

from credit_contract.applicant import from_text
from credit_contract.schema import FeatureSchema
from scoring_api.answer import Answer
from scoring_api.errors import InvalidRequestError, MalformedBodyError, TooManyApplicantsError
from scoring_api.reasons import MOST

REASONS = tuple(f"reason_{n}" for n in range(1, MOST + 1))
ONCE = ("model_tag", "model_digest", "policy_version", "fields_not_scored")
LONGEST_LINE = 65_536
"""Characters: a cell takes twenty times the memory of its text, and lines are split before cells can be counted."""
HEADER = ("row", "id", "pd", "score", "decision", "band", *REASONS, *ONCE)


def read_csv(schema: FeatureSchema, content: bytes, limit: int) -> list[dict[str, Any]]:
    """Rows by column name; comma or semicolon, UTF-8 with or without a byte order mark.

    Raises:
        MalformedBodyError: no CSV: not UTF-8, without header, with a column twice, with a row of another length.
        InvalidRequestError: a column that is no field, or a scored field without its column.
        TooManyApplicantsError: more rows than the limit; those beyond it are not looked at.
    """
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise MalformedBodyError(f"the file is not UTF-8: byte {error.start}") from None
    header_line = text.partition("\n")[0]
    lines = csv.reader(_lines(text), delimiter=";" if ";" in header_line else ",", strict=True)
    try:
        header = next(lines, [])
        check_header(schema, header)
        applicants = from_text(schema, islice(_rows(lines, header), limit + 1))
    except csv.Error as error:
        raise MalformedBodyError(f"the file is not CSV: line {lines.line_num}: {error}") from None
    if len(applicants) > limit:
        raise TooManyApplicantsError(limit)
    return applicants


def check_header(schema: FeatureSchema, header: list[str]) -> None:
    """Refuse a file whose columns are not the fields; all raise what reading the file raises."""
    if not any(header):
        raise MalformedBodyError("the file has no header; its first line must name the fields")
    if doubled := sorted(name for name, count in Counter(header).items() if count > 1):
        raise MalformedBodyError(f"column {doubled[0][:100]} occurs twice")
    if unknown := [name for name in header if name not in schema.by_name]:
        raise InvalidRequestError(f"column {unknown[0][:100]} is no field of {schema.dataset}; remove it")
    if missing := [f.name for f in schema.scored_fields if not f.optional and f.name not in header]:
        raise InvalidRequestError(f"column {missing[0]} is missing; a row needs every scored field")


def write_csv(answer: Answer) -> bytes:
    """One line for each applicant, in their order."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(HEADER)
    writer.writerows(rows(answer))
    return out.getvalue().encode()


def rows(answer: Answer) -> Iterator[list[Any]]:
    """What a file says of each applicant, None where there is no further reason or no field that was not scored.

    A file has no head: what JSON says once is in each row, the fields that were not scored with blanks between them.
    """
    once = {**answer.head(), "fields_not_scored": " ".join(answer.batch.not_scored) or None}
    for row, result in enumerate(answer.results()):
        *told, why = msgspec.structs.astuple(result)
        reasons = [reason.text for reason in why]
        yield [row, *told, *reasons, *[None] * (MOST - len(reasons)), *(once[name] for name in ONCE)]


def _lines(text: str) -> Iterator[str]:
    for number, line in enumerate(io.StringIO(text), start=1):
        if len(line) > LONGEST_LINE:
            raise MalformedBodyError(f"line {number}: longer than {LONGEST_LINE:,} characters")
        if line.count('"') % 2:  # a row must not go on for lines either
            raise MalformedBodyError(f"line {number}: a quote in it does not end there")
        yield line


def _rows(lines: Iterator[list[str]], header: list[str]) -> Iterator[dict[str, str]]:
    for number, cells in enumerate(lines):
        if not cells:
            continue
        if len(cells) != len(header):
            raise MalformedBodyError(f"row {number}: {len(cells)} cells, but the header has {len(header)}")
        yield dict(zip(header, cells, strict=True))
