"""The response side of one exchange with the client, as ASGI messages.

Law: every response, of the upstream or of our own making, carries the request id and what CORS allows its origin.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from email.utils import formatdate
from typing import Any

from proxy_under_test.errors import Answer, Circumstances, ErrorWriter

# In a start message: the body is there already, and goes out with the head in one system call.
BODY_FOLLOWS = "errorpath.body_follows"

Header = tuple[bytes, bytes]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


class Reply:
    """What the client gets.  ``common`` are the headers of every response to this request."""

    __slots__ = ("_common", "_send", "bytes_out", "started", "status")

    def __init__(self, send: Send, common: list[Header]) -> None:
        self._send = send
        self._common = common
        self.started = False
        self.status = 0
        self.bytes_out = 0

    async def start(self, status: int, headers: list[Header], *, body_follows: bool = False) -> None:
        """Send status and headers; they may wait for the body where that ``body_follows`` at once."""
        self.started = True
        self.status = status
        await self._send(
            {
                "type": "http.response.start",
                "status": status,
                "headers": headers + self._common,
                BODY_FOLLOWS: body_follows,
            }
        )

    async def body(self, chunk: bytes, *, more: bool) -> None:
        """Send body bytes; waits while the client does not take them."""
        self.bytes_out += len(chunk)
        await self._send({"type": "http.response.body", "body": chunk, "more_body": more})

    async def error(self, writer: ErrorWriter, answer: Answer, about: Circumstances) -> None:
        """Send one whole error response."""
        body = writer.body(answer, about)
        date = (b"date", formatdate(usegmt=True).encode("ascii"))  # RFC 9110 section 6.6.1
        await self.start(answer.status, [*writer.headers(answer, body), date], body_follows=True)
        await self.body(body, more=False)


def common_headers(request_id: bytes, cors: list[Header]) -> list[Header]:
    """The headers of every response to one request."""
    return [(b"x-request-id", request_id), *cors]
