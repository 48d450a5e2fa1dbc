"""Media types of what comes in, as RFC 9110 compares them: without regard to case and parameters."""

from __future__ import annotations

JSON = "application/json"
TENSORS = "application/octet-stream"
CSV = "text/csv"
PARQUET = "application/vnd.apache.parquet"
FORM = "multipart/form-data"

_JSON = JSON.encode()


def media_type(content_type: str) -> str:
    """What a Content-Type header names; empty without one."""
    return content_type.partition(";")[0].strip().lower()


def is_json(content_type: bytes) -> bool:
    """Whether a Content-Type header, as it is on the wire, names JSON."""
    return content_type == _JSON or content_type.partition(b";")[0].strip().lower() == _JSON
