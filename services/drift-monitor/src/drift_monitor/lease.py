"""One writer of a bucket at a time: an object that its holder keeps young, by S3's conditional writes.

Whoever comes later is refused; a holder that died is succeeded once its object is old. Does not know what is written
under the lease.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from threading import Event, Lock, Thread
from typing import Any

from drift_monitor.errors import ReportError

OLD_S = 120.0
RENEWALS = 4  # before it is old: one may be lost


class Lease:
    """A lease by the object `path` of an s3fs file system.

    Raises:
        ReportError: from every method, when another monitor holds it, or the bucket cannot be written.
    """

    def __init__(self, files: Any, path: str, old_s: float = OLD_S) -> None:
        self._files, self._path, self._old = files, path, timedelta(seconds=old_s)
        self._tag, self._writing = "", Lock()

    @contextmanager
    def held(self) -> Iterator[None]:
        """Take the lease, keep it, and give it back."""
        self.take()
        ended = Event()
        keeper = Thread(target=self._keep, args=(ended,), daemon=True)
        keeper.start()
        try:
            yield
        finally:
            ended.set()
            keeper.join()
            with suppress(ReportError):
                self.give_back()

    def take(self) -> None:
        """Become the holder: the first, or the successor of one that has not renewed for long."""
        try:
            self._write(mode="create")
        except FileExistsError:
            self._succeed()
        except OSError as error:
            raise ReportError(f"reports at {self._path}: cannot be written: {error.strerror or error}") from None

    def renew(self) -> None:
        """Still be the holder."""
        try:
            self._write(IfMatch=self._tag)
        except OSError as error:
            raise ReportError(
                f"reports at {self._path}: the lease was lost, another monitor may write there: {error}"
            ) from None

    def give_back(self) -> None:
        """Let the next one in at once."""
        self.renew()
        self._files.rm_file(self._path)

    def _succeed(self) -> None:
        try:
            found = self._files.info(self._path, refresh=True)
            if datetime.now(UTC) - found["LastModified"] >= self._old:
                # Of several that find it old, S3 lets the first one write.
                self._write(IfMatch=found["ETag"])
                return
        except OSError:
            pass  # gone or taken in this moment: somebody else is about to write
        raise ReportError(
            f"reports at {self._path}: another monitor is writing there; wait for it, or set reports.folder"
        )

    def _write(self, **condition: str) -> None:
        with self._writing:
            written = self._files.pipe_file(self._path, secrets.token_bytes(16), **condition)
            self._tag = written["ETag"]

    def _keep(self, ended: Event) -> None:
        while not ended.wait(self._old.total_seconds() / RENEWALS):
            with suppress(ReportError):
                self.renew()
