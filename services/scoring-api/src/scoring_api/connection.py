"""The connection: uvicorn's HTTP/1.1 protocol, plus what it lacks against slow and endless requests.

A request must arrive whole within a time, its head within a size; what cannot be parsed is refused as a problem
document; a wish for another protocol is passed over. POST /v1/score takes the short way where nothing stands in it.
Builds on uvicorn's `HttpToolsProtocol` and the callbacks that httptools makes on it.
"""

from __future__ import annotations

import asyncio
import sys
from typing import Any, cast

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from scoring_api.body import announced
from scoring_api.edge import SCORE, Edge
from scoring_api.errors import (
    HeadTooLargeError,
    InternalError,
    MalformedRequestError,
    OverloadedError,
    ServiceError,
    SlowRequestError,
)
from scoring_api.logs import log, refused
from scoring_api.reply import refusal
from scoring_api.shortcut import ShortCycle, on_wire

MAX_HEAD = 32_768
BEGUN = -1
SHORT_URL = SCORE.encode()
NO_ROUTE = "connection"


class Connection(HttpToolsProtocol):
    """One client's connection; the server calls `expire` now and then."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._arriving_since: float | None = None
        self._head_size: int | None = None
        self._untaken = 0
        self._untaken_since = 0.0
        self._wishes = False
        self._wish_ends = 0
        self._said_all = False
        self.edge: Edge = self.app

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """A client that connects must also begin."""
        super().connection_made(transport)
        self._arriving_since = self.loop.time()
        if len(self.connections) > self.edge.max_connections:
            self._refuse(OverloadedError(f"{self.edge.max_connections} connections are open already"))

    def on_message_begin(self) -> None:
        """The first byte of a request."""
        self._arriving_since = self.loop.time()
        self._head_size = BEGUN
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """The body, if any, is the application's to limit."""
        self._head_size = None
        if self.url == SHORT_URL and self._may_be_short():
            headers = dict(self.headers)
            if 0 < announced(headers) <= self.edge.short_body_bytes:
                self.cycle = cast(Any, ShortCycle(self, headers, self.parser.should_keep_alive()))
                return
        # To speak another protocol; the parser then takes the body for that one's.
        self._wishes = self.parser.should_upgrade() and self.parser.get_method() != b"CONNECT"
        if not self._wishes:
            super().on_headers_complete()

    def _may_be_short(self) -> bool:
        """Whether no answer is under way before this one, and nothing unusual is asked of the connection."""
        return (
            (self.cycle is None or self.cycle.response_complete)
            and not self.flow.write_paused
            and not self.expect_100_continue
            and self.parser.get_method() == b"POST"
            and self.parser.get_http_version() == "1.1"
            and not self.parser.should_upgrade()
        )

    def on_message_complete(self) -> None:
        """The last byte of a request."""
        self._arriving_since = None
        if not self._wishes:
            super().on_message_complete()

    def data_received(self, data: bytes) -> None:
        """Bytes of any part of a request, or of several."""
        super().data_received(data)
        while self._wishes:
            data = self._without_wish(data[self._wish_ends :])
            super().data_received(data)
        if self._head_size is not None:
            self._head_size = self._begun_in(data) if self._head_size == BEGUN else self._head_size + len(data)
            if self._head_size > MAX_HEAD:
                self._refuse(HeadTooLargeError(f"the request's head is larger than {MAX_HEAD:,} bytes"))

    def eof_received(self) -> bool:  # type: ignore[override]
        """The client says no more, but may still listen: what it asked is answered before the connection closes."""
        self._said_all = True
        return not self._settled()

    def on_response_complete(self) -> None:
        """An answer is written."""
        super().on_response_complete()
        if self._said_all and self._settled():
            self.transport.close()

    def _settled(self) -> bool:
        """Whether there is no answer to give to what has arrived whole."""
        return not self.pipeline and (self.cycle is None or self.cycle.response_complete or self.cycle.more_body)

    def _begun_in(self, data: bytes) -> int:
        """About how many bytes the head has that began there: what other requests are in front of it is not its own."""
        body = len(self.cycle.body) if self.cycle is not None else 0
        return max(0, len(data) - data.rfind(b"\r\n\r\n") - body)

    def _unsupported_upgrade_warning(self) -> None:
        """Where uvicorn would warn: note where the parser stopped."""
        stopped = sys.exception()
        assert isinstance(stopped, httptools.HttpParserUpgrade)
        self._wish_ends = stopped.args[0]

    def _without_wish(self, rest: bytes) -> bytes:
        """The request as if it had not wished, and what follows its head, for a new parser; RFC 9110 (7.8) allows it,
        and Java's client wishes for HTTP/2 with every request.
        """
        self._wishes = False
        target = self.parser.get_method() + b" " + self.url + b" HTTP/" + self.parser.get_http_version().encode()
        kept = [b"%b: %b" % header for header in self.headers if header[0] != b"upgrade"]
        self.parser = httptools.HttpRequestParser(self)
        return b"\r\n".join([target, *kept, b"", rest])

    def send_400_response(self, msg: str) -> None:
        """What httptools cannot parse, or a fault of ours in a callback: it raises both as errors of the parser."""
        del msg
        error = sys.exception()
        if isinstance(error, httptools.HttpParserCallbackError) and error.__context__ is not None:
            log.error("fault", exc_info=error.__context__)
            self._refuse(InternalError("a fault of the service while it read the request; the logs have it"))
        else:
            self._refuse(MalformedRequestError("this is not HTTP/1.1"))

    def expire(self, now: float, patience_s: float) -> None:
        """Refuse a request that began more than `patience_s` ago and is not complete; leave a client that has taken
        nothing of its answer for as long.
        """
        untaken = self.transport.get_write_buffer_size()
        if untaken != self._untaken or not untaken:
            self._untaken, self._untaken_since = untaken, now
        elif now - self._untaken_since > patience_s:
            self.transport.abort()
            return
        if self._arriving_since is not None and now - self._arriving_since > patience_s:
            self._refuse(SlowRequestError(f"the request did not arrive within {patience_s:g} s"))

    def _refuse(self, error: ServiceError) -> None:
        since, self._arriving_since, self._head_size = self._arriving_since, None, None
        if self.transport.is_closing():
            return
        request_id = self.edge.new_id()
        refused(error, request_id)
        took_s = self.loop.time() - since if since is not None else 0.0
        self.edge.app.state.metrics.answered(NO_ROUTE, int(error.status), self.edge.service.label, took_s)
        # With an answer under way (pipelining) another one would be taken for a part of it.
        if self.cycle is None or self.cycle.response_complete or not self.cycle.response_started:
            reply = refusal(error, request_id)
            self.transport.write(on_wire(reply, self.server_state.default_headers, keep_alive=False))
        self.transport.close()
