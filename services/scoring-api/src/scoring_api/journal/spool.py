"""Decisions on a volume while the database is away: appended and fsynced, bounded, drained in order.

One file a process, locked while it lives; what a dead process left is adopted by the next. Lines carry a checksum, so
that a last line torn by a crash, which nobody was answered for, is told from damage. Does not know the database.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
import zlib
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

from scoring_api.errors import JournalUnavailableError
from scoring_api.journal.rows import Rows


class Spool:
    """The spool of one process in a folder shared with others'.

    Raises:
        JournalUnavailableError: what a dead process left is damaged.
        OSError: the folder cannot be written.
    """

    def __init__(self, folder: Path, process: str, limit_bytes: int) -> None:
        self._folder = folder
        self._limit = limit_bytes
        folder.mkdir(parents=True, exist_ok=True)
        self._own = _SpoolFile.create(folder / f"{process}.spool")
        self._left = [file for path in sorted(folder.glob("*.spool")) if (file := _SpoolFile.adopt(path)) is not None]
        for file in self._left:
            file.check()
        self._since = time.monotonic() - _age_s(self._left)

    @property
    def size(self) -> int:
        """Bytes that wait."""
        return sum(file.size - file.drained for file in [self._own, *self._left])

    @property
    def pending(self) -> bool:
        """Whether anything waits."""
        return self.size > 0

    @property
    def full(self) -> bool:
        """Whether the last line found no room."""
        return self._own.refused

    def lag_s(self) -> float:
        """For how long something has waited, a dead process's time included."""
        return time.monotonic() - self._since if self.pending else 0.0

    def append(self, rows: Rows) -> None:
        """Keep rows, on disk when this returns.

        Raises:
            JournalUnavailableError: the spool is full, or the volume fails.
        """
        if not self.pending:
            self._since = time.monotonic()
        self._own.append(rows.json(), self._limit - sum(file.size for file in self._left))

    def drain(self, write: Callable[[Rows], None], most: int) -> None:
        """Hand the oldest rows, about `most` decisions, to `write`, and forget them when it returns.

        Raises:
            JournalUnavailableError: a file is damaged.
        """
        file = next((file for file in [*self._left, self._own] if file.size > file.drained), self._own)
        rows, end = file.read(most)
        if rows.decisions or rows.kept_answers:
            write(rows)
        file.forget(end)
        if file is not self._own and file.size == file.drained:
            file.remove()
            self._left.remove(file)

    def close(self) -> None:
        """Let go; a file with nothing in it is removed."""
        for file in [self._own, *self._left]:
            if file.size == file.drained:
                file.remove()
            else:
                file.close()


def waiting(folder: Path) -> Iterator[Rows]:
    """What waits in every process's file, without touching it: for verification."""
    for path in sorted(folder.glob("*.spool")):
        with contextlib.suppress(FileNotFoundError), path.open("rb") as stream:
            for line in stream:
                if (content := _checked(line)) is not None:
                    yield Rows.from_json(content)


def _age_s(files: Sequence[_SpoolFile]) -> float:
    """For how long their first decision has waited; 0 where there is none."""
    made = [datetime.fromisoformat(row.decided_at) for file in files for row in file.read(1)[0].decisions[:1]]
    return max(0.0, (datetime.now(UTC) - min(made)).total_seconds()) if made else 0.0


def _checked(line: bytes) -> bytes | None:
    """The content of a whole line, or None."""
    content = line[9:-1]
    return content if line.endswith(b"\n") and line[:8] == b"%08x" % zlib.crc32(content) else None


class _SpoolFile:
    """One locked file: lines before `drained` are in the database."""

    def __init__(self, path: Path, descriptor: int) -> None:
        self._path = path
        self._descriptor = descriptor
        self.size = os.fstat(descriptor).st_size
        self.drained = 0
        self.refused = False

    @classmethod
    def create(cls, path: Path) -> _SpoolFile:
        """A new file, locked before others can see it."""
        hidden = path.with_suffix(".new")
        descriptor = os.open(hidden, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_EXCL, 0o600)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        hidden.rename(path)
        _sync_folder(path.parent)
        return cls(path, descriptor)

    @classmethod
    def adopt(cls, path: Path) -> _SpoolFile | None:
        """The file, unless its process lives."""
        with contextlib.suppress(FileNotFoundError):
            descriptor = os.open(path, os.O_RDWR | os.O_APPEND)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(descriptor)
            else:
                return cls(path, descriptor)
        return None

    def append(self, content: bytes, limit: int) -> None:
        """Add a line; nothing of it stays when that fails."""
        line = b"%08x %b\n" % (zlib.crc32(content), content)
        self.refused = self.size + len(line) > limit
        if self.refused:
            raise JournalUnavailableError("the database is away and the spool is full")
        try:
            if os.write(self._descriptor, line) != len(line):
                raise OSError
            os.fsync(self._descriptor)
        except OSError:
            self.refused = True
            os.ftruncate(self._descriptor, self.size)
            raise JournalUnavailableError("the database is away and the spool's volume fails") from None
        self.size += len(line)

    def check(self) -> None:
        """Raise JournalUnavailableError if it is damaged."""
        with self._path.open("rb") as stream:
            end = 0
            for line in stream:
                if _checked(line) is None and end + len(line) < self.size:
                    raise self._damage(end)
                end += len(line)

    def read(self, most: int) -> tuple[Rows, int]:
        """Rows after the drained ones, and where they end."""
        rows, end = Rows.empty(), self.drained
        with self._path.open("rb") as stream:
            stream.seek(end)
            while len(rows.decisions) < most and (line := stream.readline()):
                content = _checked(line)
                if content is None:
                    if end + len(line) < self.size:
                        raise self._damage(end)
                    return rows, self.size
                rows.extend(Rows.from_json(content))
                end += len(line)
        return rows, end

    def _damage(self, at: int) -> JournalUnavailableError:
        return JournalUnavailableError(
            f"spool file {self._path.name} is damaged at byte {at}; move it away and restart"
        )

    def forget(self, end: int) -> None:
        """Everything before `end` is in the database."""
        self.drained = end
        if self.drained == self.size:
            os.ftruncate(self._descriptor, 0)
            self.size = self.drained = 0
            self.refused = False

    def remove(self) -> None:
        self._path.unlink(missing_ok=True)
        self.close()

    def close(self) -> None:
        os.close(self._descriptor)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
