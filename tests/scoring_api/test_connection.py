"""What clients do to a connection, over raw sockets: odd, slow, endless, broken. The service answers or refuses."""

from __future__ import annotations

import asyncio
import json
import logging
import re
import select
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
import uvicorn

from scoring_api.app import create_app
from scoring_api.connection import Connection
from scoring_api.settings import Settings

from .conftest import Serve
from .toy import BAD, GOOD

PERSON = json.dumps(GOOD).encode()
HEAD = b"POST /v1/score HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"


def request(body: bytes, *headers: bytes) -> bytes:
    return HEAD + b"".join(h + b"\r\n" for h in headers) + b"Content-Length: %d\r\n\r\n" % len(body) + body


@contextmanager
def connected(client: httpx.Client) -> Iterator[socket.socket]:
    with socket.create_connection((client.base_url.host, client.base_url.port or 80), timeout=20) as opened:
        yield opened


def answers(opened: socket.socket, count: int) -> list[tuple[int, dict[str, object]]]:
    """The next answers on the wire, each by its Content-Length."""
    stream, found = opened.makefile("rb"), []
    for _ in range(count):
        status = int(stream.readline().split()[1])
        length = 0
        while line := stream.readline().strip():
            name, _, value = line.partition(b":")
            length = int(value) if name.lower() == b"content-length" else length
        found.append((status, json.loads(stream.read(length))))
    return found


def ended(opened: socket.socket) -> bool:
    try:
        return opened.recv(1) == b""
    except ConnectionResetError:
        return True


@pytest.fixture(scope="module")
def impatient(serve: Serve) -> httpx.Client:
    return serve(limits={"request_timeout_s": 0.3, "max_body_bytes": 1000})


def test_a_chunked_body_is_read_whole(client: httpx.Client) -> None:
    chunks = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in (PERSON[:7], PERSON[7:8], PERSON[8:]))
    with connected(client) as opened:
        opened.sendall(HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + chunks + b"0\r\n\r\n")
        ((status, told),) = answers(opened, 1)
    assert status == 200
    assert told["results"]


def test_a_body_in_pieces_and_an_expected_continue_are_served(client: httpx.Client) -> None:
    whole = request(PERSON, b"Expect: 100-continue")
    with connected(client) as opened:
        opened.sendall(whole[: -len(PERSON)])
        assert opened.recv(100).startswith(b"HTTP/1.1 100")
        for at in range(0, len(PERSON), 40):
            opened.sendall(PERSON[at : at + 40])
        assert answers(opened, 1)[0][0] == 200


def test_pipelined_requests_are_answered_in_order(client: httpx.Client) -> None:
    bodies = [PERSON, b"{}", json.dumps([BAD, GOOD]).encode(), b"nonsense", PERSON] * 4
    with connected(client) as opened:
        opened.sendall(b"".join(map(request, bodies)))
        found = answers(opened, len(bodies))
    assert [status for status, _ in found] == [200, 422, 200, 400, 200] * 4
    assert [len(told.get("results", [])) for _, told in found] == [1, 0, 2, 0, 1] * 4  # type: ignore[arg-type]


@pytest.mark.parametrize("body", [PERSON, b" " * 100_000 + PERSON])
def test_what_came_before_a_head_is_no_part_of_it(client: httpx.Client, body: bytes) -> None:
    count = 400_000 // len(body)
    with connected(client) as opened:
        opened.sendall(request(body) * count + HEAD[:-10])
        assert [status for status, _ in answers(opened, count)] == [200] * count
        opened.sendall(HEAD[-10:] + request(PERSON)[len(HEAD) :])
        assert answers(opened, 1)[0][0] == 200


@pytest.mark.parametrize("path", [b"/v1/score", b"/predict"])
@pytest.mark.parametrize("count", [1, 30])
def test_a_client_that_says_no_more_is_still_answered(client: httpx.Client, path: bytes, count: int) -> None:
    with connected(client) as opened:
        opened.sendall(request(PERSON).replace(b"/v1/score", path) * count)
        opened.shutdown(socket.SHUT_WR)
        assert [status for status, _ in answers(opened, count)] == [200] * count
        assert ended(opened)


@pytest.mark.parametrize("body", [PERSON, json.dumps([BAD] * 300).encode()])
def test_a_client_that_says_no_more_is_answered_once_and_for_all(serve: Serve, tmp_path: Path, body: bytes) -> None:
    client = serve(journal={"file": tmp_path / "journal.sqlite"})
    with connected(client) as opened:
        opened.sendall(request(body, b"Idempotency-Key: k") + request(body) + request(body)[:-1])
        opened.shutdown(socket.SHUT_WR)
        assert [status for status, _ in answers(opened, 2)] == [200] * 2
        assert ended(opened)


def test_a_client_that_leaves_disturbs_nobody(client: httpx.Client) -> None:
    for cut in (10, len(HEAD), len(HEAD) + 30, -5):
        with connected(client) as opened:
            opened.sendall(request(PERSON)[:cut])
    assert client.post("/v1/score", json=GOOD).status_code == 200
    assert client.get("/ready").status_code == 200


@pytest.mark.parametrize("path", [b"/v1/score", b"/predict"])
@pytest.mark.parametrize(("piece", "count"), [(20, 2), (1_000_000, 700)])
def test_a_wish_for_another_protocol_is_passed_over(client: httpx.Client, path: bytes, piece: int, count: int) -> None:
    wish = [b"Connection: Upgrade, HTTP2-Settings", b"Upgrade: h2c", b"HTTP2-Settings: AAEAAEAA"]
    sent = request(PERSON, *wish).replace(b"/v1/score", path) * count + request(PERSON)
    with connected(client) as opened:
        for at in range(0, len(sent), piece):
            opened.sendall(sent[at : at + piece])
        found = answers(opened, count + 1)
    assert [(status, len(told["results"])) for status, told in found] == [(200, 1)] * (count + 1)  # type: ignore[arg-type]


def test_a_client_that_leaves_is_no_fault_of_the_service(client: httpx.Client) -> None:
    def count(code: int) -> int:
        labels = rf'requests_total{{code="{code}",model="\w+",route="/predict"}} (\d+)'
        return sum(int(float(found)) for found in re.findall(labels, client.get("/metrics").text))

    gone, faults = count(499), count(500)
    with connected(client) as opened:
        opened.sendall(HEAD.replace(b"/v1/score", b"/predict") + b"Content-Length: 10\r\n\r\n12")
    until = time.monotonic() + 20
    while (count(499), count(500)) != (gone + 1, faults):
        assert time.monotonic() < until


@pytest.mark.parametrize("sent", [0, 12, len(HEAD) + 10, -5])
def test_a_slow_request_is_refused(impatient: httpx.Client, sent: int) -> None:
    with connected(impatient) as opened:
        opened.sendall(request(PERSON)[:sent] if sent else b"")
        ((status, told),) = answers(opened, 1)
        assert (status, told["code"]) == (408, "slow_request")
        assert ended(opened)


def test_what_the_connection_refuses_is_found_in_the_logs(
    client: httpx.Client, caplog: pytest.LogCaptureFixture
) -> None:
    with connected(client) as opened, caplog.at_level(logging.INFO, "scoring_api"):
        opened.sendall(b"HELLO\r\n\r\n")
        answer = opened.makefile("rb").read()
    head, _, body = answer.partition(b"\r\n\r\n")
    request_id = json.loads(body)["request_id"]
    assert re.fullmatch(r"[0-9a-f]{32}", request_id)
    assert f"x-request-id: {request_id}".encode() in head.split(b"\r\n")
    assert request_id in [getattr(record, "fields", {}).get("request_id") for record in caplog.records]


@pytest.mark.parametrize("announced", [True, False])
def test_a_body_over_the_limit_is_refused_before_it_is_read(impatient: httpx.Client, announced: bool) -> None:
    length = b"Content-Length: 1000000\r\n\r\n" if announced else b"Transfer-Encoding: chunked\r\n\r\n"
    with connected(impatient) as opened:
        opened.sendall(HEAD + length + (b"" if announced else b"7d0\r\n" + b" " * 2000))
        ((status, told),) = answers(opened, 1)
        assert (status, told["code"]) == (413, "body_too_large")
        assert ended(opened)


@pytest.mark.parametrize("path", [b"/v1/score", b"/predict"])
def test_large_bodies_wait_only_while_there_is_room(serve: Serve, path: bytes) -> None:
    client = serve(limits={"max_waiting_bytes": 400_000})
    head = HEAD.replace(b"/v1/score", path) + b"Content-Length: 300000\r\n\r\n"
    padded = b" " * (300_000 - len(PERSON)) + PERSON
    with connected(client) as first, connected(client) as second:
        first.sendall(head + padded[:-1])
        second.sendall(head + padded[:-1])
        refused, other = (
            (first, second) if select.select([first, second], [], [], 20)[0] == [first] else (second, first)
        )
        ((status, told),) = answers(refused, 1)
        assert (status, told["code"]) == (503, "overloaded")
        refused.sendall(padded[-1:])
        assert ended(refused)
        assert client.post("/v1/score", json=GOOD).status_code == 200
        other.sendall(padded[-1:])
        assert answers(other, 1)[0][0] == 200
    assert client.post(path.decode(), content=padded, headers={"content-type": "application/json"}).status_code == 200


def test_a_client_that_takes_no_answer_is_left(serve: Serve) -> None:
    client = serve(limits={"request_timeout_s": 0.3, "max_connections": 1})
    asset = b"GET /docs/assets/swagger-ui-bundle.js HTTP/1.1\r\nHost: x\r\n\r\n"
    with connected(client) as opened:
        opened.sendall(asset * 10)
        until = time.monotonic() + 20
        while client.get("/health").status_code == 503:
            assert time.monotonic() < until


def test_too_many_connections_are_refused(serve: Serve) -> None:
    client = serve(limits={"max_connections": 2})
    with connected(client), connected(client), connected(client) as third:
        ((status, told),) = answers(third, 1)
        assert (status, told["code"]) == (503, "overloaded")
        assert ended(third)
    counted = r'requests_total{code="503",model="\w+",route="connection"} 1.0'
    assert re.search(counted, client.get("/metrics").text)


@pytest.mark.parametrize("path", [b"/v1/score", b"/predict", b"/outcomes", b"/v2/models/toy/infer", b"/v1/preview"])
def test_a_body_in_another_coding_is_refused(client: httpx.Client, path: bytes) -> None:
    with connected(client) as opened:
        opened.sendall(request(PERSON, b"Content-Encoding: GZip").replace(b"/v1/score", path))
        opened.shutdown(socket.SHUT_WR)
        head, _, body = opened.makefile("rb").read().partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 415")
    assert b"accept-encoding: identity" in head.lower().split(b"\r\n")
    assert json.loads(body)["code"] == "unsupported_coding"


@pytest.mark.parametrize("path", [b"/v1/score", b"/predict"])
def test_a_body_in_no_coding_may_say_so(client: httpx.Client, path: bytes) -> None:
    with connected(client) as opened:
        opened.sendall(request(PERSON, b"Content-Encoding: Identity").replace(b"/v1/score", path))
        assert answers(opened, 1)[0][0] == 200


def test_an_endless_head_is_refused(client: httpx.Client) -> None:
    with connected(client) as opened:
        opened.sendall(HEAD + b"X-Filler: " + b"a" * 40_000)
        ((status, told),) = answers(opened, 1)
        assert (status, told["code"]) == (431, "head_too_large")


@pytest.mark.parametrize("noise", [b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", b"HELLO\r\n\r\n"])
def test_what_is_no_http_is_refused_as_a_problem(client: httpx.Client, noise: bytes) -> None:
    with connected(client) as opened:
        opened.sendall(noise)
        ((status, told),) = answers(opened, 1)
        assert (status, told["code"]) == (400, "malformed_request")


def test_a_fault_while_a_request_is_read_is_told_and_logged(caplog: pytest.LogCaptureFixture) -> None:
    async def ask() -> bytes:
        loop = asyncio.get_running_loop()
        edge = create_app(Settings.model_validate({"auth": "none", "journal": {"keep": False}}))
        del edge.short_body_bytes
        config = uvicorn.Config(edge, http=Connection, proxy_headers=False, log_config=None)
        config.load()
        state = uvicorn.server.ServerState()
        server = await loop.create_server(lambda: Connection(config, state, {}), "127.0.0.1", 0)
        async with server:
            reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
            writer.write(request(PERSON))
            answer = await reader.read()
            writer.close()
        return answer

    with caplog.at_level(logging.ERROR, "scoring_api"):
        head, _, body = asyncio.run(ask()).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 500")
    assert json.loads(body)["code"] == "internal"
    (told,) = [record for record in caplog.records if record.getMessage() == "fault"]
    assert told.exc_info is not None
    assert told.exc_info[0] is AttributeError
