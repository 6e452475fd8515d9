"""One request and its response on a client's connection: the ASGI side of the server.

Law: a response that the application did not complete is broken for the client to see: no last chunk, no clean end.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import STATUS_LINE

from proxy_under_test.reply import CLOSE

Message = MutableMapping[str, Any]
App = Callable[[Any, Any, Any], Awaitable[None]]

_RESET = struct.pack("ii", 1, 0)  # SO_LINGER for zero seconds: close() sends RST
_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
LAST = [CLOSE]  # the last field of a response whose connection must not go on


class Cycle:
    """What uvicorn's protocol and an ASGI application need of one exchange."""

    begun = False
    disconnected = False
    more_body = True
    response_started = False
    response_complete = False
    task: asyncio.Task[None] | None = None
    _chunked = False
    _until_close = False
    _left: int | None = None
    _unsent_head = b""
    _waiter: asyncio.Future[None] | None = None
    _news = False
    _continued = False

    def __init__(
        self,
        scope: dict[str, Any],
        transport: asyncio.Transport,
        flow: FlowControl,
        loop: asyncio.AbstractEventLoop,
        *,
        keep_alive: bool,
        on_complete: Callable[[], None],
    ) -> None:
        self.scope = scope
        self.transport = transport
        self.flow = flow
        self.keep_alive = keep_alive
        self.body = bytearray()
        self._loop = loop
        self._on_complete = on_complete
        self._head = scope["method"] == "HEAD"

    def tell(self) -> None:
        """Something happened that ``receive`` may be waiting for."""
        self._news = True
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    async def run_asgi(self, app: App) -> None:
        """Run the application; whatever it leaves incomplete is broken off."""
        self.begun = True
        try:
            await app(self.scope, self.receive, self.send)
        except asyncio.CancelledError:
            if not self.disconnected:
                self.break_off()
            raise
        finally:
            if not self.response_complete and not self.disconnected:
                self.break_off()
            self._on_complete = _nothing
            # A cancelled task keeps its exception, that the frames, and one of them us: a circle of 13 KB for each
            # client that leaves, which only a collection would end.
            self.task = None

    def break_off(self) -> None:
        """End the connection so that the client sees an incomplete response."""
        self._flush_head()
        if self._until_close:
            with contextlib.suppress(OSError):
                tcp = self.transport.get_extra_info("socket")
                tcp.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            self.transport.abort()
        elif self.flow.write_paused or self.transport.get_write_buffer_size():
            # What the client does not take would keep the connection for as long as it likes.
            self.transport.abort()
        else:
            self.transport.close()

    async def receive(self) -> Message:
        """The next part of the request body, or that the client left."""
        if not self.response_started and self._expects_continue():
            self.transport.write(_CONTINUE)
        if not self.disconnected and not self.response_complete:
            self.flow.resume_reading()
            await self._wait()
        if self.disconnected or self.response_complete:
            return {"type": "http.disconnect"}
        message = {"type": "http.request", "body": bytes(self.body), "more_body": self.more_body}
        self.body = bytearray()
        return message

    async def _wait(self) -> None:
        while not self._news:
            self._waiter = self._loop.create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None
        self._news = False

    def _expects_continue(self) -> bool:
        """Whether the client waits for 100 before it sends its body; true once."""
        if self._continued or self.body or not self.more_body or self.transport.is_closing():
            return False
        self._continued = True
        if self.scope["http_version"] != "1.1":  # HTTP/1.0 would take it for the answer (RFC 9110 section 10.1.1)
            return False
        return any(n == b"expect" and v.lower() == b"100-continue" for n, v in self.scope["headers"])

    async def send(self, message: Message) -> None:
        """Write one ASGI message; waits afterwards while the client does not take what was written."""
        if self.disconnected or self.response_complete:
            return
        if not self.response_started:
            self._start(message)
            if "body" not in message:  # reply.FUSED
                self._flush_head()
                return
        more = message.get("more_body", False)
        self._write(message.get("body", b""), more)
        if not more:
            self._finish()
        elif self.flow.write_paused:
            await self.flow.drain()

    def _start(self, message: Message) -> None:
        status: int = message["status"]
        self.response_started = True
        headers: list[tuple[bytes, bytes]] = message["headers"]
        if headers[-1:] == LAST:
            self.keep_alive = False
            headers = headers[:-1]
        elif self.more_body:
            # Nobody may be going to read the rest, and a client could send it for as long as it likes.
            self.keep_alive = False
        framing = b""
        length = dict(headers).get(b"content-length")
        if self._head or status in (204, 304):
            self._left = 0
        elif length is not None:
            self._left = int(length)
        else:
            framing = self._frame()
        if not self.keep_alive:
            framing += b"connection: close\r\n"
        fields = b"\r\n".join(map(b": ".join, headers))
        self._unsent_head = b"%b%b\r\n%b\r\n" % (STATUS_LINE[status], fields, framing)

    def _flush_head(self) -> None:
        if self._unsent_head:
            head, self._unsent_head = self._unsent_head, b""
            self.transport.write(head)

    def _frame(self) -> bytes:
        if self.scope["http_version"] == "1.1":
            self._chunked = True
            return b"transfer-encoding: chunked\r\n"
        # HTTP/1.0 knows no chunks; the end of the connection is the end of the body
        self._until_close = True
        self.keep_alive = False
        return b""

    def _write(self, body: bytes, more: bool) -> None:
        if self._chunked:
            data = b"%x\r\n%b\r\n" % (len(body), body) if body else b""
            if not more:
                data += b"0\r\n\r\n"
        elif self._left is None:
            data = body
        else:
            data = body[: self._left]
            self._left -= len(data)
        if self._unsent_head:  # one system call and one segment; uvloop makes two of two writes
            data, self._unsent_head = self._unsent_head + data, b""
        if data:
            self.transport.write(data)

    def _finish(self) -> None:
        if self._left:
            return  # shorter than it said: run_asgi breaks it off
        self.response_complete = True
        self.tell()
        self._on_complete()


def _nothing() -> None:
    return None
