"""Bodies that are refused before they have arrived: the client hears why, also one that sends all before it listens."""

from __future__ import annotations

import json
from http.client import HTTPConnection

import httpx
import pytest

from .conftest import Serve

MEGABYTE = b" " * 1_000_000


@pytest.fixture(scope="module")
def narrow(serve: Serve) -> httpx.Client:
    return serve(limits={"max_body_bytes": 1000, "max_file_bytes": 2000})


@pytest.mark.parametrize("path", ["/v1/score", "/predict", "/outcomes"])
@pytest.mark.parametrize("body", [MEGABYTE * 16, [MEGABYTE] * 16], ids=["whole", "chunked"])
def test_a_client_that_sends_all_before_it_listens_hears_why(
    narrow: httpx.Client, path: str, body: bytes | list[bytes]
) -> None:
    kind = "text/csv" if path == "/predict" else "application/json"
    for _ in range(3):
        asking = HTTPConnection(narrow.base_url.host, narrow.base_url.port, timeout=20)
        asking.request("POST", path, body, {"Content-Type": kind})
        answer = asking.getresponse()
        assert (answer.status, json.load(answer)["code"]) == (413, "body_too_large")
        assert answer.getheader("connection") == "close"
        asking.close()
