"""One connection to the upstream, and the exchange on it: asyncio.Protocol and httptools' response parser.

Law: a connection carries one exchange at a time and is used again only after a response that ended exactly where its
framing said.  Reading pauses while ``HIGH_WATER`` bytes wait to be taken, writing while the kernel takes no more.
"""

from __future__ import annotations

import asyncio
import select
import socket
from collections import deque
from collections.abc import Sequence
from typing import Protocol, cast

import httptools

from proxy_under_test.causes import Cause, UpstreamFailure
from proxy_under_test.transport import Header, Try, classify, framing

HIGH_WATER = 262_144  # bytes of one response held here; uvloop reads up to this much at once

# Linux: acknowledge now.  An upstream that sends by Nagle's rule (RFC 9293 section 3.7.4) holds the last segment of a
# response back until the one before is acknowledged, and a delayed acknowledgement takes 40 ms.
QUICKACK = getattr(socket, "TCP_QUICKACK", None)

INTERIM_LIMIT = 8  # 1xx heads before the final one (RFC 9110 section 15.2 sets none; a storm must end)


class Owner(Protocol):
    """Who made a connection."""

    def forget(self, connection: Connection) -> None:
        """The connection is gone; told once."""

    async def take_back(self, connection: Connection) -> None:
        """End the exchange; keep the connection or close it."""


class Connection(asyncio.Protocol):
    """A connection, and the response of its current exchange (``transport.Incoming``)."""

    # Set when the head of a response is complete, and read only after that.
    status = 0
    headers: Sequence[Header] = ()
    _length = framing.NO_BODY
    _keep_alive = False

    # A connection on which one of these was set is not used again, or sets it back itself.
    _failure: UpstreamFailure | None = None
    _paused = False
    _interim = False
    _lost_by: Exception | None = None  # as connection_lost said it, where no exchange was there to be told

    def __init__(self, head_limit: int, owner: Owner) -> None:
        self._head_limit = head_limit
        self._owner = owner
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._writable = asyncio.Event()
        self._writable.set()
        self._waiter: asyncio.Future[None] | None = None
        self._poll: select.poll | None = None
        self._attempt: Try | None = None
        self._parser: httptools.HttpResponseParser | None = None
        self.upload: asyncio.Task[None] | None = None
        self.idle_since = 0.0
        self.lost = False

    # --- the exchange, from the side of the one who asks

    def begin(self, method: str, attempt: Try) -> None:
        """Forget the exchange before; bytes that arrive from now on belong to this one."""
        self.head_done = False
        self.complete = False
        self._fields: list[Header] = []
        self._method = method
        self._attempt = attempt
        self._surplus = False
        self._interims = 0
        self._head_bytes = 0  # received since the last part of a body: of a head, a trailer section, a chunk's line
        self._chunks: deque[bytes] = deque()
        self._held = 0
        if self.lost:  # between connect and here, which are turns of the loop apart where addresses race
            self._ended(self._lost_by)
        elif self._parser is None:
            self._parser = httptools.HttpResponseParser(self)

    def write(self, data: bytes) -> None:
        """Hand ``data`` to the kernel, or keep it until the kernel takes it (see ``drain``)."""
        if self._transport is not None and self._attempt is not None and not self.lost:
            self._attempt.sent = True
            self._transport.write(data)

    async def drain(self) -> None:
        """Wait until the kernel takes more bytes, or the connection is gone."""
        await self._writable.wait()

    async def head(self) -> None:
        """Wait for the head of the final response.  Raises UpstreamFailure."""
        while not self.head_done:
            if self._failure is not None:
                raise self._failure
            self._waiter = self._loop.create_future()
            await self._waiter

    async def read(self) -> bytes:
        """The next bytes of the body, b"" at its end.  Raises UpstreamFailure where it broke off."""
        while not self._chunks:
            if self._failure is not None:
                raise self._failure
            if self.complete:
                return b""
            self._waiter = self._loop.create_future()
            await self._waiter
        data = self._chunks.popleft() if len(self._chunks) == 1 else b"".join(self._chunks)
        self._chunks.clear()
        self._held = 0
        if self._paused and self._transport is not None:
            self._paused = False
            self._transport.resume_reading()
        return data

    @property
    def finished(self) -> bool:
        """Whether the response is complete and all of it has been read."""
        return self.complete and not self._chunks and self._failure is None

    @property
    def until_close(self) -> bool:
        """Whether the body ends with the connection."""
        return self._length == framing.UNTIL_CLOSE

    @property
    def ready(self) -> bool:
        """Whether ``read`` would return at once."""
        return self.complete or bool(self._chunks)

    async def aclose(self) -> None:
        """Give the connection back to its owner; calling it twice is harmless."""
        if self._attempt is not None:
            await self._owner.take_back(self)

    def end(self, *, wanted: bool) -> bool:
        """End the exchange.  True where the connection can carry another one and is ``wanted``; else it is closed."""
        ended_well = self.head_done and self.finished and self._keep_alive and not self._surplus
        reusable = wanted and ended_well and not self.lost and self._writable.is_set()
        self._attempt = None
        self._failure = None  # raised, it leads by its traceback back to us
        if self._method == "HEAD":
            self._parser = None  # it would take the next response for the body that HEAD does not have
        if not reusable:
            self.abort()
        return reusable

    def abort(self) -> None:
        """Close at once, and drop what has not been sent."""
        if self._transport is not None:
            self._transport.abort()

    def is_alive(self) -> bool:
        """Whether an idle connection is still quiet: bytes or an end that wait in the kernel make it useless."""
        if self.lost or self._transport is None or self._transport.is_closing():
            return False
        if self._poll is None:
            self._poll = select.poll()
            self._poll.register(self._transport.get_extra_info("socket").fileno(), select.POLLIN)
        return not self._poll.poll(0)

    def _wake(self) -> None:
        waiter = self._waiter
        if waiter is not None:
            self._waiter = None
            if not waiter.done():  # cancelled, where whoever waited has left
                waiter.set_result(None)

    def _fail(self, failure: UpstreamFailure) -> None:
        if self._failure is None:
            self._failure = failure
        self.abort()

    # --- asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The connection stands."""
        self._transport = cast("asyncio.Transport", transport)

    def pause_writing(self) -> None:
        """The kernel takes no more."""
        self._writable.clear()

    def resume_writing(self) -> None:
        """The kernel takes bytes again."""
        self._writable.set()

    def data_received(self, data: bytes) -> None:
        """Bytes of the response came."""
        attempt = self._attempt
        if attempt is None:  # nobody asked: whatever this is, it must not become the next answer
            self.abort()
            return
        attempt.answered = True
        self._head_bytes += len(data)
        self._feed(data)
        if self._head_bytes > self._head_limit and not self.complete:
            self._fail(UpstreamFailure(Cause.BODY_MALFORMED if self.head_done else Cause.HEAD_TOO_LARGE))
        elif self._held > HIGH_WATER and not self._paused and self._transport is not None:
            self._paused = True
            self._transport.pause_reading()
        elif not self.complete and self._failure is None:
            self._acknowledge()
        self._wake()

    def _acknowledge(self) -> None:
        """Do not let the upstream wait for the acknowledgement of a part of a response."""
        if QUICKACK is not None and self._transport is not None:
            self._transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, QUICKACK, 1)

    def _feed(self, data: bytes) -> None:
        if self.complete:
            self._surplus = True
            return
        try:
            self._parser.feed_data(data)  # type: ignore[union-attr]  # begun, so there is one
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as exc:
            self._broken(exc)

    def _broken(self, error: Exception) -> None:
        if self.complete:
            self._surplus = True
            return
        cause = Cause.BODY_MALFORMED if self.head_done else _cause_in_head(str(error))
        self._fail(UpstreamFailure(cause, str(error)))

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is gone; ``exc`` says how, None for an orderly end."""
        self.lost = True
        self._writable.set()
        if self._attempt is None:
            self._lost_by = exc
        elif not self.complete:
            self._ended(exc)
        self._wake()
        self._owner.forget(self)
        self._parser = None  # it holds our methods, and with them us: only a collection would end that circle

    def _ended(self, exc: Exception | None) -> None:
        if self._failure is not None:
            return
        if self.head_done and self._length == framing.UNTIL_CLOSE and exc is None:
            self.complete = True
            return
        answered = self._attempt is not None and self._attempt.answered
        cause = classify.connection_ended(exc, answered=answered, head_done=self.head_done)
        failure = UpstreamFailure(cause)
        failure.__cause__ = exc
        self._failure = failure

    # --- httptools callbacks

    def on_message_begin(self) -> None:
        """A response begins; a second one was not asked for."""
        self._surplus = self.complete

    def on_header(self, name: bytes, value: bytes) -> None:
        """One field of a head; those of a trailer end here (RFC 9110 section 6.5.1)."""
        if not self.head_done:
            self._fields.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        """A head is complete: judge it."""
        if self.complete or self._failure is not None:
            return
        parser = self._parser
        if parser is None:
            return
        status = parser.get_status_code()
        if status < 200:
            self._pass_over_interim(status)
            return
        try:
            self._length = self._judge_head(status)
        except UpstreamFailure as failure:
            self._fail(failure)
            return
        self.status = status
        self.headers, self._fields = self._fields, []
        self._keep_alive = parser.should_keep_alive()
        self.head_done = True
        self._head_bytes = 0
        self.complete = self._length == framing.NO_BODY

    def _judge_head(self, status: int) -> int:
        if status > 599:
            raise UpstreamFailure(Cause.HEAD_MALFORMED, f"status {status}")
        if self._head_bytes > self._head_limit:
            size = sum(len(name) + len(value) + 4 for name, value in self._fields)
            if size > self._head_limit:
                raise UpstreamFailure(Cause.HEAD_TOO_LARGE)
        return framing.body_length(self._method, status, self._fields)

    def _pass_over_interim(self, status: int) -> None:
        self._interims += 1
        if status < 100 or status == 101 or self._interims > INTERIM_LIMIT:
            self._fail(UpstreamFailure(Cause.HEAD_MALFORMED, f"unexpected status {status}"))
        self._interim = True
        self._fields = []

    def on_body(self, body: bytes) -> None:
        """Bytes of the body, undone of chunks."""
        if self.complete:
            self._surplus = True
        elif not self.head_done:  # an interim answer has none (RFC 9112 section 6.3)
            self._fail(UpstreamFailure(Cause.HEAD_MALFORMED, "an interim answer with a body"))
        elif self._failure is None:
            self._chunks.append(body)
            self._held += len(body)
            self._head_bytes = 0

    def on_message_complete(self) -> None:
        """The response is complete, as its framing says."""
        if self._interim and not self.head_done:
            self._interim = False
        elif self.head_done and self._failure is None:
            self.complete = True
            # A trailer with "Connection: close" shuts the parser, whatever the head said.
            self._keep_alive = self._keep_alive and self._parser is not None and self._parser.should_keep_alive()


def _cause_in_head(said: str) -> Cause:
    """llhttp refuses contradicting framing before we see it, and says so in words only."""
    if "Content-Length" in said:
        return Cause.BAD_LENGTH
    return Cause.BAD_CODING if "Transfer-Encoding" in said else Cause.HEAD_MALFORMED
