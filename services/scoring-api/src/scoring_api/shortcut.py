"""The short way for one route: from the parser's last byte to the answer, without ASGI's task, queue and messages.

`ShortCycle` stands where uvicorn's protocol expects the cycle of the request under way, so that everything else (bodies
in pieces, pipelining, keep-alive, disconnects, shutdown) stays uvicorn's. A request that waits for nothing, as with the
journal off, is answered inside the parser's callback; one that must wait goes on as a task.
"""

from __future__ import annotations

from collections.abc import Coroutine, Generator
from http import HTTPStatus
from types import coroutine
from typing import TYPE_CHECKING, Any

from scoring_api.reply import Headers, Reply

if TYPE_CHECKING:
    from scoring_api.connection import Connection

STATUS_LINES = {int(s): f"HTTP/1.1 {int(s)} {s.phrase}\r\n".encode() for s in HTTPStatus}


class ShortCycle:
    """One request; also its own `message_event`, which uvicorn sets when something of it has arrived."""

    def __init__(self, connection: Connection, headers: Headers, keep_alive: bool) -> None:
        self._connection = connection
        self._headers = headers
        self._begun = False
        self.message_event = self
        self.body = bytearray()
        self.more_body = True
        self.keep_alive = keep_alive
        self.disconnected = False
        self.response_started = False
        self.response_complete = False

    def set(self) -> None:
        """More of the body, its end, or the end of the connection."""
        if self._begun or self.disconnected:
            return
        connection = self._connection
        if self.more_body:
            connection.flow.resume_reading()
        else:
            self._begun = True
            self._answer(connection.edge.score(self._headers, bytes(self.body)))

    def _answer(self, answering: Coroutine[Any, Any, Reply]) -> None:
        try:
            waits_for = answering.send(None)
        except StopIteration as answered:
            self._write(answered.value)
            return
        connection = self._connection
        task = connection.loop.create_task(self._finish(answering, waits_for))
        connection.tasks.add(task)
        task.add_done_callback(connection.tasks.discard)

    async def _finish(self, answering: Coroutine[Any, Any, Reply], waits_for: Any) -> None:
        self._write(await _continued(answering, waits_for))

    def _write(self, reply: Reply) -> None:
        connection = self._connection
        if self.disconnected or connection.transport.is_closing():
            return
        self.keep_alive = self.keep_alive and not reply.closes
        lines = [STATUS_LINES[reply.status]]
        for name, value in (*connection.server_state.default_headers, *reply.headers):
            lines += (name, b": ", value, b"\r\n")
        lines.append(b"content-length: %d\r\n" % len(reply.body))
        lines.append(b"\r\n" if self.keep_alive else b"connection: close\r\n\r\n")
        lines.append(reply.body)
        connection.transport.write(b"".join(lines))
        self.response_complete = True
        if not self.keep_alive:
            connection.transport.close()
        connection.on_response_complete()


@coroutine
def _continued(answering: Coroutine[Any, Any, Reply], waits_for: Any) -> Generator[Any, Any, Reply]:
    """The rest of a coroutine that was begun outside a task, and what it first waits for."""
    while True:
        value, thrown = None, None
        try:
            value = yield waits_for
        except BaseException as error:  # such as a cancellation: the coroutine's to handle
            thrown = error
        try:
            waits_for = answering.send(value) if thrown is None else answering.throw(thrown)
        except StopIteration as answered:
            reply: Reply = answered.value
            return reply
