import sqlite3

import pytest

from scoring_api.cli import main
from scoring_api.logs import JsonFormatter

from .test_shadow import until


@pytest.fixture
def scored(serve, bundle, tmp_path, monkeypatch):
    """Ids of three decisions of a running service, and the settings that find its journal."""
    file, volume = tmp_path / "journal.sqlite", tmp_path / "volume"
    monkeypatch.delenv("JOURNAL_URL", raising=False)
    client = serve(journal={"file": file, "volume": volume})
    applicants = [dict(applicant) for applicant in bundle.golden.applicants[:3]]
    results = client.post("/v1/score", json=applicants).json()["results"]
    return [one["id"] for one in results], [f"journal.file={file}", f"journal.volume={volume}"], file


def run(capsys, *arguments):
    with pytest.raises(SystemExit) as ended:
        main([*arguments])
    told = capsys.readouterr()
    return ended.value.code, (told.out + told.err).strip()


def test_a_service_that_was_not_tampered_with_verifies_and_replays_to_the_bit(scored, bundle, capsys):
    ids, where, file = scored
    until(lambda: list((file.parent / "volume").glob("*.head")))
    told = "3 decisions of 1 writers read, 0 heads in the log, 1 on the volume, 0 breaks"
    assert run(capsys, "verify", *where) == (0, told)
    for name in ids:
        code, told = run(capsys, "replay", name, f"bundle={bundle.path}", *where)
        assert (code, told.endswith("bit-equal")) == (0, True)


def test_a_changed_decision_is_named_by_both_commands(scored, bundle, capsys):
    ids, where, file = scored
    with sqlite3.connect(file) as database:
        database.execute("update decisions set pd = pd / 2 where id = ?", [ids[1]])
    code, told = run(capsys, "verify", *where)
    assert code == 1
    assert told.startswith(f"decision {ids[1]} is changed")
    code, told = run(capsys, "replay", ids[1], f"bundle={bundle.path}", *where)
    assert code == 1
    assert "PD differs" in told


# As of `docker compose logs`, and of `kubectl logs` with --prefix and with --timestamps.
@pytest.mark.parametrize("front", ["", "api-1  | ", "[pod/scoring-api-0/scoring-api] ", "2026-11-22T05:00:00.1Z "])
def test_a_tail_that_was_cut_with_every_head_shows_by_the_log(
    serve, bundle, tmp_path, monkeypatch, capsys, caplog, front
):
    monkeypatch.delenv("JOURNAL_URL", raising=False)
    file, log = tmp_path / "journal.sqlite", tmp_path / "log"
    with caplog.at_level("INFO", "scoring_api"):
        serve(journal={"file": file}).post("/v1/score", json=bundle.golden.applicants[:3])
        until(lambda: any(record.getMessage() == "chain head" for record in caplog.records))
    lines = map(JsonFormatter().format, caplog.records)
    log.write_text("".join(f"{front}{line}\n" for line in ("no line of ours", "{", *lines)))
    with sqlite3.connect(file) as database:
        database.execute("delete from decisions where sequence > 2")
        database.execute("delete from chain_heads")
    assert run(capsys, "verify", f"journal.file={file}")[0] == 0
    code, told = run(capsys, "verify", "--log", str(log), f"journal.file={file}")
    assert (code, "cut" in told, "1 heads in the log" in told) == (1, True, True)


def test_a_witness_that_has_nothing_to_say_is_named(scored, tmp_path, capsys):
    _, where, _ = scored
    silent = tmp_path / "log"
    silent.write_text('api-1  | {"event": "ready"}\n')
    for wrong, words in (
        (["--log", str(tmp_path / "absent"), *where], "No such file"),
        (["--log", str(silent), *where], 'holds no "chain head"'),
        ([*where, f"journal.volume={tmp_path / 'elsewhere'}"], "is no folder"),
    ):
        code, told = run(capsys, "verify", *wrong)
        assert (code, words in told) == (2, True), told


def test_after_retention_the_chain_verifies_and_a_replay_says_why_it_cannot(scored, bundle, capsys):
    ids, where, file = scored
    assert run(capsys, "retention", "--before", "2020-01-01", *where) == (
        0,
        "values of 0 applicants decided before 2020-01-01 deleted",
    )
    assert run(capsys, "verify", *where)[0] == 0
    assert run(capsys, "retention", "--before", "2999-01-01", *where)[0] == 2
    with sqlite3.connect(file) as database:
        database.execute("delete from applicants")
    code, told = run(capsys, "replay", ids[0], f"bundle={bundle.path}", *where)
    assert (code, "deleted" in told) == (2, True)


def test_migrate_says_what_it_did(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("JOURNAL_URL", f"sqlite:///{tmp_path / 'new.db'}")
    assert run(capsys, "migrate") == (0, "the journal's tables are now of revision 0002")
    assert run(capsys, "migrate") == (0, "the journal's tables are already of revision 0002")


def test_a_journal_that_is_away_is_one_line(capsys, monkeypatch):
    monkeypatch.setenv("JOURNAL_URL", "postgresql://u:secret@127.0.0.1:1/none")
    code, told = run(capsys, "verify")
    assert code == 2
    assert "check JOURNAL_URL" in told
    assert "secret" not in told
