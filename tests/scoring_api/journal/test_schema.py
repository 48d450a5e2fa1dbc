from concurrent.futures import ThreadPoolExecutor

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import inspect, text

from credit_contract.decision import TABLES
from scoring_api.errors import SettingsError
from scoring_api.journal import schema, tables
from scoring_api.journal.engine import open_engine


def test_migrations_make_the_tables_that_the_code_uses(url):
    engine = open_engine(url)
    assert schema.upgrade(engine)
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), tables.metadata) == []


def test_the_contract_describes_the_tables_column_by_column():
    for name, columns in TABLES.items():
        assert tuple(column.name for column in tables.metadata.tables[name].columns) == columns


def test_processes_that_start_at_once_migrate_once(url):
    with ThreadPoolExecutor(4) as starts:
        done = list(starts.map(lambda _: schema.upgrade(open_engine(url)), range(4)))
    assert sorted(done) == [False, False, False, True]


def test_an_image_rolled_back_answers_on_with_the_tables_of_a_later_release(using, url, entry):
    engine = open_engine(url)
    schema.upgrade(engine)
    with engine.begin() as connection:
        connection.execute(text("update alembic_version set version_num = '9999'"))
        connection.execute(text("alter table decisions add column of_a_later_release text"))
    using(lambda journal: journal.record([entry("d1")], None), url)
    assert using(lambda journal: journal.find("d1"), url)["decision"] == "refer"


def test_a_migration_only_adds_what_an_older_image_need_not_fill(url):
    engine = open_engine(url)
    before: dict[str, set[str]] = {}
    for number in range(1, int(schema.HEAD) + 1):
        assert schema.upgrade(engine, to=f"{number:04}")
        found = inspect(engine)
        columns = {table: found.get_columns(table) for table in found.get_table_names()}
        for table, names in before.items():
            added = [column for column in columns[table] if column["name"] not in names]
            assert len(columns[table]) == len(names) + len(added)
            assert all(column["nullable"] or column["default"] is not None for column in added)
        before = {table: {column["name"] for column in found} for table, found in columns.items()}


@pytest.mark.parametrize(
    "address", ["mysql://u:secret@h/d", "sqlite://", "secret", "postgresql+nothing://u:secret@h/d"]
)
def test_an_address_of_no_journal_is_refused_and_not_repeated(address):
    with pytest.raises(SettingsError) as caught:
        open_engine(address)
    assert "secret" not in str(caught.value)
