"""The default transport: connections of our own, kept alive, newest first.

Law: no request is sent twice here.  A connection that went stale is noticed before it is used where that is possible,
and is the caller's failure to judge where it is not.
"""

from __future__ import annotations

import asyncio
import time

from proxy_under_test.body import Body
from proxy_under_test.causes import Cause, UpstreamFailure
from proxy_under_test.transport import Header, Outgoing
from proxy_under_test.transport.connect import connect
from proxy_under_test.transport.connection import Connection
from proxy_under_test.transport.upstream import Bounds, Upstream


class Pool:
    """Connections to one upstream."""

    def __init__(self, upstream: Upstream, bounds: Bounds) -> None:
        self._upstream = upstream
        self._bounds = bounds
        self._idle: list[Connection] = []
        self._open: set[Connection] = set()
        self._connecting = 0
        self._sweep: asyncio.TimerHandle | None = None
        self._closed = False

    @property
    def open_connections(self) -> int:
        """Connections to the upstream, busy and nascent ones included."""
        return len(self._open) + self._connecting

    @property
    def idle_connections(self) -> int:
        """Connections that wait for a next request."""
        return len(self._idle)

    async def send(self, request: Outgoing) -> Connection:
        """Send ``request`` once and wait for the head of its response."""
        attempt = request.attempt
        connection = None if request.fresh else self._reuse()
        if connection is None:
            connection = await self._connect()
        else:
            attempt.reused = True
        attempt.connected = True
        connection.begin(request.method, attempt)
        try:
            connection.upload = upload = _transmit(connection, request)
            if upload is None:
                await connection.head()
            else:
                await _await_head(connection, upload)
        except BaseException:
            await self.take_back(connection)
            raise
        return connection

    async def take_back(self, connection: Connection) -> None:
        """End the exchange on ``connection``; keep it where it can be used again."""
        upload, connection.upload = connection.upload, None
        unsent = upload is not None and not _succeeded(upload)
        wanted = not (unsent or self._closed or len(self._idle) >= self._bounds.idle_connections)
        if connection.end(wanted=wanted):
            connection.idle_since = time.monotonic()
            self._idle.append(connection)
            if self._sweep is None:
                self._plan_sweep(connection.idle_since)
        if upload is not None:
            await _settle(upload)

    async def aclose(self) -> None:
        """Close every connection."""
        self._closed = True
        if self._sweep is not None:
            self._sweep.cancel()
        for connection in tuple(self._open):
            connection.abort()
        self._idle.clear()

    def _reuse(self) -> Connection | None:
        oldest = time.monotonic() - self._bounds.idle_timeout_s
        while self._idle:
            connection = self._idle.pop()
            if connection.idle_since > oldest and connection.is_alive():
                return connection
            connection.abort()
        return None

    async def _connect(self) -> Connection:
        if self.open_connections >= self._bounds.connections:
            if not self._idle:
                raise UpstreamFailure(Cause.NO_CONNECTION_FREE)
            self._idle.pop(0).abort()
        self._connecting += 1
        try:
            connection = await connect(self._upstream, self._make, self._bounds.connect_timeout_s, Connection.abort)
        finally:
            self._connecting -= 1
        if not connection.lost:
            self._open.add(connection)
        return connection

    def _make(self) -> Connection:
        return Connection(self._bounds.head_limit, self)

    def forget(self, connection: Connection) -> None:
        """The connection is gone."""
        self._open.discard(connection)
        if connection in self._idle:
            self._idle.remove(connection)

    def _plan_sweep(self, oldest: float) -> None:
        left = oldest + self._bounds.idle_timeout_s - time.monotonic()
        self._sweep = asyncio.get_running_loop().call_later(max(0.0, left), self._close_old)

    def _close_old(self) -> None:
        self._sweep = None
        oldest = time.monotonic() - self._bounds.idle_timeout_s
        while self._idle and self._idle[0].idle_since <= oldest:
            self._idle.pop(0).abort()
        if self._idle:
            self._plan_sweep(self._idle[0].idle_since)


def _transmit(connection: Connection, request: Outgoing) -> asyncio.Task[None] | None:
    """Write the request; a body that is not all here yet is sent by the task that is returned."""
    body = request.body
    if body is None:
        connection.write(_head(request))
        return None
    whole = body.whole()
    if whole is not None:
        connection.write(_head(request, (b"content-length", b"%d" % len(whole))) + whole)
        return None
    if body.length is None:
        connection.write(_head(request, (b"transfer-encoding", b"chunked")))
    else:
        connection.write(_head(request, (b"content-length", b"%d" % body.length)))
    return asyncio.get_running_loop().create_task(_upload(connection, body))


def _head(request: Outgoing, *framing: Header) -> bytes:
    fields = b"\r\n".join(map(b": ".join, (*request.headers, *framing)))
    return b"%b %b HTTP/1.1\r\n%b\r\n\r\n" % (request.method.encode("ascii"), request.target, fields)


async def _upload(connection: Connection, body: Body) -> None:
    chunked = body.length is None
    async for chunk in body.chunks():
        if connection.lost:
            return
        connection.write(b"%x\r\n%s\r\n" % (len(chunk), chunk) if chunked else chunk)
        await connection.drain()
    if chunked:
        connection.write(b"0\r\n\r\n")


async def _await_head(connection: Connection, upload: asyncio.Task[None]) -> None:
    """Wait for the head, and for the upload's failure where that comes first."""
    head = asyncio.get_running_loop().create_task(connection.head())
    try:
        await asyncio.wait((head, upload), return_when=asyncio.FIRST_COMPLETED)
        if not head.done() and upload.done():
            upload.result()  # the client's fault, if any, is raised here
        await head
    finally:
        await _settle(head)


async def _settle(task: asyncio.Task[None]) -> None:
    """Cancel ``task`` and wait until it has ended, however it ends."""
    task.cancel()
    await asyncio.wait((task,))
    _succeeded(task)


def _succeeded(task: asyncio.Task[None]) -> bool:
    return task.done() and not task.cancelled() and task.exception() is None
