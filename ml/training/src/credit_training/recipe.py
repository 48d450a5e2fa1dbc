"""Cleaning steps by name; a dataset version is a list of them in the dataset's YAML.

Steps see text only: a frame of strings in which "" is missing, and whose index is the row of the source. Text where
a number belongs they leave as it is, for the check that follows. What they do to a dataset is in its YAML and hash.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Annotated, Literal

import pandas as pd
from pydantic import Field as Constraint

from credit_contract.schema import Frozen

MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")


class _OfColumn(Frozen):
    column: str

    @property
    def reads(self) -> tuple[str, ...]:
        """The columns that must be there."""
        return (self.column,)


class DropDuplicates(Frozen):
    """Keep the first of rows that are equal in every column but those `ignoring`."""

    step: Literal["drop_duplicates"]
    ignoring: tuple[str, ...] = ()

    @property
    def reads(self) -> tuple[str, ...]:
        """The columns that must be there."""
        return self.ignoring

    def apply(self, table: pd.DataFrame) -> pd.DataFrame:
        """The rows that stay."""
        return table[~table.drop(columns=list(self.ignoring)).duplicated()]


class DropMissing(_OfColumn):
    """Drop rows without a value, such as applicants whose outcome nobody knows."""

    step: Literal["drop_missing"]

    def apply(self, table: pd.DataFrame) -> pd.DataFrame:
        """The rows that stay."""
        return table[table[self.column] != ""]


class Blank(_OfColumn):
    """Values that stand for missing become missing."""

    step: Literal["blank"]
    values: tuple[str, ...]

    def apply(self, table: pd.DataFrame) -> pd.DataFrame:
        """The table with the column's codes for missing removed."""
        return _changed(table, self.column, lambda column: column.mask(column.isin(self.values), ""))


class KeepValues(_OfColumn):
    """Values other than these become missing."""

    step: Literal["keep_values"]
    values: tuple[str, ...]

    def apply(self, table: pd.DataFrame) -> pd.DataFrame:
        """The table with the column's strays removed."""
        return _changed(table, self.column, lambda column: column.where(column.isin(self.values), ""))


class KeepBetween(_OfColumn):
    """Keep rows whose number is in [minimum, maximum], such as approvals since a fiscal year."""

    step: Literal["keep_between"]
    minimum: float
    maximum: float

    def apply(self, table: pd.DataFrame) -> pd.DataFrame:
        """The rows that stay."""
        number, is_text = _numbers(table[self.column])
        return table[number.between(self.minimum, self.maximum) | is_text]


class BlankOutside(_OfColumn):
    """Numbers outside of [minimum, maximum] become missing, such as incomes in another unit."""

    step: Literal["blank_outside"]
    minimum: float
    maximum: float

    def apply(self, table: pd.DataFrame) -> pd.DataFrame:
        """The table with the column's impossible numbers removed."""
        number, is_text = _numbers(table[self.column])
        kept = number.between(self.minimum, self.maximum) | is_text
        return _changed(table, self.column, lambda column: column.where(kept, ""))


class Recode(_OfColumn):
    """Values get other names, such as ordered codes their rank; values that are not listed stay."""

    step: Literal["recode"]
    values: dict[str, str]

    def apply(self, table: pd.DataFrame) -> pd.DataFrame:
        """The table with the column recoded."""
        return _changed(table, self.column, lambda column: column.map(lambda value: self.values.get(value, value)))


class LeadingDigits(_OfColumn):
    """A hierarchical code is cut to its first digits, such as an industry to its sector."""

    step: Literal["leading_digits"]
    digits: Annotated[int, Constraint(ge=1)]

    def apply(self, table: pd.DataFrame) -> pd.DataFrame:
        """The table with the column shortened."""
        return _changed(table, self.column, lambda column: column.str[: self.digits])


class YesAbove(_OfColumn):
    """A number becomes "yes" above a threshold, else "no"; missing stays missing."""

    step: Literal["yes_above"]
    threshold: float

    def apply(self, table: pd.DataFrame) -> pd.DataFrame:
        """The table with the column as a flag."""

        def flag(column: pd.Series[str]) -> pd.Series[str]:
            number, _ = _numbers(column)
            return (number > self.threshold).map({True: "yes", False: "no"}).where(number.notna(), column)

        return _changed(table, self.column, flag)


class DatesFromMonths(Frozen):
    """Dates for rows that are in true time order but name only day and month.

    The year grows by one wherever the month falls behind the row before.
    """

    step: Literal["dates_from_months"]
    day: str
    month: str
    first_year: int
    into: str

    @property
    def reads(self) -> tuple[str, ...]:
        """The columns that must be there."""
        return (self.day, self.month)

    def apply(self, table: pd.DataFrame) -> pd.DataFrame:
        """The table with one more column of ISO dates."""
        month = table[self.month].map({name: number for number, name in enumerate(MONTHS, start=1)})
        year = self.first_year + (month.diff() < 0).cumsum()
        first = pd.to_datetime({"year": year, "month": month, "day": 1}, errors="coerce")
        days_in_month = first.dt.days_in_month
        day = pd.to_numeric(table[self.day], errors="coerce").clip(upper=days_in_month)
        dates = pd.to_datetime({"year": year, "month": month, "day": day}, errors="coerce")
        return table.assign(**{self.into: dates.dt.strftime("%Y-%m-%d").fillna("")})


Step = Annotated[
    DropDuplicates
    | DropMissing
    | KeepBetween
    | Blank
    | BlankOutside
    | KeepValues
    | Recode
    | LeadingDigits
    | YesAbove
    | DatesFromMonths,
    Constraint(discriminator="step"),
]


def clean(table: pd.DataFrame, steps: Iterable[Step]) -> pd.DataFrame:
    """The table after all steps, in their order; its index still says which rows of the source are left."""
    for step in steps:
        table = step.apply(table)
    return table


def _numbers(column: pd.Series[str]) -> tuple[pd.Series[float], pd.Series[bool]]:
    """A column's numbers, NaN where there are none, and where it has text instead."""
    numbers = pd.to_numeric(column, errors="coerce")
    return numbers, numbers.isna() & (column != "")


def _changed(table: pd.DataFrame, column: str, change: Callable[[pd.Series[str]], pd.Series[str]]) -> pd.DataFrame:
    return table.assign(**{column: change(table[column])})
