"""Structured logs: one JSON object a line, on standard error. Never an applicant's value, not even in a traceback."""

from __future__ import annotations

import logging
import sys
import traceback
from datetime import UTC, datetime
from typing import Any

import orjson

from scoring_api.errors import ServiceError

log = logging.getLogger("scoring_api")


class JsonFormatter(logging.Formatter):
    """`time`, `level`, `event`, then the `fields` given as `extra`.

    Of an exception the type and the places are written; its message may quote an applicant and is not.
    """

    def format(self, record: logging.LogRecord) -> str:
        """One line."""
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "event": record.getMessage(),
            **getattr(record, "fields", {}),
        }
        if record.exc_info and record.exc_info[0] is not None:
            line["exception"] = record.exc_info[0].__name__
            line["at"] = [
                f"{frame.filename}:{frame.lineno} {frame.name}" for frame in traceback.extract_tb(record.exc_info[2])
            ]
        return orjson.dumps(line, default=str).decode()


def refused(error: ServiceError, request_id: str) -> None:
    """A request that was refused: which and why by code, since the words may quote names that a client made up."""
    log.info("refused", extra={"fields": {"request_id": request_id, "code": error.code, "status": int(error.status)}})


def configure(level: str) -> None:
    """Send everything, uvicorn's words too, through one handler."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter())
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    logging.captureWarnings(capture=True)
    logging.getLogger("alembic.runtime.plugins").setLevel("WARNING")  # it names each of its own at every start
