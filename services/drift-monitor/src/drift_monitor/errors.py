"""Every error of the monitor; each knows its `code` and the HTTP `status` that it means."""

from __future__ import annotations

from http import HTTPStatus
from typing import ClassVar


class MonitorError(Exception):
    """Base of all; the message is one line and safe to show."""

    code: ClassVar[str] = "monitor"
    status: ClassVar[HTTPStatus] = HTTPStatus.INTERNAL_SERVER_ERROR


class SettingsError(MonitorError):
    """Settings or a verdict table that the monitor cannot run with; names the key, never over HTTP."""

    code = "settings"


class JournalError(MonitorError):
    """Decisions or outcomes that cannot be read; names the source."""

    code = "journal"
    status = HTTPStatus.SERVICE_UNAVAILABLE


class ReportError(MonitorError):
    """A report that cannot be written or read; names the place."""

    code = "report"
    status = HTTPStatus.SERVICE_UNAVAILABLE


class ArchiveError(MonitorError):
    """Decisions that cannot be archived, or an archive that is not what was written (never over HTTP)."""

    code = "archive"


class RetrainingError(MonitorError):
    """A training run that could not be started; kept in the ledger, never over HTTP."""

    code = "retraining"


class NotFoundError(MonitorError):
    """Nothing of that name."""

    code = "not_found"
    status = HTTPStatus.NOT_FOUND
