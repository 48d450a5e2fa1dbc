"""One writer of a bucket at a time: an object that its holder keeps young, by S3's conditional writes.

Whoever comes later is refused; a holder that died is succeeded once its object is old. Does not know what is written
under the lease.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from errno import EINVAL
from threading import Event, Lock, Thread
from typing import Any

from drift_monitor.errors import ReportError
from drift_monitor.place import reaching

log = logging.getLogger("drift_monitor")
OLD_S = 120.0
RENEWALS = 4  # before it is old: one may be lost


class Lease:
    """A lease by the object `path` of an s3fs file system.

    Raises:
        ReportError: from every method, when another monitor holds it, or the bucket cannot be written.
    """

    def __init__(self, files: Any, path: str, old_s: float = OLD_S) -> None:
        self._files, self._path, self._old = files, path, timedelta(seconds=old_s)
        self._place = f"reports at s3://{path}"
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
            try:
                self.give_back()
            except ReportError as error:  # what was done under the lease stays done
                log.warning("%s", error)

    def take(self) -> None:
        """Become the holder: the first, or the successor of one that has not renewed for long."""
        with reaching(self._place, "cannot be written"):
            try:
                self._write(mode="create")
            except FileExistsError:
                self._succeed()

    def renew(self) -> None:
        """Still be the holder."""
        with reaching(self._place, "the lease cannot be renewed"):
            try:
                self._write(IfMatch=self._tag)
            except OSError as error:
                if error.errno != EINVAL:  # by which s3fs says that a condition did not hold
                    raise
                raise ReportError(f"{self._place}: the lease was lost, another monitor is writing there") from None

    def give_back(self) -> None:
        """Let the next one in at once."""
        self.renew()
        with reaching(self._place, "the lease cannot be given back, the next monitor has to wait until it is old"):
            self._files.rm_file(self._path)

    def _succeed(self) -> None:
        try:
            found = self._files.info(self._path, refresh=True)
            if datetime.now(UTC) - found["LastModified"] >= self._old:
                # Of several that find it old, S3 lets the first one write.
                self._write(IfMatch=found["ETag"])
                return
        except PermissionError:
            raise
        except OSError:
            pass  # gone or taken in this moment: somebody else is about to write
        raise ReportError(f"{self._place}: another monitor is writing there; wait for it, or set reports.folder")

    def _write(self, **condition: str) -> None:
        with self._writing:
            written = self._files.pipe_file(self._path, secrets.token_bytes(16), **condition)
            self._tag = written["ETag"]

    def _keep(self, ended: Event) -> None:
        while not ended.wait(self._old.total_seconds() / RENEWALS):
            with suppress(ReportError):
                self.renew()
