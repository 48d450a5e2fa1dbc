import asyncio
import contextlib
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select, text

from scoring_api.errors import JournalUnavailableError
from scoring_api.journal import Kept
from scoring_api.journal.engine import open_engine
from scoring_api.journal.tables import decisions, written
from scoring_api.journal.verify import Verification

LOAD = Path(__file__).with_name("load.py")


@contextlib.contextmanager
def loading(*arguments: object) -> Iterator[subprocess.Popen[bytes]]:
    """The load process; what it prints stays readable after it was killed."""
    with subprocess.Popen([sys.executable, LOAD, *map(str, arguments)], stdout=subprocess.PIPE) as process:
        try:
            yield process
        finally:
            process.kill()


def answered(process, count=None):
    """Ids of answered decisions: the next `count`, or all until the end. A line torn by the kill was not read."""
    lines = iter(process.stdout.readline, b"")
    return {
        line.decode().strip() for line, _ in zip(lines, range(count or sys.maxsize), strict=False) if line[-1:] == b"\n"
    }


def recorded(url):
    with open_engine(url).connect() as connection:
        return list(connection.scalars(select(decisions.c.id)))


def drained(process, url, ids):
    """What was answered until the spool's decisions were in the database, while more are made."""
    for _ in range(1_000):
        if ids <= set(recorded(url)):
            return ids
        ids |= answered(process, 300)
    return pytest.fail("the spool was not drained")


def holds(url, volume):
    with open_engine(url).connect() as connection:
        return list(Verification(connection, volume)) == []


def test_nothing_answered_is_lost_when_the_database_is_killed(cluster, volume, using):
    with loading(cluster.url(), volume) as process:
        ids = answered(process, 900)
        cluster.kill()
        ids |= answered(process, 900)  # from the spool
        cluster.start()
        ids = drained(process, cluster.url(), ids)
        process.kill()
        ids |= answered(process)
    using(_nothing, cluster.url(), volume)
    kept = recorded(cluster.url())
    assert ids <= set(kept)
    assert len(kept) == len(set(kept))
    assert holds(cluster.url(), volume)


def test_nothing_answered_is_lost_without_a_volume_either(cluster):
    with loading(cluster.url()) as process:
        ids = answered(process, 900)
        cluster.kill()
        cluster.start()
        ids |= answered(process, 900)
        process.kill()
        ids |= answered(process)
    kept = recorded(cluster.url())
    assert ids <= set(kept)
    assert len(kept) == len(set(kept))
    assert holds(cluster.url(), None)


def test_nothing_answered_is_lost_when_both_are_killed(cluster, volume, using):
    with loading(cluster.url(), volume) as process:
        ids = answered(process, 900)
        cluster.kill()
        ids |= answered(process, 900)
        process.kill()
        ids |= answered(process)
    cluster.start()
    assert not ids <= set(recorded(cluster.url()))
    using(_nothing, cluster.url(), volume)
    kept = recorded(cluster.url())
    assert ids <= set(kept)
    assert len(kept) == len(set(kept))
    assert holds(cluster.url(), volume)
    assert list(volume.glob("*.spool")) == []


def test_a_database_that_no_longer_answers_counts_as_away(cluster, volume):
    with loading(cluster.url(), volume) as process:
        answered(process, 300)
        cluster.signal(signal.SIGSTOP)
        ids = answered(process, 900)
        cluster.signal(signal.SIGCONT)
        drained(process, cluster.url(), ids)
    assert holds(cluster.url(), volume)


def test_a_database_that_only_reads_counts_as_away(running_cluster, using):
    url = running_cluster.make_database("standby")
    using(_nothing, url)
    with open_engine(url).begin() as connection:
        connection.execute(text("alter database standby set default_transaction_read_only = on"))

    async def told(journal):
        return journal.fault()

    assert "away" in using(told, url)


def test_while_the_database_is_away_decisions_wait_in_order_and_count_as_recorded(
    cluster, volume, using, entry, caplog
):
    cluster.stop()

    async def away(journal):
        for number in range(30):
            await journal.record([entry(f"d{number}")], None)
        assert journal.fault() is None
        assert journal.spool_bytes() > 0
        assert journal.lag_s() > 0
        with pytest.raises(JournalUnavailableError):
            await journal.record([entry()], Kept("branch", "k", "h", b"{}"))

    using(away, cluster.url(), volume)
    assert "decisions stay in the spool" in caplog.text
    cluster.start()
    using(_nothing, cluster.url(), volume)
    with open_engine(cluster.url()).connect() as connection:
        assert list(connection.scalars(select(decisions.c.id).order_by(decisions.c.sequence))) == [
            f"d{number}" for number in range(30)
        ]
    assert holds(cluster.url(), volume)


NOWHERE = "postgresql://journal@127.0.0.1:1/none"


def test_what_a_dead_process_left_has_waited_since_it_was_decided(volume, using, entry):
    for hours in (1, 2, 1):
        old = entry(time=written(datetime.now(UTC) - timedelta(hours=hours)))
        using(lambda journal, old=old: journal.record([old], None), NOWHERE, volume)

    async def lag(journal):
        return journal.lag_s()

    assert using(lag, NOWHERE, volume) >= 7_200


def test_a_full_spool_refuses_and_keeps_what_it_has(volume, using, entry, url):
    async def fill(journal):
        taken = 0
        with contextlib.suppress(JournalUnavailableError):
            while True:
                await journal.record([entry(f"d{taken}")], None)
                taken += 1
        assert "full" in journal.fault()
        assert journal.spool_bytes() <= 10_000
        return taken

    taken = using(fill, NOWHERE, volume, room=10_000)
    assert taken > 3
    using(_nothing, url, volume)
    assert sorted(recorded(url)) == sorted(f"d{number}" for number in range(taken))


def test_a_line_torn_by_a_crash_is_left_out(volume, using, entry, url):
    using(lambda journal: journal.record([entry("d1")], None), NOWHERE, volume)
    (file,) = volume.glob("*.spool")
    whole = file.read_bytes()
    file.write_bytes(whole + whole[: len(whole) // 2])
    using(_nothing, url, volume)
    assert recorded(url) == ["d1"]
    assert list(volume.glob("*.spool")) == []


def test_a_damaged_spool_is_named_and_nothing_is_answered_until_it_is_looked_at(volume, using, entry, url):
    async def two(journal):
        await journal.record([entry("d1")], None)
        await journal.record([entry("d2")], None)

    using(two, NOWHERE, volume)
    (file,) = volume.glob("*.spool")
    file.write_bytes(file.read_bytes().replace(b'"d1"', b'"dX"', 1))

    async def refused(journal):
        with pytest.raises(JournalUnavailableError, match="damaged at byte 0"):
            await journal.record([entry()], None)
        return journal.fault()

    assert f"spool file {file.name} is damaged at byte 0" in using(refused, url, volume)
    assert file.exists()


def test_a_volume_that_cannot_be_used_is_named(volume, using, url):
    volume.write_text("a file, not a folder")

    async def told(journal):
        return journal.fault()

    assert str(volume) in using(told, url, volume)


def test_the_spool_of_a_living_process_is_left_to_it(volume, using, entry, url):
    async def work(journal):
        await journal.record([entry("d1")], None)
        await asyncio.to_thread(using, _nothing, url, volume)
        return journal.spool_bytes()

    assert using(work, NOWHERE, volume) > 0
    assert recorded(url) == []


async def _nothing(journal):
    assert journal.fault() is None
