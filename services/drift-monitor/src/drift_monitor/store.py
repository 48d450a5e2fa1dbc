"""Where reports are kept: a folder, or S3 by URL. One folder per window, and an index.

A window counts from when the index names it, which is written last; anything else is what a dying run left.
Does not know what is in a report.
"""

from __future__ import annotations

import fcntl
import logging
import os
import re
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import fsspec
from pydantic import ValidationError

from credit_contract.schema import Frozen
from drift_monitor.document import Index, WindowVerdict
from drift_monitor.errors import NotFoundError, ReportError, SettingsError
from drift_monitor.lease import Lease
from drift_monitor.place import ADVICE, entries, is_absence, reaching
from drift_monitor.retraining import Ledger

VERDICT = "verdict.json"
INDEX = "index.json"
LOCK = ".lock"
LEDGER = "retraining.json"
REPORTS = ("report.html", "report.json")
WINDOW = re.compile(r"\d{8}T\d{6}Z(-[0-9a-f]+)*(-empty)?")
Document = TypeVar("Document", bound=Frozen)

log = logging.getLogger("drift_monitor")


class ReportStore:
    """Reports under one folder or URL; a bucket that has not answered a reader in `patience_s` is away.

    Raises:
        SettingsError: the URL is of no known kind, or names no folder or bucket.
        ReportError: from every method, when the place cannot be read or written.
    """

    def __init__(self, url: str, patience_s: float | None = None) -> None:
        self._place = f"reports at {url}"
        try:
            self._files, self._root = fsspec.core.url_to_fs(url)
        except (ImportError, ValueError) as error:
            raise SettingsError(f"setting reports.folder: {url}: {error}") from None
        if not self._root or (self._root.startswith("/") and "s3" in self._files.protocol):
            raise SettingsError(f"setting reports.folder: {url} names no bucket; write s3://bucket/prefix")
        self._local = "file" in self._files.protocol
        self._patience = {"timeout": patience_s} if self._files.async_impl else {}
        self._lease: Lease | None = None

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other monitors out: of a folder on this machine, or of a bucket of S3.

        Raises:
            ReportError: another one is writing there.
        """
        if "s3" in self._files.protocol:
            self._lease = Lease(self._files, f"{self._root}/{LOCK}")
            try:
                with self._lease.held():
                    yield
            finally:
                self._lease = None
        elif self._local:
            with self._locked_folder():
                yield
        else:
            yield  # other stores have no such write: there, one writer is the deployment's promise

    @contextmanager
    def _locked_folder(self) -> Iterator[None]:
        with reaching(self._place, "cannot be written"):
            Path(self._root).mkdir(parents=True, exist_ok=True)
            held = (Path(self._root) / LOCK).open("w")
        with held:
            with reaching(self._place, "cannot be locked"):
                try:
                    fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    raise ReportError(
                        f"{self._place}: another monitor is writing there; wait for it, or set reports.folder"
                    ) from None
            yield

    def write(self, verdict: WindowVerdict, reports: Mapping[str, bytes]) -> None:
        """Publish a window, in place of what was there for it; the verdict comes last."""
        for name, content in reports.items():
            self._put(f"{verdict.window}/{name}", content)
        self._put(f"{verdict.window}/{VERDICT}", _json(verdict))

    def write_index(self, index: Index) -> None:
        """Publish the index: what the page and the metrics show from now on."""
        if self._lease is not None:
            self._lease.renew()
        self._put(INDEX, _json(index))

    def index(self) -> Index | None:
        """The index of the last run that ended; None before the first."""
        try:
            return self._parsed(Index, INDEX)
        except NotFoundError:
            return None

    def ledger(self) -> Ledger:
        """The ledger of training runs; empty before the first."""
        try:
            return self._parsed(Ledger, LEDGER)
        except NotFoundError:
            return Ledger()

    def write_ledger(self, ledger: Ledger) -> None:
        """Publish the ledger."""
        self._put(LEDGER, _json(ledger))

    def verdict(self, window: str) -> WindowVerdict:
        """The verdict on a window."""
        return self._parsed(WindowVerdict, f"{_safe(window)}/{VERDICT}")

    def report(self, window: str, name: str) -> bytes:
        """One of REPORTS of a window."""
        if name not in REPORTS:
            raise NotFoundError(f"no report {name}; there are {', '.join(REPORTS)}")
        return self._get(f"{_safe(window)}/{name}")

    def expire(self, keep: set[str]) -> None:
        """Remove every window that is not to be kept, such as remains of a run that died.

        What cannot be removed is logged and left to the next run: what was published stands.
        """
        try:
            due = [name for name in self._windows() if name not in keep]
            for name in due:
                with reaching(self._place, f"{name} cannot be removed"):
                    self._files.rm(f"{self._root}/{name}", recursive=True)
            left = set(due) & set(self._windows()) if due else set()
            if left:  # S3 refuses object by object, and s3fs says nothing of it
                raise ReportError(f"{self._place}: {min(left)} cannot be removed; {ADVICE}")
        except ReportError as error:
            log.warning("%s", error)

    def _windows(self) -> list[str]:
        with reaching(self._place, "cannot be listed"):
            found = entries(self._files, self._root, detail=True)
        names = (entry["name"].rsplit("/", 1)[-1] for entry in found if entry["type"] == "directory")
        return sorted(name for name in names if WINDOW.fullmatch(name))

    def _parsed(self, kind: type[Document], name: str) -> Document:
        try:
            return kind.model_validate_json(self._get(name))
        except ValidationError as error:
            first = error.errors(include_input=False)[0]
            where = ".".join(map(str, first["loc"])) or "document"
            raise ReportError(f"{self._place}: {name}: {where}: {first['msg']}") from None

    def _get(self, name: str) -> bytes:
        with reaching(self._place, f"{name} cannot be read"):
            path = f"{self._root}/{name}"
            try:
                return bytes(self._files.cat_file(path, **self._patience))
            except FileNotFoundError as error:
                if is_absence(error, path):
                    raise NotFoundError(f"no report {name}") from None
                raise

    def _put(self, name: str, content: bytes) -> None:
        with reaching(self._place, f"{name} cannot be written"):
            if self._local:
                _replace(Path(self._root) / name, content)
            else:
                self._files.pipe_file(f"{self._root}/{name}", content)  # an object appears whole or not at all


def _replace(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, aside = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        Path(aside).chmod(0o644)
        Path(aside).replace(path)
    except BaseException:
        Path(aside).unlink(missing_ok=True)
        raise


def _json(document: Frozen) -> bytes:
    return document.model_dump_json(indent=2).encode() + b"\n"


def _safe(window: str) -> str:
    if not WINDOW.fullmatch(window):
        raise NotFoundError(f"no window {window!r}")
    return window
