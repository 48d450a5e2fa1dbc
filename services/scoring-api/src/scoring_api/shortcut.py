"""The short way for one route: from the parser's last byte to the answer, without ASGI's task, queue and messages.

`ShortCycle` stands where uvicorn's protocol expects the cycle of the request under way, so that everything else (bodies
in pieces, pipelining, keep-alive, disconnects, shutdown) stays uvicorn's. A request goes to the edge with a way back,
and no task is made for it; one with an Idempotency-Key, which must be looked up, goes on as a task.
"""

from __future__ import annotations

from collections.abc import Iterable
from http import HTTPStatus
from typing import TYPE_CHECKING

from scoring_api.edge import KEY
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
            if KEY in self._headers:
                task = connection.loop.create_task(self._wait())
                connection.tasks.add(task)
                task.add_done_callback(connection.tasks.discard)
            else:
                connection.edge.ask(self._headers, bytes(self.body), self._write)

    async def _wait(self) -> None:
        self._write(await self._connection.edge.score(self._headers, bytes(self.body)))

    def _write(self, reply: Reply) -> None:
        connection = self._connection
        if self.disconnected or connection.transport.is_closing():
            return
        self.keep_alive = self.keep_alive and not reply.closes
        connection.transport.write(on_wire(reply, connection.server_state.default_headers, self.keep_alive))
        self.response_complete = True
        if not self.keep_alive:
            connection.transport.close()
        connection.on_response_complete()


def on_wire(reply: Reply, headers: Iterable[tuple[bytes, bytes]], keep_alive: bool) -> bytes:
    """A reply as HTTP/1.1, with the headers of every reply before its own."""
    lines = [STATUS_LINES[reply.status]]
    for name, value in (*headers, *reply.headers):
        lines += (name, b": ", value, b"\r\n")
    lines.append(b"content-length: %d\r\n" % len(reply.body))
    lines.append(b"\r\n" if keep_alive else b"connection: close\r\n\r\n")
    lines.append(reply.body)
    return b"".join(lines)
