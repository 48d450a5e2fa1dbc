from __future__ import annotations

import asyncio
import secrets

import pytest

from credit_contract.decision import DecisionRecord, GivenReason, Provenance
from scoring_api.journal import Entry
from scoring_api.journal.database import DatabaseJournal

from .postgres import Cluster

ROOM = 1 << 20


@pytest.fixture
def cluster():
    """One to be killed."""
    cluster = Cluster.create()
    cluster.start()
    yield cluster
    cluster.remove()


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request, tmp_path):
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'journal.db'}"
    return request.getfixturevalue("running_cluster").make_database(f"t{secrets.token_hex(6)}")


@pytest.fixture
def volume(tmp_path):
    return tmp_path / "volume"


@pytest.fixture
def using():
    """Run a coroutine function with an open journal."""

    def run(work, url, volume=None, room=ROOM):
        async def lifetime():
            journal = DatabaseJournal(url, volume, room)
            await journal.open()
            try:
                return await work(journal)
            finally:
                await journal.close()

        return asyncio.run(lifetime())

    return run


@pytest.fixture
def entry():
    """Make one decision of one applicant."""

    def make(
        decision_id=None, pd=0.25, values=None, monitoring=None, time="2026-01-31T10:00:00.000001Z", reference="C-1"
    ):
        name = decision_id or secrets.token_hex(8)
        provenance = Provenance(
            f"r-{name}", time, "branch", reference, "v1", "a" * 64, "2026-01", "b" * 64, "sha256:" + "c" * 64, "d" * 40
        )
        reasons = (GivenReason("income", 0.125),)
        record = DecisionRecord(name, provenance, pd, 612, "refer", "C", reasons, ("age",), 153)
        return Entry(record, values or {"income": 12.5, "job": "nurse", "debts": None}, monitoring or {})

    return make
