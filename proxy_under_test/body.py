"""The request body: read once from the client, sent as often as the policy allows.

Law: bytes are kept for a replay only up to ``keep`` bytes; when more have been read, what was kept is dropped and the
body is no longer replayable.  Reading is on demand, so a slow upstream holds the client back.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from typing import Any

from proxy_under_test.causes import Cause, Refusal

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]


class ClientGone(Exception):
    """The client left before its request was complete."""


class Body:
    """A request body.  ``length`` is its Content-Length, None where the client sends it in chunks.

    ``awaited`` says whether it is the client that is waited for, and still says so where that wait was cut short.
    """

    def __init__(self, receive: Receive, length: int | None, *, keep: int, limit: int | None) -> None:
        self._receive = receive
        self._kept: list[bytes] = []
        self._ahead = b""  # read before it was asked for, and not kept
        self._keep = keep
        self._limit = limit
        self.length = length
        self.read = 0
        self.complete = length == 0
        self.replayable = True
        self.awaited = False

    async def prefetch(self) -> None:
        """Read what is there already: most bodies arrive with their head, and can then be sent in one write."""
        if not self.complete and not self.read:
            chunk = await self._next()
            self._ahead = b"" if self.replayable else chunk

    def whole(self) -> bytes | None:
        """The body in one piece, where it has been read to its end and kept."""
        return b"".join(self._kept) if self.complete and self.replayable else None

    async def chunks(self) -> AsyncIterator[bytes]:
        """The body from its first byte, however often this is called while ``replayable``."""
        self.awaited = False
        ahead, self._ahead = self._ahead, b""
        if ahead:
            yield ahead
        for chunk in tuple(self._kept):
            yield chunk
        while not self.complete:
            chunk = await self._next()
            if chunk:
                yield chunk

    async def _next(self) -> bytes:
        self.awaited = True
        message = await self._receive()
        self.awaited = False
        if message["type"] != "http.request":
            raise ClientGone
        chunk: bytes = message.get("body", b"")
        self.complete = not message.get("more_body", False)
        self.read += len(chunk)
        if self._limit is not None and self.read > self._limit:
            raise Refusal(Cause.BODY_TOO_LARGE)
        self._remember(chunk)
        return chunk

    def _remember(self, chunk: bytes) -> None:
        if not self.replayable:
            return
        if self.read > self._keep:
            self._kept.clear()
            self.replayable = False
        elif chunk:
            self._kept.append(chunk)
