import gzip
import hashlib
import io
import json
import sqlite3
import zipfile
from contextlib import closing

import pytest

from credit_training.dataset import load_dataset
from credit_training.download import CONVERTERS
from credit_training.errors import OutputError, SourceError, TableError
from credit_training.prepare import prepare
from credit_training.source import obtain

from .conftest import HEADER, no_file_above


def sha256(content):
    return hashlib.sha256(content).hexdigest()


def zipped(name, content):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr(name, content)
    return stream.getvalue()


def kept(lender):
    return sorted((lender.home / "data" / "raw").glob("*")) if lender.home.exists() else []


def test_a_file_is_taken_from_the_data_folder(lender):
    raw = obtain(lender.spec, lender.home)
    assert raw.content == lender.table.read_bytes()
    assert raw.sha256 == sha256(raw.content)
    assert raw.origin == "lender.csv"
    assert not kept(lender)


def test_a_compressed_file_is_the_same_table(lender):
    plain = obtain(lender.spec, lender.home)
    (lender.table.parent / "lender.csv.gz").write_bytes(gzip.compress(lender.table.read_bytes()))
    lender.table.unlink()
    assert obtain(lender.spec, lender.home) == plain


def test_a_damaged_compressed_file_is_named(lender):
    packed = gzip.compress(lender.table.read_bytes())
    (lender.table.parent / "lender.csv.gz").write_bytes(packed[: len(packed) // 2])
    lender.table.unlink()
    with pytest.raises(SourceError, match=r"cannot read .*lender\.csv\.gz"):
        obtain(lender.spec, lender.home)


def test_another_table_than_the_described_one_is_refused(lender):
    spec = lender.describe(source=f"{{kind: file, path: lender.csv, sha256: {'f' * 64}}}")
    with pytest.raises(SourceError, match=r"lender\.csv has sha256 \w{64}, expected ffffffffffff…; delete it"):
        obtain(spec, lender.home)


def test_a_file_that_nobody_publishes_must_be_at_hand(lender, monkeypatch):
    lender.table.unlink()
    with pytest.raises(SourceError, match=rf"no file lender\.csv below CREDIT_DATA_DIR, {lender.table.parent}, and no"):
        obtain(lender.spec, lender.home)
    monkeypatch.delenv("CREDIT_DATA_DIR")
    with pytest.raises(SourceError, match=r"no file lender\.csv .* set CREDIT_DATA_DIR"):
        obtain(lender.spec, lender.home)


def test_a_nested_archive_is_downloaded_once_and_kept(lender, publisher):
    folder, address = publisher
    table = lender.table.read_bytes()
    archive = zipped("inner.zip", zipped("lender.csv", table))
    (folder / "outer.zip").write_bytes(archive)
    spec = lender.describe(
        source=f"{{kind: file, path: elsewhere.csv, url: '{address}/outer.zip', publisher_sha256: {sha256(archive)}, "
        f"members: [inner.zip, lender.csv], sha256: {sha256(table)}}}"
    )
    assert obtain(spec, lender.home).content == table
    (folder / "outer.zip").unlink()
    assert obtain(spec, lender.home).content == table
    assert len(kept(lender)) == 1


@pytest.mark.parametrize(
    ("file", "source", "said"),
    [
        ("lender.csv", "publisher_sha256: " + "f" * 64, "expected ffffffffffff…"),
        ("lender.csv", "sha256: " + "f" * 64, "the table fetched for lender has sha256"),
        ("lender.csv", "members: [lender.csv]", "File is not a zip file"),
        ("other.zip", "members: [lender.csv]", "no member lender.csv"),
        ("absent.csv", "sha256: " + "f" * 64, "HTTP Error 404"),
    ],
)
def test_a_failed_download_leaves_nothing_behind(lender, publisher, file, source, said):
    folder, address = publisher
    (folder / "lender.csv").write_bytes(lender.table.read_bytes())
    (folder / "other.zip").write_bytes(zipped("other.csv", b"a"))
    spec = lender.describe(source=f"{{kind: file, path: elsewhere.csv, url: '{address}/{file}', {source}}}")
    with pytest.raises(SourceError) as caught:
        obtain(spec, lender.home)
    assert said in str(caught.value)
    assert not kept(lender)


def test_a_publisher_that_does_not_answer_is_named(lender, unused_tcp_port):
    url = f"http://127.0.0.1:{unused_tcp_port}/lender.csv"
    spec = lender.describe(source=f"{{kind: file, path: elsewhere.csv, url: '{url}'}}")
    with pytest.raises(SourceError, match=f"cannot download {url}"):
        obtain(spec, lender.home)


def test_the_publishers_numbered_columns_become_named_ones():
    published = "ID," + ",".join(f"X{number}" for number in range(1, 24)) + ",Y\r\n1," + "0," * 23 + "1\r\n"
    table = CONVERTERS["taiwan"](published.encode()).decode()
    assert table.splitlines()[0].startswith("ID,LIMIT_BAL,SEX,EDUCATION")
    assert table.splitlines()[0].endswith("PAY_AMT6,default")
    assert table.splitlines()[1:] == ["1," + "0," * 23 + "1"]
    assert "\r" not in table


def test_an_api_is_read_page_by_page(lender, api):
    records = [{"id": number, "income": None if number == 2 else number * 1.5} for number in range(5)]
    address = api(lambda query: {"data": {"items": records[2 * int(query["page"]) - 2 : 2 * int(query["page"])]}})
    spec = lender.describe(
        source=f"{{kind: http, url: '{address}', parameters: {{year: 2020}}, records: [data, items], "
        "page_parameter: page}"
    )
    assert obtain(spec, lender.home).content.decode().splitlines() == [
        "id,income", "0,0.0", "1,1.5", "2,", "3,4.5", "4,6.0",
    ]  # fmt: skip
    records.pop()
    assert obtain(spec, lender.home).content.decode().splitlines()[-1] == "3,4.5"


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ({"rows": []}, "no key data in the answer"),
        ({"data": {"a": 1}}, "data is no list of records"),
        ("not json", "does not answer JSON"),
    ],
)
def test_an_api_of_another_shape_is_refused(lender, api, answer, said):
    address = api(lambda _: answer)
    spec = lender.describe(source=f"{{kind: http, url: '{address}', records: [data]}}")
    with pytest.raises(SourceError, match=said):
        obtain(spec, lender.home)


def test_a_query_is_a_source(lender):
    database = lender.folder / "loans #1.db"
    with sqlite3.connect(database) as connection:
        connection.execute("create table loans (id integer, income real)")
        connection.executemany("insert into loans values (?, ?)", [(1, 2.5), (2, None)])
    connection.close()
    spec = lender.describe(
        source=f"{{kind: sql, url: 'sqlite:///{database}', query: 'select id, income from loans order by id'}}"
    )
    assert obtain(spec, lender.home).content == b"id,income\n1,2.5\n2,\n"


@pytest.fixture
def loans(lender):
    """A table of one row, and what changes it."""
    with closing(sqlite3.connect(lender.folder / "loans.db", isolation_level=None)) as connection:
        connection.execute("create table loans (id integer)")
        connection.execute("insert into loans values (1)")
        yield connection.execute


def queried(lender, query="select id from loans order by id", **source):
    given = {"kind": "sql", "url": f"sqlite:///{lender.folder}/loans.db", "query": query, **source}
    return lender.describe(source=json.dumps(given))


def test_a_query_is_asked_again_and_nothing_of_it_kept(lender, loans):
    spec = queried(lender)
    assert obtain(spec, lender.home).content == b"id\n1\n"
    loans("insert into loans values (2)")
    assert obtain(spec, lender.home).content == b"id\n1\n2\n"
    assert not kept(lender)


def test_a_query_whose_answer_is_pinned_is_asked_once_and_says_the_checksum_of_another(lender, loans):
    pinned = queried(lender, sha256=sha256(b"id\n1\n"))
    before = obtain(pinned, lender.home)
    loans("insert into loans values (2)")
    assert obtain(pinned, lender.home) == before
    assert len(kept(lender)) == 1
    found = sha256(b"id\n1\n2\n")
    with pytest.raises(SourceError, match=f"has sha256 {found}, expected ffffffffffff…; fetch it again, or"):
        obtain(queried(lender, sha256="f" * 64), lender.home)


def test_rows_that_are_refused_may_be_mended_at_their_source(lender, loans):
    loans("create table applicants (" + HEADER.replace(",", " text, ") + " text)")
    loans("insert into applicants values (" + ",".join("?" * 11) + ")", lender.rows[0])
    with pytest.raises(TableError, match=r"query on sqlite:///.*loans\.db, column outcome: all 1 outcomes are"):
        prepare(queried(lender, "select * from applicants"), "v1", lender.home)
    for row in lender.rows[1:]:
        loans("insert into applicants values (" + ",".join("?" * 11) + ")", row)
    assert len(prepare(queried(lender, "select * from applicants"), "v1", lender.home)) == 200


@pytest.mark.usefixtures("loans")
def test_a_query_that_names_a_column_twice_is_refused(lender):
    with pytest.raises(SourceError, match=r"key source\.query names id twice; rename or remove one of them"):
        obtain(queried(lender, "select id, 1 as one, id from loans"), lender.home)


def test_a_failed_query_is_one_line(lender):
    spec = lender.describe(source="{kind: sql, url: 'sqlite://', query: 'select * from nowhere'}")
    with pytest.raises(SourceError) as caught:
        obtain(spec, lender.home)
    assert "no such table: nowhere" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_database_that_is_not_there_is_not_made(lender):
    spec = lender.describe(source=f"{{kind: sql, url: 'sqlite:///{lender.folder}/absent.db', query: select 1}}")
    with pytest.raises(SourceError, match=r"absent\.db failed: .*unable to open database file"):
        obtain(spec, lender.home)
    assert not list(lender.folder.glob("absent*"))


def test_the_simulator_gives_the_same_table_twice(lender, tmp_path):
    spec = lender.describe(source="{kind: simulator, scenario: {months: 2, applicants_per_month: 50}}")
    first, second = obtain(spec, tmp_path / "one"), obtain(spec, tmp_path / "two")
    assert first == second
    assert len(first.content.splitlines()) == 101


def test_a_temporary_folder_that_is_full_is_named_with_another_way(lender):
    spec = lender.describe(source="{kind: simulator, scenario: {months: 2, applicants_per_month: 50}}")
    with no_file_above(512), pytest.raises(OutputError, match=r"cannot write .*; free space or .* with TMPDIR"):
        obtain(spec, lender.home)
    assert not kept(lender)


def test_a_wrong_scenario_names_its_key(lender):
    spec = lender.describe(source="{kind: simulator, scenario: {weeks: 2}}")
    with pytest.raises(SourceError, match=r"key source\.scenario: .*weeks"):
        obtain(spec, lender.home)


def test_published_datasets_say_where_they_are_downloaded():
    for name in ("taiwan", "bank", "german"):
        source = load_dataset(name).source
        assert source.url.startswith("https://archive.ics.uci.edu/")
        assert source.publisher_sha256
    assert load_dataset("sba").source.url is None
