"""Chain heads outside the database: on the volume and in the log, where who cuts the table's tail cannot reach them.

Knows no database.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import orjson

from credit_contract.decision import ChainHead
from scoring_api.errors import SettingsError
from scoring_api.logs import log

ON_VOLUME_S = 1.0
IN_LOG_S = 60.0
EVENT = "chain head"


class Checkpoints:
    """Keeps one writer's head in every place, now and then. Used by one thread."""

    def __init__(self, volume: Path | None) -> None:
        self._places = [_Place(IN_LOG_S, tell)]
        if volume is not None:
            self._places.append(_Place(ON_VOLUME_S, partial(save, volume)))

    def keep(self, head: ChainHead, *, now: bool = False) -> None:
        """Where it is due, or everywhere `now`."""
        for place in self._places:
            if place.lacks(head) and (now or time.monotonic() >= place.next_at):
                place.next_at = time.monotonic() + place.every_s
                with contextlib.suppress(OSError):  # the next one will do, and the table has the head too
                    place.keep(head)
                    place.kept = head

    def due_s(self, head: ChainHead) -> float | None:
        """Seconds until there is something to keep."""
        waits = [place.next_at - time.monotonic() for place in self._places if place.lacks(head)]
        return max(0.0, min(waits)) if waits else None


@dataclass
class _Place:
    every_s: float
    keep: Callable[[ChainHead], None]
    next_at: float = 0.0
    kept: ChainHead | None = None

    def lacks(self, head: ChainHead) -> bool:
        return head.sequence > 0 and head != self.kept


def tell(head: ChainHead) -> None:
    """Log a head; it holds nothing of an applicant."""
    log.info(EVENT, extra={"fields": head._asdict()})


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
    """Every writer's head on a volume.

    Raises:
        SettingsError: there is no such folder, or a file is no head.
    """
    if not folder.is_dir():
        raise SettingsError(f"journal.volume {folder}: is no folder; name the service's volume, or none")
    for path in sorted(folder.glob("*.head")):
        try:
            yield ChainHead(**orjson.loads(path.read_bytes()))
        except (ValueError, TypeError):
            raise SettingsError(f"{path}: is no chain head; restore it or move it away") from None


def told(file: Path) -> list[ChainHead]:
    """Every head in a log, whatever its collector wrote in front of a line; lines that are none are passed over.

    Raises:
        SettingsError: the file cannot be read, or there is none in it.
    """
    found = []
    try:
        with file.open("rb") as lines:
            for line in lines:
                with contextlib.suppress(ValueError, KeyError, TypeError):
                    entry = orjson.loads(line[line.index(b"{") :])
                    if entry["event"] == EVENT:
                        found.append(ChainHead(entry["writer"], entry["sequence"], entry["hash"]))
    except OSError as error:
        raise SettingsError(f"log {file}: {error.strerror}") from None
    if not found:
        raise SettingsError(f'log {file}: holds no "{EVENT}"; take a log of the service at log_level info')
    return found
