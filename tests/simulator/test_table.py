from __future__ import annotations

import csv
import datetime
from pathlib import Path

import numpy as np

from credit_contract.applicant import check, from_text
from credit_simulator import SCHEMA, Scenario, columns, simulate, write_csv

AFTERWARDS = ("defaulted", "outcome_date", "months_on_book")


def test_the_table_reads_back_as_the_applicants(tmp_path: Path) -> None:
    portfolio = simulate(Scenario(seed=2, months=3, applicants_per_month=200))
    write_csv(portfolio, tmp_path / "simulated.csv")
    with (tmp_path / "simulated.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert tuple(rows[0]) == columns()
    assert [row["application_date"] for row in rows] == portfolio.applied.astype(str).tolist()
    others = ("application_date", "approved", "defaulted", "outcome_date", "months_on_book")
    applicants = from_text(SCHEMA, [{name: row[name] for name in row if name not in others} for row in rows])
    check(SCHEMA, applicants)
    assert applicants == portfolio.records()


def test_the_table_holds_no_outcome_that_nobody_knows(tmp_path: Path) -> None:
    portfolio = simulate(Scenario(seed=2, start="2020-01", months=3, applicants_per_month=200))
    day = datetime.date(2021, 2, 10)
    approved = portfolio.applicants["inquiries_6m"] < 2
    write_csv(portfolio, tmp_path / "simulated.csv", approved=approved, as_of=day)
    with (tmp_path / "simulated.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    known = approved & (portfolio.matures <= np.datetime64(day))
    for row, is_approved, is_known, bad in zip(rows, approved, known, portfolio.defaulted, strict=True):
        assert row["approved"] == str(int(is_approved))
        assert row["defaulted"] == (str(int(bad)) if is_known else "")
        assert all((row[name] != "") == is_known for name in AFTERWARDS)
        assert row["outcome_date"] <= "2021-02-10"


def test_two_writes_are_equal_byte_for_byte(tmp_path: Path) -> None:
    scenario = Scenario(seed=2, months=2, applicants_per_month=500, dirty=True)
    for name in ("one.csv", "two.csv"):
        write_csv(simulate(scenario), tmp_path / name)
    assert (tmp_path / "one.csv").read_bytes() == (tmp_path / "two.csv").read_bytes()
