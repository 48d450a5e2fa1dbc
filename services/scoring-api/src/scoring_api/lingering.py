"""Refusals that arrive: what is left of a request is taken and dropped before its connection closes.

TCP answers bytes that nobody reads with a reset, which makes a client forget what it was told (RFC 9112, 9.6). Knows
ASGI's messages, not what they say.
"""

from __future__ import annotations

import asyncio
import contextlib

from starlette.types import Message, Receive, Send

CLOSE = (b"connection", b"close")
MOST = 64 * 1024 * 1024
"""Bytes that are dropped at most, and"""
PATIENCE_S = 5
"""for how long: a client that is still sending then is left as it is."""


class Lingering:
    """One exchange; `receive` and `send` stand where ASGI's do, and `end` comes when nothing of the request is kept."""

    def __init__(self, receive: Receive, send: Send) -> None:
        self._receive = receive
        self._send = send
        self._unread = True
        self._closes = False
        self._unended = False

    async def receive(self) -> Message:
        """The next part of the request."""
        message = await self._receive()
        self._unread = message.get("more_body", False)
        return message

    async def send(self, message: Message) -> None:
        """The next part of the answer; all of it is told at once, but an end that would close too early waits."""
        if message["type"] == "http.response.start":
            self._closes = CLOSE in message["headers"]
        elif self._closes and self._unread and not message.get("more_body", False):
            self._unended = True
            message = {**message, "more_body": True}
        await self._send(message)

    async def end(self) -> None:
        """Drop what is left of the request, then let the connection close."""
        if self._unended:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(PATIENCE_S):
                    await self._drop()
            await self._send({"type": "http.response.body"})

    async def _drop(self) -> None:
        left = MOST
        while self._unread and left > 0:
            left -= len((await self.receive()).get("body", b""))
