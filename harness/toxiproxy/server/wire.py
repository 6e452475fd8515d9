"""HTTP/1.1 for the API, on httptools: a whole framework would take longer to import than the server takes to start.

One request at a time per connection, in order; keep-alive; bodies up to 16 MiB, heads up to 1 MiB.  A client that
asks and does not read its answers is not read any more.
"""

from __future__ import annotations

import asyncio
from collections import deque
from email.utils import formatdate
from http import HTTPStatus
from typing import cast

import httptools

from harness.toxiproxy.server.api import Answer, Api, Request, refusal
from harness.toxiproxy.server.errors import ApiError

MAX_BODY_BYTES = 16 << 20
MAX_HEAD_BYTES = 1 << 20  # what Go's server takes
MAX_WAITING = 64  # requests of one client that are not answered yet, before it is not read any more
SERVER = "errorpath-toxiproxy"  # how a client tells this server from the real one


class ApiConnection(asyncio.Protocol):
    """One client of the API."""

    def __init__(self, api: Api, clients: set[ApiConnection]) -> None:
        self._api = api
        self._clients = clients
        self._parser = httptools.HttpRequestParser(self)
        self._transport: asyncio.Transport | None = None
        self._waiting: deque[tuple[Request, bool]] = deque()
        self._task: asyncio.Task[None] | None = None
        self._ended = False
        self._writable = asyncio.Event()
        self._writable.set()
        self._begin()

    def _begin(self) -> None:
        self._target = bytearray()
        self._headers: dict[bytes, bytes] = {}
        self._head_bytes: int | None = 0  # None once the head is whole
        self._body = bytearray()

    # the transport's callbacks

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A client is there."""
        self._transport = cast("asyncio.Transport", transport)
        self._clients.add(self)

    def data_received(self, data: bytes) -> None:
        """Parse what came."""
        if self._head_bytes is not None:
            self._head_bytes += len(data)  # the parser keeps a field to itself until it is whole
            if self._head_bytes > MAX_HEAD_BYTES:
                self._refuse(refusal(ApiError(f"bad request: a head longer than {MAX_HEAD_BYTES} bytes", 431)))
                return
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self._refuse(Answer(400, b"400 Bad Request", "text/plain; charset=utf-8"))
        except httptools.HttpParserError as error:
            cause = error.__context__
            answer = refusal(cause) if isinstance(cause, ApiError) else None
            self._refuse(answer or Answer(400, b"400 Bad Request", "text/plain; charset=utf-8"))
        if len(self._waiting) > MAX_WAITING and self._transport is not None:
            self._transport.pause_reading()

    def eof_received(self) -> bool:
        """The client asks no more: it still gets its answers."""
        self._ended = True
        return self._task is not None

    def pause_writing(self) -> None:
        """The client does not read: answer no more of its requests."""
        self._writable.clear()

    def resume_writing(self) -> None:
        """The client reads again."""
        self._writable.set()

    def connection_lost(self, exc: Exception | None) -> None:
        """The client is gone; what it asked for is still done."""
        self._transport = None
        self._clients.discard(self)
        self._writable.set()

    def close(self) -> None:
        """Drop the client."""
        if self._transport is not None:
            self._transport.abort()

    # the parser's callbacks

    def on_message_begin(self) -> None:
        """A request begins."""
        self._begin()

    def on_url(self, url: bytes) -> None:
        """Part of the target."""
        self._target += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """One header field."""
        self._headers[name.lower()] = value

    def on_headers_complete(self) -> None:
        """The head is there; a client that waits to be asked for its body is asked."""
        self._head_bytes = None
        waits = self._headers.get(b"expect", b"").lower() == b"100-continue"
        if waits and self._task is None and self._transport is not None:
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def on_body(self, body: bytes) -> None:
        """Part of the body."""
        self._body += body
        if len(self._body) > MAX_BODY_BYTES:
            raise ApiError(f"bad request body: longer than {MAX_BODY_BYTES} bytes", 413)

    def on_message_complete(self) -> None:
        """A request is whole: answer it when those before it are answered."""
        path, _, query = self._target.decode("latin-1").partition("?")
        request = Request(
            method=self._parser.get_method().decode("latin-1"),
            path=path,
            query=query,
            user_agent=self._headers.get(b"user-agent", b"").decode("latin-1"),
            body=bytes(self._body),
        )
        self._waiting.append((request, self._parser.should_keep_alive()))
        if self._task is None:
            self._task = asyncio.ensure_future(self._work())

    # answering

    async def _work(self) -> None:
        try:
            while self._waiting:
                await self._writable.wait()
                request, keep = self._waiting.popleft()
                answer = await self._api.answer(request)
                self._send(answer, keep=keep, head_only=request.method == "HEAD")
        finally:
            self._task = None
            self._go_on()

    def _go_on(self) -> None:
        """Every request is answered."""
        if self._transport is None or self._transport.is_closing():
            return
        if self._ended:
            self._transport.close()
        else:
            self._transport.resume_reading()

    def _refuse(self, answer: Answer) -> None:
        self._waiting.clear()
        self._send(answer, keep=False, head_only=False)

    def _send(self, answer: Answer, *, keep: bool, head_only: bool) -> None:
        if self._transport is None or self._transport.is_closing():
            return
        self._transport.write(_head(answer, keep=keep) + (b"" if head_only else answer.body))
        if not keep:
            self._transport.close()


def _head(answer: Answer, *, keep: bool) -> bytes:
    lines = [f"HTTP/1.1 {answer.status} {HTTPStatus(answer.status).phrase}"]
    if answer.type:
        lines.append(f"Content-Type: {answer.type}")
    lines += [f"{name}: {value}" for name, value in answer.headers.items()]
    lines += [f"Server: {SERVER}", f"Date: {formatdate(usegmt=True)}"]
    if answer.status != HTTPStatus.NO_CONTENT:
        lines.append(f"Content-Length: {len(answer.body)}")
    if not keep:
        lines.append("Connection: close")
    return "\r\n".join([*lines, "", ""]).encode("latin-1")
