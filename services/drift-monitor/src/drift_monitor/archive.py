"""The decision archive: rows of the journal's chains in a place where who holds the database cannot change them.

A folder, or S3 by URL, of objects that are written once: gzipped JSON lines, a row of `decisions` each. Names say
the chain, its sequences and the hash of the last, so that a list tells how far each is archived. Knows no database.
"""

from __future__ import annotations

import gzip
import json
import os
import re
import tempfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote, unquote

import fsspec

from credit_contract.decision import ChainHead, StoredDecision, row_hash
from drift_monitor.errors import ArchiveError, SettingsError
from drift_monitor.place import entries, reaching

NAME = re.compile(r"(?P<writer>.+)\.(?P<first>\d{12})-(?P<last>\d{12})-(?P<hash>[0-9a-f]{64})\.jsonl\.gz")


class Piece(NamedTuple):
    """One object: a chain's rows from `first` on, and the chain's head after them."""

    name: str
    first: int
    head: ChainHead


class Archive:
    """An archive under one folder or URL.

    Raises:
        SettingsError: the URL is of no known kind.
        ArchiveError: from every method, when the place cannot be read or written.
    """

    def __init__(self, url: str) -> None:
        self._place = f"archive {url}"
        try:
            self._files, self._root = fsspec.core.url_to_fs(url)
        except (ImportError, ValueError) as error:
            raise SettingsError(f"{self._place}: {error}") from None

    def pieces(self) -> list[Piece]:
        """Everything that was archived, by the names alone; what has another name is not the archive's."""
        with reaching(self._place, "cannot be listed", ArchiveError):
            paths = entries(self._files, self._root, detail=False)
        names = sorted(path.rsplit("/", 1)[-1] for path in paths)
        return [_piece(found) for name in names if (found := NAME.fullmatch(name))]

    def append(self, rows: Sequence[StoredDecision]) -> None:
        """Archive rows that follow each other in one chain. What is there already stays as it is."""
        last = rows[-1]
        name = f"{quote(last.writer, safe='')}.{rows[0].sequence:012}-{last.sequence:012}-{last.hash}.jsonl.gz"
        lines = "".join(f"{json.dumps(row._asdict())}\n" for row in rows)
        with reaching(self._place, f"{name} cannot be written", ArchiveError), suppress(FileExistsError):
            self._put(f"{self._root}/{name}", gzip.compress(lines.encode(), mtime=0))

    def rows(self, piece: Piece) -> Iterator[StoredDecision]:
        """What an object holds, each row as it was archived.

        Raises:
            ArchiveError: it is not what its name says.
        """
        last: ChainHead | None = None
        for row in self._read(piece.name):
            last = last or ChainHead(piece.head.writer, piece.first - 1, row.previous_hash)
            if not follows(row, last):
                raise ArchiveError(f"{self._place}: {piece.name} is not what was written, at sequence {row.sequence}")
            last = ChainHead(row.writer, row.sequence, row.hash)
            yield row
        if last != piece.head:
            raise ArchiveError(f"{self._place}: {piece.name} does not end as its name says")

    def _put(self, path: str, content: bytes) -> None:
        """Whole or not at all, and never over what is there: S3 itself refuses that, as a link does in a folder."""
        if "file" not in self._files.protocol:
            self._files.pipe_file(path, content, mode="create")
            return
        Path(self._root).mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=self._root, prefix=".") as aside:
            aside.write(content)
            aside.flush()
            os.fsync(aside.fileno())
            Path(aside.name).chmod(0o644)
            os.link(aside.name, path)

    def _read(self, name: str) -> list[StoredDecision]:
        with reaching(self._place, f"{name} cannot be read", ArchiveError):
            content = self._files.cat_file(f"{self._root}/{name}")
        try:
            return [StoredDecision(**json.loads(line)) for line in gzip.decompress(content).splitlines()]
        except (gzip.BadGzipFile, zlib.error, EOFError, ValueError, TypeError):
            raise ArchiveError(f"{self._place}: {name} holds no decisions") from None


def follows(row: StoredDecision, last: ChainHead) -> bool:
    """Whether a row is the next one of the chain that reached `last`, and unchanged."""
    after = (row.writer, row.sequence, row.previous_hash) == (last.writer, last.sequence + 1, last.hash)
    return after and row_hash(row[:-1]) == row.hash


def _piece(found: re.Match[str]) -> Piece:
    head = ChainHead(unquote(found["writer"]), int(found["last"]), found["hash"])
    return Piece(found.string, int(found["first"]), head)
