"""A published table, cleaned by a version's recipe, checked, typed and split.

Does not know where the bytes came from, what the recipe's steps do, or what a model will see of it.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from credit_contract.schema import Field
from credit_training.dataset import DatasetSpec
from credit_training.errors import TableError
from credit_training.recipe import clean
from credit_training.source import Raw
from credit_training.source_spec import FileSource
from credit_training.split import holdout_mask
from credit_training.table import TextTable, categories, numbers, parse

TARGET, WEIGHT, TIME, GROUP, HOLDOUT = "_target", "_weight", "_time", "_group", "_holdout"
DECIDED_PD = "_decided_pd"


def typed_table(spec: DatasetSpec, version: str, raw: Raw) -> pd.DataFrame:
    """Every field of the version, then the columns named above; one row per applicant whom the recipe kept.

    Numbers are float64 with NaN, categories text with None; group is equal for applicants equal in all but leaks.

    Raises:
        TableError: the table is not what the dataset's YAML describes.
        DatasetError: the split leaves a side without a class.
    """
    text = _text(spec, version, raw)
    columns: dict[str, pd.Series[str] | npt.NDArray[np.float64]] = {}
    for field in spec.columns(version):
        columns[field.name] = categories(text, field) if field.kind == "category" else numbers(text, field)
    frame = pd.DataFrame(columns, index=text.frame.index)
    frame[TARGET] = _target(spec, text)
    frame[WEIGHT] = _weights(text, spec.weight) if spec.weight else 1.0
    if spec.time:
        frame[TIME] = _dates(text, spec.time)
    if spec.decided_pd:
        share = Field(name=spec.decided_pd, kind="number", meaning="", role="unused", minimum=0, maximum=1)
        frame[DECIDED_PD] = numbers(text, share)
    seen = [field.name for field in spec.columns(version) if field.role != "leak"]
    frame[GROUP] = frame.groupby(seen, dropna=False, sort=False).ngroup()
    time = frame[TIME].to_numpy(dtype="datetime64[D]") if spec.time else None
    frame[HOLDOUT] = holdout_mask(spec.split, frame[TARGET].to_numpy(), frame[GROUP].to_numpy(), time)
    return frame.reset_index(drop=True)


def _text(spec: DatasetSpec, version: str, raw: Raw) -> TextTable:
    """The cleaned table as text, its columns under the names of the fields."""
    if isinstance(spec.source, FileSource):
        table = parse(raw.content, raw.origin, spec.source.delimiter, spec.source.columns)
    else:
        table = parse(raw.content, raw.origin)
    columns = spec.columns(version)
    derived = {step.into for step in spec.versions[version].recipe if step.step == "dates_from_months"}
    special = [
        name for name in (spec.target.column, spec.weight, spec.time, spec.decided_pd) if name and name not in derived
    ]
    expected = {*(column.published for column in columns), *special, *spec.other_columns}
    found = {str(name) for name in table.frame}
    for name in sorted(expected - found):
        raise TableError(raw.origin, "not in the table; add it, or correct the dataset's description", name)
    for name in sorted(found - expected):
        raise TableError(raw.origin, "not described; add it to the dataset's fields or other_columns", name)
    renamed = table.frame.rename(columns={column.published: column.name for column in columns})
    cleaned = clean(renamed, spec.versions[version].recipe)
    if not len(cleaned):
        raise TableError(raw.origin, f"the recipe of {version} left no rows; correct the recipe")
    return TextTable(raw.origin, cleaned)


def _target(spec: DatasetSpec, table: TextTable) -> npt.NDArray[np.int8]:
    target = spec.target
    outcome = table.frame[target.column]
    for row in outcome.index[~outcome.isin([*target.bad, *target.good])]:
        known = ", ".join([*target.bad, *target.good])
        what = f"unknown outcome {str(outcome[row])[:40]!r}, expected one of {known}"
        raise TableError(table.origin, f"{what}; correct the row, or target.bad and target.good", target.column, row)
    bad = outcome.isin(list(target.bad))
    if bad.all() or not bad.any():
        only = "bad" if bad.all() else "good"
        what = f"all {len(bad)} outcomes are {only}; a model needs both classes"
        raise TableError(
            table.origin, f"{what}: add rows of the other, or correct target.bad and target.good", target.column
        )
    return bad.to_numpy().astype(np.int8)


def _weights(table: TextTable, column: str) -> npt.NDArray[np.float64]:
    positive = Field(name=column, kind="number", meaning="", role="unused", minimum=1e-9, maximum=1e9)
    return numbers(table, positive)


def _dates(table: TextTable, column: str) -> pd.Series[pd.Timestamp]:
    dates = pd.to_datetime(table.frame[column], format="%Y-%m-%d", errors="coerce")
    for row in dates.index[dates.isna()]:
        value = str(table.frame[column][row])[:40]
        raise TableError(table.origin, f"{value!r} is no date; write it as YYYY-MM-DD", column, row)
    return dates
