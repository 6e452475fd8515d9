"""The response side of one exchange with the client, as ASGI messages.

Law: every response, of the upstream or of our own making, carries the request id and what CORS allows its origin.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, MutableMapping
from email.utils import formatdate
from functools import lru_cache
from typing import Any

from proxy_under_test.causes import Refusal
from proxy_under_test.errors import Answer, Circumstances, ErrorWriter

# An ASGI extension of our server: a start message may carry the first part of the body, too ("body", "more_body"), so
# that a small response takes one step and one system call.
FUSED = "errorpath.fused"

# With what the server cancels the task of a client that left; whoever is cancelled finds it in the exception's args.
LEFT = ("the client left",)


def refusal_in(cancelled: asyncio.CancelledError) -> Refusal | None:
    """What the server cancels the task of a request with whose body turned out to be no HTTP."""
    (reason,) = cancelled.args[:1] or (None,)
    return reason if isinstance(reason, Refusal) else None


# As the last field: the connection ends with this response.
CLOSE = (b"connection", b"close")

Header = tuple[bytes, bytes]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


class Reply:
    """What the client gets.  ``common`` are the headers of every response to this request."""

    __slots__ = ("_common", "_fused", "_send", "bytes_out", "started", "status")

    def __init__(self, send: Send, common: list[Header], *, fused: bool = False) -> None:
        self._send = send
        self._common = common
        self._fused = fused
        self.started = False
        self.status = 0
        self.bytes_out = 0

    async def start(self, status: int, headers: list[Header]) -> None:
        """Send status and headers."""
        self.started = True
        self.status = status
        await self._send({"type": "http.response.start", "status": status, "headers": headers + self._common})

    async def first(self, status: int, headers: list[Header], chunk: bytes, *, more: bool) -> None:
        """Send status, headers and the first part of the body, in one message where the server takes that."""
        if not self._fused:
            await self.start(status, headers)
            await self.body(chunk, more=more)
            return
        self.started = True
        self.status = status
        self.bytes_out = len(chunk)
        await self._send(
            {
                "type": "http.response.start",
                "status": status,
                "headers": headers + self._common,
                "body": chunk,
                "more_body": more,
            }
        )

    async def body(self, chunk: bytes, *, more: bool) -> None:
        """Send body bytes; waits while the client does not take them."""
        self.bytes_out += len(chunk)
        await self._send({"type": "http.response.body", "body": chunk, "more_body": more})

    async def error(self, writer: ErrorWriter, answer: Answer, about: Circumstances) -> None:
        """Send one whole error response."""
        body = writer.body(answer, about)
        headers = [*writer.headers(answer, body, about.allow), date()]
        await self.first(answer.status, headers, body, more=False)


def date() -> Header:
    """The field that says when a response was made (RFC 9110 section 6.6.1)."""
    return _date(int(time.time()))


@lru_cache(maxsize=1)  # a second has many responses
def _date(second: int) -> Header:
    return b"date", formatdate(second, usegmt=True).encode("ascii")


def common_headers(request_id: bytes, cors: list[Header]) -> list[Header]:
    """The headers of every response to one request."""
    return [(b"x-request-id", request_id), *cors]
