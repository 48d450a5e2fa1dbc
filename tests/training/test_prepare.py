import csv
import os
import resource
from pathlib import Path

import numpy as np
import pytest

from credit_contract.applicant import check, encode, from_text
from credit_training.dataset import load_dataset
from credit_training.errors import DatasetError, OutputError, TableError, TrainingError
from credit_training.files import write_whole
from credit_training.prepare import fetch_and_prepare, prepare, prepared


def processed(lender):
    return sorted((lender.home / "data" / "processed").glob("*"))


def test_a_portfolio_has_what_models_may_see(lender):
    portfolio = prepare(lender.spec, "v1", lender.home)
    assert [field.name for field in portfolio.schema.scored_fields] == ["income", "term", "job", "rooms"]
    assert portfolio.encoded.numbers.shape == (200, 2)
    assert portfolio.encoded.categories.shape == (200, 2)
    late = np.array([row[-1] == "late" for row in lender.rows])
    assert np.array_equal(portfolio.target == 1, late)
    assert np.array_equal(portfolio.weight, np.where(late, 2.5, 1.0))
    assert portfolio.time is not None
    assert portfolio.time[3] == np.datetime64("2020-01-16")


def test_columns_are_encoded_as_the_contract_encodes_applicants(lender):
    portfolio = prepare(lender.spec, "v1", lender.home)
    with lender.table.open() as stream:
        rows = [{name.lower(): text for name, text in row.items()} for row in csv.DictReader(stream)]
    named = [{name: row[name] for name in portfolio.schema.by_name} for row in rows]
    applicants = from_text(portfolio.schema, named)
    check(portfolio.schema, applicants)
    expected = encode(portfolio.schema, applicants)
    assert np.array_equal(portfolio.encoded.numbers, expected.numbers, equal_nan=True)
    assert np.array_equal(portfolio.encoded.categories, expected.categories)


def test_protected_groups_are_labels_and_bands(lender):
    lender.change(5, "sex", "")
    lender.change(6, "age", "30")
    protected = prepare(lender.spec, "v1", lender.home).protected
    assert set(protected["sex"]) <= {"female", "male", "missing"}
    assert set(protected["age"]) == {"18–29", "30–49", "50 and over"}
    assert protected["age"][4] == "30–49"


def test_duplicates_share_a_group_and_v2_drops_them(lender):
    published = prepare(lender.spec, "v1", lender.home)
    assert published.group[0] == published.group[1]
    assert len(np.unique(published.group)) == 199
    assert len(prepare(lender.spec, "v2", lender.home)) == 199


@pytest.mark.parametrize(
    ("row", "column", "value", "said"),
    [
        (7, "INCOME", "much", "text 'much' where a number belongs, expected a number from 0 to 100000"),
        (7, "INCOME", "nan", "text 'nan' where a number belongs"),
        (7, "INCOME", "inf", "inf is not finite"),
        (7, "INCOME", "-1", "-1 is out of range"),
        (7, "term", " 12 ", "text ' 12 ' where a number belongs"),
        (7, "term", "6.5", "6.5 is not whole, expected an integer from 1 to 120"),
        (7, "term", "", "nothing, expected an integer"),
        (7, "job", "pirate", "unknown category 'pirate', expected one of office, field, retired"),
        (7, "job", "", "nothing, expected one of office"),
        (7, "rooms", "1.0", "unknown category '1.0'"),
        (7, "months_run", "-3", "-3 is out of range"),
        (7, "outcome", "perhaps", "unknown outcome 'perhaps', expected one of late, paid"),
        (7, "applied", "01.02.2020", "'01.02.2020' is no date; write it as YYYY-MM-DD"),
        (7, "sample_weight", "-2", "-2 is out of range"),
    ],
)
def test_a_wrong_cell_is_named_by_file_column_and_row(lender, row, column, value, said):
    lender.change(row, column, value)
    with pytest.raises(TableError) as caught:
        prepare(lender.spec, "v1", lender.home)
    assert str(caught.value).startswith(f"lender.csv, column {column}, row {row}: {said}")
    assert "\n" not in str(caught.value)
    assert not processed(lender)


def test_rows_keep_their_number_when_a_recipe_drops_others(lender):
    lender.change(9, "job", "pirate")
    with pytest.raises(TableError, match="column job, row 9:"):
        prepare(lender.spec, "v2", lender.home)


def test_more_wrong_rows_are_counted(lender):
    lender.write(lender.table.read_text().replace(",office,", ",pirate,"))
    with pytest.raises(TableError, match=r"unknown category 'pirate' \(and \d+ more rows\)"):
        prepare(lender.spec, "v1", lender.home)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda _: "", "lender.csv: no rows"),
        (lambda text: text.splitlines()[0] + "\n", "lender.csv: no rows"),
        (lambda text: text.replace("INCOME", "EARNINGS"), "lender.csv, column INCOME: not in the table"),
        (lambda text: text.replace("id,", "number,", 1), "lender.csv, column id: not in the table"),
        (lambda text: text.replace("INCOME", "term"), "lender.csv, column term, row 1: named twice"),
        (lambda text: text.replace("\n2,", "\n2,2,"), "lender.csv, row 4: 12 values for 11 columns"),
        (lambda text: text.replace("late", "paid"), "column outcome: all 200 outcomes are good; a model needs both"),
        (lambda text: text.replace("\n3,", '\n"3,'), "lender.csv: unexpected end of data"),
    ],
)
def test_a_wrong_table_is_one_line(lender, change, said):
    lender.write(change(lender.table.read_text()))
    with pytest.raises(TableError) as caught:
        prepare(lender.spec, "v1", lender.home)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_column_that_nobody_described_is_named(lender):
    spec = lender.describe(other_columns="{}", versions="{v1: {summary: s}}")
    with pytest.raises(TableError, match="column id: not described; add it to the dataset's fields or other_columns"):
        prepare(spec, "v1", lender.home)


def test_another_encoding_than_utf8_is_named(lender):
    lender.table.write_bytes(lender.table.read_bytes() + "ü".encode("latin-1"))
    with pytest.raises(TableError, match=r"lender\.csv: byte \d+ is no UTF-8"):
        prepare(lender.spec, "v1", lender.home)


def test_blank_lines_and_a_byte_order_mark_are_no_rows(lender):
    before = prepare(lender.spec, "v1", lender.home)
    lender.write("\ufeff" + lender.table.read_text() + "\n\n")
    assert prepare(lender.spec, "v1", lender.home).sha256 == before.sha256


def test_the_same_source_gives_the_same_version(lender, tmp_path):
    here, there = prepared(lender.spec, "v2", lender.home), prepared(lender.spec, "v2", tmp_path / "elsewhere")
    assert here.sha256 == there.sha256
    assert here.path.read_bytes() == there.path.read_bytes()


def test_versions_and_changed_data_have_hashes_of_their_own(lender):
    v1, v2 = prepared(lender.spec, "v1", lender.home), prepared(lender.spec, "v2", lender.home)
    lender.change(7, "term", "61")
    changed = prepared(lender.spec, "v1", lender.home)
    assert len({v1.sha256, v2.sha256, changed.sha256}) == 3
    assert len(processed(lender)) == 3


def test_a_second_preparation_reads_what_the_first_kept(lender):
    first = prepared(lender.spec, "v2", lender.home)
    written = first.path.stat().st_mtime_ns
    second = prepared(lender.spec, "v2", lender.home)
    assert second.sha256 == first.sha256
    assert second.path.stat().st_mtime_ns == written


def test_a_damaged_processed_file_is_made_anew(lender):
    first = prepared(lender.spec, "v2", lender.home)
    first.path.write_bytes(first.path.read_bytes()[:100])
    assert prepared(lender.spec, "v2", lender.home).sha256 == first.sha256


def test_the_hold_out_is_checked_by_hash(lender):
    right = prepared(lender.spec, "v1", lender.home).holdout_sha256
    pinned = f"{{v1: {{summary: s, holdout_sha256: {right}}}}}"
    assert prepared(lender.describe(versions=pinned), "v1", lender.home).holdout_sha256 == right
    lender.change(7, "term", "61")
    changed_seed = "{kind: stratified, holdout: 0.25, seed: 8}"
    with pytest.raises(DatasetError, match="dataset lender v1: the rebuilt hold-out has sha256"):
        prepared(lender.describe(versions=pinned, split=changed_seed), "v1", lender.home)


def test_a_recipe_that_leaves_nothing_is_refused(lender):
    nothing = "{v1: {summary: s, recipe: [{step: keep_between, column: term, minimum: 500, maximum: 600}]}}"
    with pytest.raises(TableError, match="the recipe of v1 left no rows"):
        prepare(lender.describe(versions=nothing), "v1", lender.home)


def test_a_home_that_is_no_folder_is_named(lender):
    lender.home.write_text("a file where a folder belongs")
    with pytest.raises(OutputError, match=r"cannot write .*var.*; free space or choose another folder"):
        prepare(lender.spec, "v1", lender.home)


def test_a_disk_that_fills_up_leaves_no_half_written_file(tmp_path):
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, hard))
    try:
        with pytest.raises(OutputError, match=r"cannot write .*table\.bin"):
            write_whole(tmp_path / "table.bin", b"0" * 8192)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert not list(tmp_path.iterdir())


def test_a_failed_rewrite_keeps_the_file_that_was_there(tmp_path):
    path = write_whole(tmp_path / "table.bin", b"old")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, hard))
    try:
        with pytest.raises(OutputError):
            write_whole(path, b"0" * 8192)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert path.read_bytes() == b"old"


def test_the_data_command_says_what_it_prepared(lender, monkeypatch):
    monkeypatch.setenv("CREDIT_HOME", str(lender.home))
    lines = [one.summary for one in fetch_and_prepare(str(lender.yaml))]
    assert [line.split(" rows")[0] for line in lines] == ["lender v1: 200", "lender v2: 199"]
    assert all(Path(line.rpartition(", ")[2]).is_file() for line in lines)
    with pytest.raises(TrainingError, match="no version 'v9'"):
        fetch_and_prepare(str(lender.yaml), ["v9"])


@pytest.mark.skipif("CREDIT_DATA_DIR" not in os.environ, reason="needs the published tables in CREDIT_DATA_DIR")
@pytest.mark.parametrize(
    ("name", "rows", "bad"),
    [("taiwan", 30000, 0.2212), ("bank", 45211, 0.1170), ("german", 1000, 0.3), ("sba", 30000, 0.5)],
)
def test_published_tables_rebuild_to_their_pinned_hold_outs(name, rows, bad, tmp_path):
    spec = load_dataset(name)
    published = prepare(spec, "v1", tmp_path)
    assert len(published) == rows
    assert published.target.mean() == pytest.approx(bad, abs=5e-5)
    assert len(prepare(spec, "v2", tmp_path)) <= rows
