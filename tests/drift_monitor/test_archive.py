import asyncio
import gzip
import secrets

import boto3
import pytest
from sqlalchemy import create_engine, delete, select, update

from credit_contract.decision import ChainHead, DecisionRecord, GivenReason, Provenance, StoredDecision, row_hash
from drift_monitor.archive import Archive
from drift_monitor.cli import main
from scoring_api.journal import Entry
from scoring_api.journal.database import DatabaseJournal
from scoring_api.journal.tables import chain_heads, decisions

VALUES = {"income": 12.5, "job": "nurse"}


def entry(pd):
    provenance = Provenance(
        "r", "2026-01-31T10:00:00.000001Z", "branch", "C-1", "v1", "a" * 64, "2026-01", "b" * 64, "sha256:", "d" * 40
    )
    reasons = (GivenReason("income", 0.1),)
    record = DecisionRecord(secrets.token_hex(8), provenance, pd, 612, "refer", "C", reasons, ("age",), 153)
    return Entry(record, VALUES, {"sex": "f"} if pd > 0.5 else {})


def decide(url, number):
    """One service's life: a chain of its own."""

    async def lifetime():
        journal = DatabaseJournal(url, None, 0)
        await journal.open()
        try:
            await journal.record([entry((place + 0.1) / number) for place in range(number)], None)
        finally:
            await journal.close()

    asyncio.run(lifetime())


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request, tmp_path):
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'journal.db'}"
    return request.getfixturevalue("running_cluster").make_database(f"a{secrets.token_hex(6)}")


@pytest.fixture
def journal(tmp_path, monkeypatch):
    """An engine on a journal of two services that decided three and four times, archived in `tmp_path / "archive"`."""
    url = f"sqlite:///{tmp_path / 'journal.db'}"
    monkeypatch.setenv("JOURNAL_URL", url)
    decide(url, 3)
    decide(url, 4)
    assert main(["archive", str(tmp_path / "archive")]) == 0
    return create_engine(url)


@pytest.fixture
def run(capsys, tmp_path):
    def run(command, place=tmp_path / "archive"):
        capsys.readouterr()
        code = main([command, str(place)])
        told = capsys.readouterr()
        return code, (told.out + told.err).splitlines()

    return run


def rewrite(engine, writer, since):
    """A forger with every right in the database: other decisions, and a chain of hashes that holds."""
    with engine.begin() as connection:
        rows = connection.execute(select(decisions).where(decisions.c.writer == writer).order_by(decisions.c.sequence))
        last = None
        for row in [StoredDecision(*row) for row in rows]:
            forged = row
            if row.sequence >= since:
                forged = row._replace(pd=0.01, previous_hash=last.hash if last else row.previous_hash)
                forged = forged._replace(hash=row_hash(forged[:-1]))
                connection.execute(update(decisions).where(decisions.c.id == row.id).values(forged._asdict()))
            last = forged
        connection.execute(update(chain_heads).where(chain_heads.c.writer == writer).values(hash=last.hash))


def chains(engine):
    with engine.connect() as connection:
        found = connection.execute(select(chain_heads).order_by(chain_heads.c.sequence))
        return [ChainHead(*row) for row in found]


def test_decisions_are_archived_once_and_without_applicants(url, run, tmp_path, monkeypatch):
    monkeypatch.setenv("JOURNAL_URL", url)
    decide(url, 3)
    assert run("archive") == (0, ["3 decisions of 1 writers archived, 0 breaks"])
    first = {path: path.read_bytes() for path in (tmp_path / "archive").iterdir()}
    decide(url, 4)
    code, told = run("verify")
    assert (code, told) == (0, ["7 decisions of 2 writers compared, 4 of them not archived yet, 0 breaks"])
    assert run("archive") == (0, ["4 decisions of 1 writers archived, 0 breaks"])
    assert run("archive") == (0, ["0 decisions of 0 writers archived, 0 breaks"])
    assert run("verify") == (0, ["7 decisions of 2 writers compared, 0 of them not archived yet, 0 breaks"])
    pieces = {path: path.read_bytes() for path in (tmp_path / "archive").iterdir()}
    assert len(pieces) == 2
    assert first.items() <= pieces.items()
    text = b"".join(map(gzip.decompress, pieces.values()))
    assert b'"applicant_hash"' in text
    assert b"nurse" not in text


def test_a_chain_goes_on_where_its_archive_ended(url, run, tmp_path, monkeypatch):
    monkeypatch.setenv("JOURNAL_URL", url)

    async def lifetime():
        journal = DatabaseJournal(url, None, 0)
        await journal.open()
        try:
            await journal.record([entry(0.1), entry(0.2)], None)
            assert await asyncio.to_thread(main, ["archive", str(tmp_path / "archive")]) == 0
            await journal.record([entry(0.3)], None)
        finally:
            await journal.close()

    asyncio.run(lifetime())
    assert run("archive") == (0, ["1 decisions of 1 writers archived, 0 breaks"])
    pieces = Archive(str(tmp_path / "archive")).pieces()
    assert [(piece.first, piece.head.sequence) for piece in pieces] == [(1, 2), (3, 3)]
    assert run("verify") == (0, ["3 decisions of 1 writers compared, 0 of them not archived yet, 0 breaks"])


def test_who_writes_a_chain_anew_with_fitting_hashes_is_caught(journal, run, tmp_path):
    short, long = chains(journal)
    rewrite(journal, long.writer, since=2)
    before = sorted((tmp_path / "archive").iterdir())
    code, told = run("archive")
    assert code == 1
    assert f"(writer {long.writer}, sequence 4)" in told[0]
    assert sorted((tmp_path / "archive").iterdir()) == before
    code, told = run("verify")
    assert code == 1
    assert [line.rpartition(", ")[2] for line in told[:-1]] == ["sequence 2)", "sequence 3)", "sequence 4)"]
    assert not any(short.writer in line for line in told)


def test_a_chain_that_is_gone_with_its_head_is_missed(journal, run):
    short, long = chains(journal)
    with journal.begin() as connection:
        connection.execute(delete(decisions).where(decisions.c.writer == short.writer))
        connection.execute(delete(chain_heads).where(chain_heads.c.writer == short.writer))
    for command in ("archive", "verify"):
        code, told = run(command)
        assert code == 1
        assert [line for line in told if short.writer in line]
        assert not [line for line in told if long.writer in line]


def test_a_chain_without_its_head_is_archived_all_the_same(journal, run):
    decide(journal.url.render_as_string(), 5)
    with journal.begin() as connection:
        connection.execute(delete(chain_heads))
    assert run("archive") == (0, ["5 decisions of 1 writers archived, 0 breaks"])


def test_a_decision_that_was_changed_under_its_hash_is_named(journal, run):
    _, long = chains(journal)
    second = decisions.c.writer == long.writer, decisions.c.sequence == 2
    with journal.begin() as connection:
        name = connection.scalar(select(decisions.c.id).where(*second))
        connection.execute(update(decisions).where(*second).values(pd=0.01))
    code, told = run("verify")
    assert (code, told[0].startswith(f"decision {name} is changed")) == (1, True)


def test_what_does_not_hold_is_not_archived_and_what_is_before_it_is(journal, run):
    url = journal.url.render_as_string()
    decide(url, 5)
    newest = chains(journal)[-1]
    with journal.begin() as connection:
        connection.execute(
            delete(decisions).where(decisions.c.writer == newest.writer, decisions.c.sequence.in_((3, 4)))
        )
    code, told = run("archive")
    assert code == 1
    assert told == [f"writer {newest.writer}: sequence 3 to 4 removed", "2 decisions of 1 writers archived, 1 breaks"]


@pytest.mark.usefixtures("journal")
def test_an_archive_that_is_not_what_was_written_is_named_and_never_agrees(run, tmp_path):
    piece = min((tmp_path / "archive").iterdir())
    text = gzip.decompress(piece.read_bytes())
    for forged in (text.replace(b'"refer"', b'"approve"', 1), text[: text.rindex(b"{")], b"", b"no decision\n"):
        piece.write_bytes(gzip.compress(forged))
        code, told = run("verify")
        assert code == 2
        assert piece.name in told[0]
    torn = bytearray(gzip.compress(text))
    torn[10] |= 0b110  # no kind of block that deflate has
    for broken in (text, bytes(torn)):
        piece.write_bytes(broken)
        assert run("verify")[0] == 2


@pytest.mark.usefixtures("journal", "bucket_of_ones_own")
def test_objects_of_a_locked_bucket_are_written_once(run):
    s3, name = boto3.client("s3"), f"archive-{secrets.token_hex(6)}"
    s3.create_bucket(Bucket=name, ObjectLockEnabledForBucket=True)
    rule = {"DefaultRetention": {"Mode": "COMPLIANCE", "Days": 760}}
    s3.put_object_lock_configuration(
        Bucket=name, ObjectLockConfiguration={"ObjectLockEnabled": "Enabled", "Rule": rule}
    )
    place = f"s3://{name}/decisions"
    assert run("archive", place) == (0, ["7 decisions of 2 writers archived, 0 breaks"])
    assert run("archive", place) == (0, ["0 decisions of 0 writers archived, 0 breaks"])
    assert run("verify", place)[0] == 0
    versions = s3.list_object_versions(Bucket=name)["Versions"]
    assert [one["IsLatest"] for one in versions] == [True, True]
    kept = s3.head_object(Bucket=name, Key=versions[0]["Key"], ChecksumMode="ENABLED")
    # S3 takes an object into a locked bucket only with a checksum.
    assert kept["ChecksumCRC32"]
    assert kept["ObjectLockMode"] == "COMPLIANCE"


@pytest.mark.usefixtures("journal", "bucket_of_ones_own")
def test_places_and_journals_that_cannot_be_used_are_named(run, tmp_path, monkeypatch):
    assert "gopher" in run("archive", "gopher://host/archive")[1][0]
    assert "nowhere" in run("archive", "s3://nowhere/decisions")[1][0]
    (tmp_path / "file").touch()
    assert run("archive", tmp_path / "file" / "archive")[0] == 2
    assert "the archive is empty" in run("verify", tmp_path / "slip")[1][0]
    monkeypatch.setenv("JOURNAL_URL", f"sqlite:///{tmp_path / 'none.db'}")
    assert run("archive") == (2, ["drift-monitor: the journal's SQLite file is not there"])
