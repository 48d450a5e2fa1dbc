"""Archives the journal's chains, and compares the two. What differs is told, never put right.

Either is iterated to do it, and gives each place where the journal is not what was archived.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from credit_contract.decision import Break, ChainHead, StoredDecision, breaks, row_hash
from drift_monitor.archive import Archive, Piece, follows
from drift_monitor.chains import Chains
from drift_monitor.errors import ArchiveError

MOST_IN_A_PIECE = 10_000


class Archiving:
    """Adds what is new, and nothing to a chain that is no longer what was archived.

    `decisions` and `writers` count what was added. A chain is looked at from its last archived row on only, so that a
    run is cheap; `Comparison` looks at all of it.
    """

    def __init__(self, chains: Chains, archive: Archive) -> None:
        self._chains, self._archive = chains, archive
        self.decisions = 0
        self.writers = 0

    def __iter__(self) -> Iterator[Break]:
        archived: dict[str, ChainHead] = {}
        for _, _, head in self._archive.pieces():
            archived[head.writer] = max(head, archived.get(head.writer, head))
        reached = self._chains.heads()
        for writer in sorted({*archived, *reached}):
            start = ChainHead(writer)
            yield from self._continue(archived.get(writer, start), reached.get(writer, start))

    def __str__(self) -> str:
        return f"{self.decisions} decisions of {self.writers} writers archived"

    def _continue(self, last: ChainHead, reached: ChainHead) -> Iterator[Break]:
        rows = self._chains.rows(last.writer, max(last.sequence, 1))
        if last.sequence and (fault := _unlike(last, next(rows, None))):
            yield fault
            return
        before, new = self.decisions, list[StoredDecision]()
        for row in rows:
            if not follows(row, last):
                yield _gap(last, row) or Break(*row[1:3], row.sequence, row.id, "changed")
                break
            new.append(row)
            last = ChainHead(row.writer, row.sequence, row.hash)
            if len(new) == MOST_IN_A_PIECE:
                self._add(new)
                new = []
        else:
            if last.sequence < reached.sequence:
                yield Break(last.writer, last.sequence + 1, reached.sequence, None, "cut")
        if new:
            self._add(new)
        self.writers += self.decisions > before

    def _add(self, rows: list[StoredDecision]) -> None:
        self._archive.append(rows)
        self.decisions += len(rows)


class Comparison:
    """Compares every decision with the archive; reads both as a whole.

    `decisions` and `writers` count the journal's; `waiting` are those decisions that are not archived yet.
    """

    def __init__(self, chains: Chains, archive: Archive) -> None:
        self._chains, self._archive = chains, archive
        self.decisions = 0
        self.writers = 0
        self.waiting = 0

    def __iter__(self) -> Iterator[Break]:
        pieces = defaultdict[str, list[Piece]](list)
        for piece in self._archive.pieces():
            pieces[piece.head.writer].append(piece)
        reached = self._chains.heads()
        if reached and not pieces:
            raise ArchiveError("the archive is empty: look for a slip in its address, or `archive` first")
        for writer in sorted({*pieces, *reached}):
            archived = self._archived(pieces[writer])
            told = [ChainHead(writer, *told) for told in archived.items()]
            rows = self._counted(writer, max(archived, default=0))
            yield from breaks(writer, rows, [reached.get(writer, ChainHead(writer)), *told])

    def __str__(self) -> str:
        compared = f"{self.decisions} decisions of {self.writers} writers compared"
        return f"{compared}, {self.waiting} of them not archived yet"

    def _archived(self, pieces: list[Piece]) -> dict[int, str]:
        """Hashes by sequence."""
        hashes: dict[int, str] = {}
        for piece in pieces:
            for row in self._archive.rows(piece):
                if hashes.setdefault(row.sequence, row.hash) != row.hash:
                    raise ArchiveError(f"{piece.name} and another object differ about sequence {row.sequence}")
        return hashes

    def _counted(self, writer: str, archived: int) -> Iterator[StoredDecision]:
        self.writers += 1
        for row in self._chains.rows(writer):
            self.decisions += 1
            self.waiting += row.sequence > archived
            yield row


def _unlike(archived: ChainHead, row: StoredDecision | None) -> Break | None:
    """How the journal's row is not the last one that was archived."""
    if row is None or row.sequence != archived.sequence:
        return Break(archived.writer, archived.sequence, archived.sequence, None, "removed")
    if row_hash(row[:-1]) != archived.hash:
        return Break(archived.writer, archived.sequence, archived.sequence, row.id, "changed")
    return None


def _gap(last: ChainHead, row: StoredDecision) -> Break | None:
    if row.sequence == last.sequence + 1:
        return None
    return Break(last.writer, last.sequence + 1, row.sequence - 1, None, "removed")
