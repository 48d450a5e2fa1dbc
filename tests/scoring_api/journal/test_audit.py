import json
from datetime import UTC, datetime

import pytest
from sqlalchemy import text

from credit_contract.decision import GENESIS, row_hash
from scoring_api.errors import InvalidRequestError, NotFoundError
from scoring_api.journal import reading
from scoring_api.journal.engine import open_engine
from scoring_api.journal.replay import replay
from scoring_api.journal.retention import erase
from scoring_api.journal.tables import decisions
from scoring_api.journal.verify import Verification

NOW = datetime(2026, 6, 30, tzinfo=UTC)


@pytest.fixture
def journal_of_nine(using, url, volume, entry):
    """Decisions d1 to d9, one a month; the engine to tamper with them."""
    entries = [entry(f"d{n}", time=f"2026-0{n}-01T00:00:00.000000Z", monitoring={"age": 40 + n}) for n in range(1, 10)]
    using(lambda journal: journal.record(entries, None), url, volume)
    return open_engine(url)


def verified(engine, volume):
    with engine.connect() as connection:
        return [(one.sequence, one.id, one.fault) for one in Verification(connection, volume)]


def tamper(engine, *statements):
    with engine.begin() as connection:
        for statement in statements:
            connection.execute(text(statement))


def test_an_untouched_journal_verifies_and_says_how_much_was_read(journal_of_nine, volume):
    with journal_of_nine.connect() as connection:
        verification = Verification(connection, volume)
        assert list(verification) == []
    assert (verification.decisions, verification.writers) == (9, 1)


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ("update decisions set decision = 'approve' where id = 'd4'", (4, "d4", "changed")),
        ("update decisions set decided_at = '2026-04-01T00:00:01.000000Z' where id = 'd4'", (4, "d4", "changed")),
        ("delete from decisions where id = 'd4'", (4, None, "removed")),
        ("update applicants set applicant = '{}' where decision_id = 'd4'", (4, "d4", "values changed")),
        ("update applicants set reference = 'C-2' where decision_id = 'd4'", (4, "d4", "values changed")),
        ("update monitoring_attributes set attributes = '{}' where decision_id = 'd4'", (4, "d4", "values changed")),
        ("delete from applicants where decision_id = 'd4'", (4, "d4", "values missing")),
        ("delete from monitoring_attributes where decision_id = 'd4'", (4, "d4", "values missing")),
    ],
)
def test_tampering_is_found_and_named(journal_of_nine, volume, statement, expected):
    tamper(journal_of_nine, statement)
    assert verified(journal_of_nine, volume) == [expected]


def test_records_that_changed_places_are_named(journal_of_nine, volume):
    moves = [("d4", 99), ("d6", 4), ("d4", 6)]
    tamper(journal_of_nine, *(f"update decisions set sequence = {place} where id = '{name}'" for name, place in moves))
    assert verified(journal_of_nine, volume) == [(4, "d6", "reordered"), (6, "d4", "reordered")]


def test_a_tail_cut_with_its_head_in_the_database_shows_by_the_volume(journal_of_nine, volume):
    tamper(journal_of_nine, "delete from decisions where sequence > 7")
    assert verified(journal_of_nine, None) == [(8, None, "cut")]
    tamper(journal_of_nine, "delete from chain_heads")
    assert verified(journal_of_nine, None) == []
    assert verified(journal_of_nine, volume) == [(8, None, "cut")]


def test_a_chain_written_anew_with_its_head_in_the_database_shows_by_the_volume(journal_of_nine, volume):
    with journal_of_nine.connect() as connection:
        (writer,) = connection.scalars(text("select distinct writer from decisions"))
        rows = [row for row, _, _ in reading.chain(connection, writer)]
    before = GENESIS
    for row in rows:
        forged = row._replace(decision="approve", previous_hash=before)
        before = row_hash(forged[:-1])
        with journal_of_nine.begin() as connection:
            changed = decisions.update().where(decisions.c.id == row.id)
            connection.execute(changed.values(decision="approve", previous_hash=forged.previous_hash, hash=before))
    tamper(journal_of_nine, f"update chain_heads set hash = '{before}'")
    assert verified(journal_of_nine, None) == []
    assert verified(journal_of_nine, volume) == [(9, "d9", "changed")]


def test_retention_deletes_values_and_the_chain_still_verifies(journal_of_nine, volume):
    assert erase(journal_of_nine, datetime(2026, 4, 1, tzinfo=UTC), NOW) == 3
    assert verified(journal_of_nine, volume) == []
    with journal_of_nine.connect() as connection:
        left = connection.execute(text("select decision_id from applicants order by 1")).scalars().all()
        apart = connection.execute(text("select count(*) from monitoring_attributes")).scalar()
    assert (left, apart) == ([f"d{n}" for n in range(4, 10)], 6)


def test_what_retention_did_not_delete_is_still_missed(journal_of_nine, volume):
    erase(journal_of_nine, datetime(2026, 4, 1, tzinfo=UTC), NOW)
    tamper(journal_of_nine, "delete from applicants where decision_id = 'd4'")
    assert verified(journal_of_nine, volume) == [(4, "d4", "values missing")]


def test_deleted_values_are_in_no_file_of_the_database(using, entry, volume, tmp_path):
    url = f"sqlite:///{tmp_path / 'journal.db'}"
    secret = entry("d1", values={"job": "lighthouse keeper"})
    using(lambda journal: journal.record([secret], None), url, volume)
    written = lambda: b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())  # noqa: E731
    assert b"lighthouse" in written()
    erase(open_engine(url), NOW, NOW)
    assert b"lighthouse" not in written()


def test_retention_refuses_a_time_to_come(journal_of_nine):
    with pytest.raises(InvalidRequestError, match="past"):
        erase(journal_of_nine, datetime(2026, 7, 1, tzinfo=UTC), NOW)


def rescored(pd, decision="refer"):
    return lambda applicant: (pd + 0 * applicant["income"], decision)


def test_a_replay_compares_bits_and_decision(journal_of_nine):
    with journal_of_nine.connect() as connection:
        same = replay(connection, "d5", "a" * 64, rescored(0.25))
        near = replay(connection, "d5", "a" * 64, rescored(0.25 + 2**-52))
        other = replay(connection, "d5", "a" * 64, rescored(0.75, "decline"))
    assert same.bit_equal
    assert same.same_decision
    assert not near.bit_equal
    assert (near.difference, near.same_decision) == (2**-52, True)
    assert (other.difference, other.same_decision) == (0.5, False)
    assert "now decline" in str(other)


def test_a_replay_gets_the_applicant_as_it_was_scored(journal_of_nine):
    seen = []
    with journal_of_nine.connect() as connection:
        replay(connection, "d5", "a" * 64, lambda applicant: (seen.append(json.dumps(applicant)) or 0.25, "refer"))
    assert seen == ['{"income": 12.5, "job": "nurse", "debts": null}']


def test_a_replay_that_cannot_be_says_why(journal_of_nine):
    erase(journal_of_nine, datetime(2026, 4, 1, tzinfo=UTC), NOW)
    with journal_of_nine.connect() as connection:
        with pytest.raises(NotFoundError, match="d77"):
            replay(connection, "d77", "a" * 64, rescored(0.25))
        with pytest.raises(InvalidRequestError, match=r"made by model a+, the bundle is b+"):
            replay(connection, "d5", "b" * 64, rescored(0.25))
        with pytest.raises(InvalidRequestError, match="deleted"):
            replay(connection, "d1", "a" * 64, rescored(0.25))
