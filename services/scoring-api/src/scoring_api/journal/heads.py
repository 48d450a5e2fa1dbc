"""Chain heads in files beside the database: who cuts the table's tail cannot reach them there. Knows no database."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import orjson

from credit_contract.decision import ChainHead
from scoring_api.errors import SettingsError


def save(folder: Path, head: ChainHead) -> None:
    """Write a head durably in the place of the writer's last one."""
    path = folder / f"{head.writer}.head"
    aside = path.with_suffix(".tmp")
    with aside.open("wb") as stream:
        stream.write(orjson.dumps(head._asdict()) + b"\n")
        stream.flush()
        os.fsync(stream.fileno())
    aside.rename(path)


def load(folder: Path) -> Iterator[ChainHead]:
    """Every writer's head.

    Raises:
        SettingsError: a file is no head.
    """
    for path in sorted(folder.glob("*.head")):
        try:
            yield ChainHead(**orjson.loads(path.read_bytes()))
        except (ValueError, TypeError):
            raise SettingsError(f"{path}: is no chain head; restore it or move it away") from None
