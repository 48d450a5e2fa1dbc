"""Parquet files of applicants, read by DuckDB and checked as strictly as JSON. Does not know HTTP or the model.

Two ways in: `rows`, for files that are judged and recorded applicant by applicant; `windows`, for files of any length,
whose columns become the graph's arrays without an object per value. Values are cast and categories coded in SQL.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import numpy.typing as npt

from credit_contract.applicant import Encoded, expectation
from credit_contract.errors import Problem
from credit_contract.schema import MISSING_CODE, FeatureSchema, Field
from scoring_api.batch import Rows
from scoring_api.errors import InvalidApplicantError, InvalidRequestError, MalformedBodyError, TooManyApplicantsError
from scoring_api.table import check_header

WINDOW = 122_880
"""Applicants read at once: DuckDB's own row group, some 30 MB of twenty columns."""
SETTINGS: Mapping[str, Any] = {
    "threads": 1,
    "memory_limit": "256MB",
    "autoinstall_known_extensions": False,
    "enable_external_file_cache": False,  # a file is read once
}
WHOLE = frozenset({"TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT"})
FRACTIONAL = frozenset({"FLOAT", "DOUBLE", "DECIMAL"})
UNKNOWN_CODE = -1
EXACT = 2**24
"""Below it a float32 tells every integer from the next."""

Column = npt.NDArray[Any] | np.ma.MaskedArray[Any, np.dtype[Any]]


def read_rows(schema: FeatureSchema, content: bytes, limit: int) -> Rows:
    """The applicants of an uploaded file; raises what `ParquetFile` raises, and TooManyApplicantsError."""
    with tempfile.NamedTemporaryFile(suffix=".parquet") as stream:
        stream.write(content)
        stream.flush()
        file = ParquetFile(Path(stream.name), schema)
        if file.applicants > limit:
            raise TooManyApplicantsError(limit)
        return file.rows()


def write_rows(header: Sequence[str], rows: Iterable[Sequence[Any]]) -> bytes:
    """A file of these columns; each holds numbers of one kind, or text and None."""
    values = zip(*rows, strict=True)
    arrays = {
        name: np.array(column, dtype=None if isinstance(column[0], (int, float)) else object)
        for name, column in zip(header, values, strict=True)
    }
    with tempfile.TemporaryDirectory() as folder, duckdb.connect(config=dict(SETTINGS)) as connection:
        path = Path(folder) / "scored.parquet"
        connection.register("scored", arrays)
        connection.execute(f"copy scored to {literal(str(path))} (format parquet)")
        return path.read_bytes()


class ParquetFile:
    """A file whose columns are fields of a schema.

    Raises:
        MalformedBodyError: it is not Parquet, or damaged.
        InvalidRequestError: a column that is no field, is missing, or cannot hold the field's values.
    """

    def __init__(self, path: Path, schema: FeatureSchema) -> None:
        self._source = {"path": str(path)}
        self._schema = schema
        self._connection = duckdb.connect(config=dict(SETTINGS))
        described = self._ask("describe select * from read_parquet($path)").fetchall()
        self._types = {name: kind.partition("(")[0] for name, kind, *_ in described}
        check_header(schema, list(self._types))
        for name, kind in self._types.items():
            _check_type(schema[name], kind)
        self.applicants = self._count()

    def rows(self) -> Rows:
        """Every applicant as JSON would have it; whether the values are allowed is not judged here."""
        names = list(self._types)
        wanted = ", ".join(_value(self._schema[name], self._types[name]) for name in names)
        found = self._ask(f"select {wanted} from read_parquet($path)").fetchall()  # noqa: S608 quoted
        rows = [dict(zip(names, values, strict=True)) for values in found]
        fractional = [name for name in names if self._types[name] in FRACTIONAL]
        for name in (name for name in fractional if self._schema[name].kind == "category"):
            for row in rows:  # a column of integers becomes one of fractions where pandas leaves a value out
                if row[name] is not None and row[name].is_integer():
                    row[name] = int(row[name])
        return rows

    def windows(self) -> Iterator[Encoded]:
        """All applicants in their order, as the graph reads them, some at a time.

        Raises:
            InvalidApplicantError: with the first of each field's values that the schema refuses in a window.
        """
        scored = [field for field in self._schema.scored_fields if field.name in self._types]
        wanted = ", ".join(_code(field) if field.kind == "category" else self._number(field) for field in scored)
        window = (
            f"select {wanted} from read_parquet($path, file_row_number = true)"  # noqa: S608 quoted
            " where file_row_number >= $start and file_row_number < $stop"
        )
        for start in range(0, self.applicants, WINDOW):
            stop = min(start + WINDOW, self.applicants)
            columns: Mapping[str, Any] = self._ask(window, start=start, stop=stop).fetchnumpy()
            if problems := [p for field in scored if (p := self._problem(field, columns[field.name], start))]:
                raise InvalidApplicantError(problems, listed=True)
            yield self._encoded(columns, stop - start)

    def _count(self) -> int:
        """Applicants in the file; the footer is believed only where the row groups, which are read, say the same."""
        (told,) = self._ask("select sum(num_rows)::bigint from parquet_file_metadata($path)").fetchall()[0]
        groups = "select distinct row_group_id, row_group_num_rows as held from parquet_metadata($path)"
        (held,) = self._ask(f"select coalesce(sum(held), 0)::bigint from ({groups})").fetchall()[0]  # noqa: S608 our own
        if told != held:
            raise MalformedBodyError(f"the file is damaged: its footer says {told:,} rows, its row groups {held:,}")
        return int(told)

    def _encoded(self, columns: Mapping[str, Column], count: int) -> Encoded:
        schema = self._schema
        # By column in memory: what the graph takes at once is put in rows when it is in the core's cache.
        numbers = np.empty((len(schema.number_fields), count), dtype=np.float32)
        categories = np.empty((len(schema.category_fields), count), dtype=np.int64)
        for fields, array, missing in (
            (schema.number_fields, numbers, np.nan),
            (schema.category_fields, categories, MISSING_CODE),
        ):
            for place, field in enumerate(fields):
                column = columns.get(field.name)
                array[place] = missing if column is None else _filled(column, np.float32)
        return Encoded(numbers.T, categories.T)

    def _problem(self, field: Field, column: Column, start: int) -> Problem | None:
        """The first value of a column that is refused; minimum and maximum alone settle that there is none."""
        missing = np.ma.getmaskarray(column) if isinstance(column, np.ma.MaskedArray) else None
        present = np.asarray(column)[~missing] if missing is not None else column
        low, high = _allowed(field)
        fractional = field.kind == "integer" and self._types[field.name] not in WHOLE
        fits = len(present) == 0 or (present.min() >= low and present.max() <= high)
        fits = fits and not (fractional and (present != np.rint(present)).any())
        if fits and (missing is None or field.optional):
            return None
        values = _filled(column, np.float64)
        null = missing if missing is not None else np.zeros(len(values), dtype=np.bool_)
        wrong = ~((values >= low) & (values <= high)) | (fractional & (values != np.rint(values)))
        row = int(np.flatnonzero((wrong & ~null) | (null & (not field.optional)))[0])
        return Problem(start + row, field.name, _fault(field, values[row], null=bool(null[row])), expectation(field))

    def _number(self, field: Field) -> str:
        """A number as a type by which comparing it with a bound is exact: the graph's own where that is one, which is
        handed over twice as fast.
        """
        name, kind = _quoted(field.name), self._types[field.name]
        if kind in WHOLE and all(bound.is_integer() and abs(bound) < EXACT for bound in map(float, field.bounds)):
            return f"{name}::float as {name}"
        return name if kind in WHOLE | {"DOUBLE"} else f"{name}::double as {name}"

    def _ask(self, question: str, **values: Any) -> duckdb.DuckDBPyConnection:
        try:
            return self._connection.execute(question, {**self._source, **values})
        except duckdb.Error:  # whose words may quote the file
            raise MalformedBodyError("the file is not Parquet, or it is damaged") from None


def _check_type(field: Field, kind: str) -> None:
    textual = field.kind == "category" and isinstance(field.categories[0], str)
    if kind not in ({"VARCHAR"} if textual else WHOLE | FRACTIONAL):
        raise InvalidRequestError(f"column {field.name}: holds {kind.lower()}, expected {expectation(field)}")


def _allowed(field: Field) -> tuple[float, float]:
    if field.kind != "category":
        return field.bounds
    return (MISSING_CODE if field.optional else MISSING_CODE + 1), len(field.categories)


def _fault(field: Field, value: Any, *, null: bool) -> str:
    if field.kind == "category":
        return "null" if value == MISSING_CODE else "category"
    if null:
        return "null"
    low, high = field.bounds
    if not np.isfinite(value):
        return "not_finite"
    return "type" if low <= value <= high else "range"


def _filled(column: Column, dtype: Any) -> npt.NDArray[Any]:
    """A column with NaN for missing; one without missing values as it is."""
    if not isinstance(column, np.ma.MaskedArray):
        return column
    return np.where(np.ma.getmaskarray(column), dtype(np.nan), np.asarray(column, dtype))


def _code(field: Field) -> str:
    """The graph's code of a category: aliases count as what they stand for."""
    name = _quoted(field.name)
    cases = " ".join(f"when {literal(value)} then {code}" for value, code in field.codes.items())
    return (
        f"(case when {name} is null then {MISSING_CODE} else case {name} {cases} else {UNKNOWN_CODE} end end)::smallint"
        f" as {name}"
    )


def _value(field: Field, kind: str) -> str:
    """A value as JSON would have it: what one applicant sends must not grow without bound."""
    name = _quoted(field.name)
    if kind == "VARCHAR":
        return f"left({name}, {1 + max(len(text) for text in field.codes_by_text)})"
    return f"{name}::double" if kind == "DECIMAL" else name


def literal(value: int | str) -> str:
    """A value in SQL."""
    return str(value) if isinstance(value, int) else "'" + value.replace("'", "''") + "'"


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
