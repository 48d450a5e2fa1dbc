import asyncio
import math
import struct

import pytest

from scoring_api.errors import ConflictError, InternalError, InvalidRequestError, JournalUnavailableError
from scoring_api.journal import Kept, reading
from scoring_api.journal.engine import open_engine
from scoring_api.journal.verify import Verification

NOWHERE = "postgresql://journal@127.0.0.1:1/none"


def test_a_recorded_decision_is_there_after_a_restart(using, url, entry):
    using(lambda journal: journal.record([entry("d1"), entry("d2", monitoring={"age": 50})], None), url)
    found = using(lambda journal: journal.find("d2"), url)
    assert found["decision"] == "refer"
    assert found["reasons"] == [{"field": "income", "contribution": 0.125}]
    assert found["applicant"] == {"income": 12.5, "job": "nurse", "debts": None}
    assert (found["reference"], found["outcome"], found["decided_at"]) == ("C-1", None, "2026-01-31T10:00:00.000001Z")
    assert "attributes" not in found
    assert "age" not in found["applicant"]


def test_what_was_asked_as_the_journal_closed_is_recorded(using, url, entry):
    asked = []

    async def work(journal):
        asked.extend(asyncio.ensure_future(journal.record([entry(f"d{number}")], None)) for number in range(100))
        await asyncio.sleep(0)

    async def found(journal):
        return [await journal.find(f"d{number}") for number in range(100)]

    using(work, url)
    assert [one.done() and one.exception() for one in asked] == [None] * 100
    assert all(using(found, url))


def test_nothing_is_found_under_an_unknown_id(using, url):
    assert using(lambda journal: journal.find("d0"), url) is None


@pytest.mark.parametrize("pd", [0.0, 5e-324, 0.1 + 0.2, math.nextafter(0.5, 1), 0.12345678806304932, 1.0])
def test_a_pd_keeps_every_bit(using, url, entry, pd):
    async def work(journal):
        await journal.record([entry("d1", pd=pd)], None)
        return await journal.find("d1")

    assert struct.pack("<d", using(work, url)["pd"]) == struct.pack("<d", pd)


def test_an_answer_is_kept_under_its_callers_key(using, url, entry):
    kept = Kept("branch", "k", "h", '{"name":"Zoë"}'.encode())

    async def work(journal):
        await journal.record([entry()], kept)
        return await journal.kept("branch", "k"), await journal.kept("other", "k"), await journal.kept("branch", "K")

    assert using(work, url) == (kept, None, None)


@pytest.mark.parametrize("answer", [bytes(range(256)), b"\0", b""])
def test_an_answer_that_is_no_text_is_kept_byte_for_byte(using, url, entry, answer):
    kept = Kept("branch", "k", "h", answer)

    async def work(journal):
        await journal.record([entry()], kept)
        return await journal.kept("branch", "k")

    assert using(work, url) == kept


def test_of_requests_with_one_key_one_is_recorded_whoever_asks(using, url, entry):
    async def work(journal):
        async def rival(other):
            asked = [
                one.record([entry(f"d{number}-{name}")], Kept("branch", f"k{number}", "h", name.encode()))
                for number in range(20)
                for name, one in (("mine", journal), ("again", journal), ("theirs", other))
            ]
            told = await asyncio.gather(*asked, return_exceptions=True)
            ids = [f"d{number}-{name}" for number in range(20) for name in ("mine", "again", "theirs")]
            there = [await journal.find(name) is not None for name in ids]
            answers = [(await journal.kept("branch", f"k{number}")).answer.decode() for number in range(20)]
            return told, there, answers

        return await asyncio.to_thread(using, rival, url)

    told, there, answers = using(work, url)
    assert [error is None for error in told] == there
    assert {type(error) for error in told} == {type(None), ConflictError}
    assert sum(there) == 20
    assert all(there[3 * number + ("mine", "again", "theirs").index(name)] for number, name in enumerate(answers))


def test_requests_at_once_share_one_chain_without_gaps(using, url, entry):
    async def work(journal):
        await asyncio.gather(*(journal.record([entry(), entry()], None) for _ in range(300)))

    using(work, url)
    with open_engine(url).connect() as connection:
        (head,) = reading.heads(connection)
        rows = [row for row, _, _ in reading.chain(connection, head.writer)]
    assert [row.sequence for row in rows] == list(range(1, 601))
    assert (head.sequence, head.hash) == (600, rows[-1].hash)


def test_who_gives_up_while_others_are_recorded_holds_nobody_up(using, url, entry):
    async def work(journal):
        for number in range(5):
            first = [journal.record([entry(f"a{number}{one}")], None) for one in range(8)]
            gone = [journal.record([entry()], None) for _ in range(4)]
            for future in (first[0], *gone):
                future.cancel()
            await asyncio.gather(*first[1:])
            await journal.record([entry(f"b{number}")], None)
        return [await journal.find(f"a{number}{one}") is not None for number in range(5) for one in range(1, 8)]

    assert all(using(work, url))


def test_what_waits_for_others_when_the_journal_closes_is_kept(using, url, entry):
    waiting = []

    async def work(journal):
        await asyncio.gather(*(journal.record([entry()], None) for _ in range(8)))
        waiting.extend(journal.record([entry(f"late{number}")], None) for number in range(3))

    using(work, url)
    assert [future.exception() for future in waiting] == [None] * 3
    found = using(lambda journal: asyncio.gather(*(journal.find(f"late{number}") for number in range(3))), url)
    assert all(one is not None for one in found)


@pytest.mark.parametrize(
    ("bad", "answer"), [({"values": {"income": object()}}, b"{}"), ({"pd": math.nan}, b"{}"), ({}, b"\xff")]
)
def test_one_request_that_cannot_be_recorded_takes_no_other_down(using, url, volume, entry, bad, answer):
    async def work(journal):
        def record(number):
            if number == 5:
                return journal.record([entry("d5", **bad)], Kept("branch", "k", "h", answer))
            return journal.record([entry(f"d{number}")], None)

        told = await asyncio.gather(*map(record, range(10)), return_exceptions=True)
        await journal.record([entry("later")], None)
        return [type(error) for error in told], [await journal.find(f"d{number}") is not None for number in range(10)]

    told, there = using(work, url, volume)
    assert told == [InternalError if number == 5 else type(None) for number in range(10)]
    assert there == [number != 5 for number in range(10)]
    with open_engine(url).connect() as connection:
        assert list(Verification(connection, volume)) == []


def test_a_reference_that_postgresql_cannot_hold_is_refused(using, url, entry):
    with pytest.raises(InvalidRequestError, match="NUL"):
        using(lambda journal: journal.record([entry(reference="C\0")], None), url)


def test_without_database_and_volume_nothing_is_taken_and_the_reason_is_told(using, entry):
    async def work(journal):
        assert "away" in journal.fault()
        with pytest.raises(JournalUnavailableError, match="no volume") as caught:
            await journal.record([entry()], None)
        for question in (journal.find("d"), journal.kept("branch", "k"), journal.add_outcomes([])):
            with pytest.raises(JournalUnavailableError):
                await question
        return caught.value.headers

    assert using(work, NOWHERE) == {"Retry-After": "1"}


def test_a_decision_that_waits_in_the_spool_is_found(using, entry, volume):
    async def work(journal):
        await journal.record([entry("d1"), entry("d2")], None)
        found = await journal.find("d2")
        with pytest.raises(JournalUnavailableError):
            await journal.find("d3")
        return found

    found = using(work, NOWHERE, volume)
    assert (found["id"], found["applicant"]["income"], found["outcome"]) == ("d2", 12.5, None)
    assert found["reasons"] == [{"field": "income", "contribution": 0.125}]


def test_a_closed_journal_takes_nothing(using, url, entry):
    async def work(journal):
        await journal.close()
        with pytest.raises(JournalUnavailableError):
            await journal.record([entry()], None)
        return journal.fault()

    assert using(work, url) == "the journal is not open"
