"""Bodies of routes that take JSON or a file: by form, or as the body itself."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePath
from typing import NamedTuple

from fastapi import Request
from starlette.datastructures import FormData

from scoring_api.errors import InvalidRequestError, MalformedBodyError, UnsupportedMediaTypeError
from scoring_api.media import CSV, FORM, JSON, PARQUET, media_type

SUFFIXES = {".csv": CSV, ".parquet": PARQUET}


class Upload(NamedTuple):
    """What came, and what its name was without suffix."""

    media_type: str
    content: bytes
    stem: str


async def received(request: Request, *files: str) -> Upload:
    """The body: JSON, or a file of one of these types.

    Raises:
        UnsupportedMediaTypeError, InvalidRequestError, MalformedBodyError: a type or a form that is not read.
    """
    came = media_type(request.headers.get("content-type", ""))
    read = (JSON, *files)
    if came in read:
        return Upload(came, await request.body(), "applicants")
    if came != FORM:
        raise UnsupportedMediaTypeError(f"send {', '.join(read)} or a form with a file")
    try:
        async with request.form(max_files=1, max_fields=1) as form:
            return await _uploaded(form, files)
    except UnicodeError:  # of text in the charset that the type names, which may be any that Python knows
        raise MalformedBodyError("the form cannot be read in its charset; send UTF-8") from None


async def _uploaded(form: FormData, files: Sequence[str]) -> Upload:
    file = form.get("file")
    if isinstance(file, str):
        return Upload(CSV, file.encode(), "applicants")
    if file is None:
        raise InvalidRequestError("the form has no file; name its field `file`")
    name = PurePath(file.filename or "")
    suffixes = {suffix: kind for suffix, kind in SUFFIXES.items() if kind in files}
    if name.suffix.lower() not in suffixes:
        raise UnsupportedMediaTypeError(f"a file's name must end in {' or '.join(suffixes)}")
    stem = "".join(c for c in name.stem if c.isascii() and (c.isalnum() or c in "-_"))
    return Upload(suffixes[name.suffix.lower()], await file.read(), stem or "applicants")
