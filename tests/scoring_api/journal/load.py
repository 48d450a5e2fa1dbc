"""A process that records decisions as fast as it can and prints the id of each that it may answer. To be killed."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

from credit_contract.decision import DecisionRecord, Provenance
from scoring_api.errors import JournalUnavailableError
from scoring_api.journal import Entry
from scoring_api.journal.database import DatabaseJournal

CLIENTS = 16


async def load(url: str, volume: Path | None) -> None:
    journal = DatabaseJournal(url, volume, 1 << 26)
    await journal.open()

    async def client(name: str) -> None:
        number = 0
        while True:
            number += 1
            request = f"{os.getpid()}-{name}-{number}"
            provenance = Provenance(request, "2026-01-31T10:00:00.000001Z", "load", None, "v1", "a", "1", "b", "c", "d")
            entries = [
                Entry(
                    DecisionRecord(f"{request}-{row}", provenance, 0.25, 600, "refer", "C", (), (), 1), {"x": row}, {}
                )
                for row in range(3)
            ]
            try:
                await journal.record(entries, None)
            except JournalUnavailableError:
                await asyncio.sleep(0.01)
            else:
                os.write(1, b"".join(b"%b\n" % entry.record.id.encode() for entry in entries))

    await asyncio.gather(*(client(str(number)) for number in range(CLIENTS)))


if __name__ == "__main__":
    asyncio.run(load(sys.argv[1], Path(sys.argv[2]) if len(sys.argv) > 2 else None))
