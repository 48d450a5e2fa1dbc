"""Bytes from the network: a publisher's file, a member of its archive, the records of an HTTP API.

Does not know datasets; checksums are compared by `source`.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable, Sequence
from http.client import HTTPException
from typing import Any
from urllib.error import URLError
from urllib.parse import urlencode
from urllib.request import Request, urlopen

from tqdm import tqdm

from credit_training.errors import SourceError

BLOCK = 1 << 16
TIMEOUT_SECONDS = 60
MAX_PAGES = 10_000


def download(url: str) -> bytes:
    """The file behind an http(s) address, with a progress bar on a terminal.

    Raises:
        SourceError: no connection, an HTTP error, or fewer bytes than announced.
    """
    request = Request(url, headers={"User-Agent": "credit-train"})  # noqa: S310 - datasets admit http(s) only
    content = bytearray()
    try:
        with urlopen(request, timeout=TIMEOUT_SECONDS) as answer:  # noqa: S310
            announced = int(answer.headers.get("Content-Length") or 0)
            with tqdm(total=announced or None, unit="B", unit_scale=True, desc="download", disable=None) as bar:
                while block := answer.read(BLOCK):
                    content += block
                    bar.update(len(block))
    except (URLError, HTTPException, OSError) as error:
        raise SourceError(f"cannot download {url}: {error}; check the network, or set CREDIT_DATA_DIR") from error
    if announced > len(content):
        raise SourceError(f"download of {url} ended after {len(content)} of {announced} bytes; try again")
    return bytes(content)


def member(archive: bytes, path: Sequence[str], url: str) -> bytes:
    """A file inside an archive; each name but the last is an archive inside the one before.

    Raises:
        SourceError: not an archive, or no such member.
    """
    for name in path:
        try:
            with zipfile.ZipFile(io.BytesIO(archive)) as opened:
                archive = opened.read(name)
        except zipfile.BadZipFile as error:
            raise SourceError(f"{url}: {error}; the publisher changed the file, see the dataset's members") from error
        except KeyError as error:
            raise SourceError(f"{url}: no member {name}; the publisher changed the archive") from error
    return archive


def records(url: str, parameters: dict[str, str | int], path: Sequence[str], page: tuple[str, int] | None) -> list[Any]:
    """The list that an API answers below the keys `path`; with (parameter, first), page by page until one is empty.

    Raises:
        SourceError: the API cannot be reached, or its answer has another shape.
    """
    if page is None:
        return _answered(url, parameters, path)
    name, first = page
    found: list[Any] = []
    for number in range(first, first + MAX_PAGES):
        more = _answered(url, {**parameters, name: number}, path)
        if not more:
            return found
        found += more
    raise SourceError(f"{url}: still not empty after {MAX_PAGES} pages; check page_parameter {name!r}")


def _answered(url: str, parameters: dict[str, str | int], path: Sequence[str]) -> list[Any]:
    address = f"{url}?{urlencode(parameters)}" if parameters else url
    try:
        value = json.loads(download(address))
    except ValueError as error:
        raise SourceError(f"{url} does not answer JSON: {error}") from error
    for key in path:
        if not isinstance(value, dict) or key not in value:
            raise SourceError(f"{url}: no key {'.'.join(path)} in the answer; correct the source's records")
        value = value[key]
    if not isinstance(value, list) or not all(isinstance(record, dict) for record in value):
        raise SourceError(
            f"{url}: {'.'.join(path) or 'the answer'} is no list of records; correct the source's records"
        )
    return value


def _taiwan(published: bytes) -> bytes:
    """The UCI repository's CSV numbers the columns X1 … X23 and Y and ends lines with CR LF."""
    names = (
        "ID,LIMIT_BAL,SEX,EDUCATION,MARRIAGE,AGE,PAY_0,PAY_2,PAY_3,PAY_4,PAY_5,PAY_6,"
        "BILL_AMT1,BILL_AMT2,BILL_AMT3,BILL_AMT4,BILL_AMT5,BILL_AMT6,"
        "PAY_AMT1,PAY_AMT2,PAY_AMT3,PAY_AMT4,PAY_AMT5,PAY_AMT6,default"
    )
    _, _, rows = published.replace(b"\r\n", b"\n").partition(b"\n")
    return names.encode() + b"\n" + rows


CONVERTERS: dict[str, Callable[[bytes], bytes]] = {"taiwan": _taiwan}
"""From what a publisher offers to the table that a dataset's `sha256` names."""
