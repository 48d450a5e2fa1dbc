"""A place of files that cannot be used, a folder or a bucket, as one line: which place, what failed, what to do.

Does not know what is kept there.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from drift_monitor.errors import MonitorError, ReportError

ADVICE = "check the address, and of a bucket the endpoint, the credentials and what these may do"


@contextmanager
def reaching(place: str, failed: str, kind: type[MonitorError] = ReportError) -> Iterator[None]:
    """Around the use of a file system of fsspec, which says in many ways that a place is away or refuses.

    Raises:
        MonitorError: it did, of this kind; names the place.
    """
    try:
        yield
    except MonitorError:
        raise
    except Exception as error:
        if not _is_of_the_place(error):
            raise
        reason = " ".join((getattr(error, "strerror", None) or str(error) or "no answer in time").split())
        file = f": {name}" if (name := getattr(error, "filename", None)) else ""
        raise kind(f"{place}: {failed}: {reason}{file}; {ADVICE}") from None


def is_absence(error: FileNotFoundError, path: str) -> bool:
    """Whether the file that is not there is the one asked for, and not one of the credentials."""
    return error.filename in (None, path)


def entries(files: Any, path: str, *, detail: bool) -> list[Any]:
    """What a folder holds now, as paths or in `detail`; nothing where it is not there. Raises what the files raise."""
    try:
        return list(files.ls(path, detail=detail, refresh=True))
    except FileNotFoundError as error:
        if is_absence(error, path):
            return []
        raise


def _is_of_the_place(error: Exception) -> bool:
    """Whether a file system raised this: s3fs lets through what of its AWS client is no OSError.

    Of an endpoint without a scheme that client says ValueError.
    """
    if isinstance(error, (OSError, ValueError)):
        return True
    from botocore.exceptions import BotoCoreError
    from s3fs.core import S3_RETRYABLE_ERRORS

    return isinstance(error, (BotoCoreError, *S3_RETRYABLE_ERRORS))
