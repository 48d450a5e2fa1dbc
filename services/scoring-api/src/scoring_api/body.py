"""Bodies on their way in: how far one is read, and how much those of all requests under way hold together.

Knows ASGI's messages, not what bodies say.
"""

from __future__ import annotations

from starlette.types import Message, Receive

from scoring_api.errors import BodyTooLargeError, NoRoomError, UnsupportedCodingError
from scoring_api.reply import Headers


class ClientGone(BaseException):
    """The connection closed before the request was complete: there is nobody to tell, so no handler of errors may."""


class Room:
    """Bytes that bodies may take together."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._taken = 0

    def take(self, size: int) -> None:
        """Keep this much for a body, or raise NoRoomError."""
        if self._taken + size > self._most:
            raise NoRoomError(f"the requests under way hold {self._most:,} bytes already; try again")
        self._taken += size

    def give_back(self, size: int) -> None:
        """It is no longer held."""
        self._taken -= size


class Body:
    """One body; its room is given back by `close`."""

    def __init__(self, room: Room, headers: Headers, receive: Receive, at_most: int) -> None:
        self._room = room
        self._receive = receive
        self._at_most = at_most
        self._headers = headers
        self._announced = announced(headers)
        self._size = 0
        self._complete = False

    async def receive(self) -> Message:
        """ASGI's next message, in its place.

        Raises:
            UnsupportedCodingError: the body would have to be unpacked.
            BodyTooLargeError: it will be, or has become, larger than it may; it is not read further.
            NoRoomError: so are all bodies together.
            ClientGone: it breaks off.
        """
        check_coding(self._headers)
        if self._announced > self._at_most:
            raise self._too_large()
        message = await self._receive()
        if self._complete:
            return message
        if message["type"] == "http.disconnect":
            raise ClientGone
        size = len(message["body"])
        if self._size + size > self._at_most:
            raise self._too_large()
        self._room.take(size)
        self._size += size
        self._complete = not message["more_body"]
        return message

    async def whole(self) -> bytes:
        """All of it; raises what `receive` raises."""
        parts = []
        while not self._complete:
            parts.append((await self.receive())["body"])
        return b"".join(parts)

    def close(self) -> None:
        """The request is answered."""
        self._room.give_back(self._size)

    def _too_large(self) -> BodyTooLargeError:
        return BodyTooLargeError(f"the body is larger than {self._at_most:,} bytes")


def announced(headers: Headers) -> int:
    """The Content-Length, 0 without."""
    return int(headers.get(b"content-length", b"0"))


def check_coding(headers: Headers) -> None:
    """Refuse a body that is packed, with UnsupportedCodingError."""
    if headers.get(b"content-encoding", b"identity").strip().lower() != b"identity":
        raise UnsupportedCodingError("send the body as it is, without a Content-Encoding")
