"""One client and its upstream: two transports and the two flows between them."""

from __future__ import annotations

import asyncio
import socket
import struct
import time
from collections.abc import Callable, Sequence
from random import Random
from typing import TYPE_CHECKING, Protocol, cast

from harness.toxiproxy.server.address import reason
from harness.toxiproxy.server.flow import Flow
from harness.toxiproxy.server.report import Ended, Record
from harness.toxiproxy.server.stage import Applied, End

if TYPE_CHECKING:
    from harness.toxiproxy.server.timers import Timers

RESET_ON_CLOSE = struct.pack("ii", 1, 0)  # SO_LINGER: on, 0 s: close() discards and sends RST
HIGH_WATER_BYTES = 256 << 10  # unsent bytes in a transport before its sender is stopped


class Side(asyncio.Protocol):
    """One of the two ends; ``outgoing`` is the flow it sends into, ``incoming`` the one it receives from."""

    __slots__ = ("_connection", "data_received", "incoming", "outgoing", "transport")

    def __init__(self, connection: Connection, outgoing: Flow, incoming: Flow) -> None:
        self._connection = connection
        self.outgoing = outgoing
        self.incoming = incoming
        self.transport: asyncio.Transport | None = None
        self.data_received = outgoing.feed  # type: ignore[method-assign]  # one call less for every chunk

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Remember the transport."""
        self.transport = cast("asyncio.Transport", transport)
        self.transport.set_write_buffer_limits(high=HIGH_WATER_BYTES)

    def eof_received(self) -> bool:
        """Pass the FIN on; the other direction stays open."""
        self._connection.fin_from(self)
        return True

    def pause_writing(self) -> None:
        """The peer does not read: stop who sends to it."""
        self.incoming.block(self)

    def resume_writing(self) -> None:
        """The peer reads again."""
        self.incoming.unblock(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """The socket is gone."""
        self._connection.lost(self, exc)


class Owner(Protocol):
    """What a connection needs of its proxy."""

    timers: Timers

    def toxics_on(self, direction: str) -> Sequence[Applied]:
        """The toxics of a stream, in order."""

    def forget(self, connection: Connection) -> None:
        """The connection is over."""


class Connection:
    """A client that was accepted, and the upstream it is (being) connected to."""

    def __init__(self, owner: Owner, client: socket.socket, record: Record, draw: Callable[[str], Random]) -> None:
        self._owner = owner
        self._client_socket = client
        self.record = record
        self.upstream = Flow(self, record.upstream, owner.timers, draw)
        self.downstream = Flow(self, record.downstream, owner.timers, draw)
        self.client = Side(self, self.upstream, self.downstream)
        self.server = Side(self, self.downstream, self.upstream)
        self._task: asyncio.Task[None] | None = None
        self._over = False

    # life

    def start(self, dial: Callable[[], object]) -> None:
        """Dial the upstream in the background: a black hole stalls this connection and no other."""
        self._task = asyncio.ensure_future(self._run(dial))  # type: ignore[arg-type]

    async def _run(self, dial: Callable[[], asyncio.Future[socket.socket]]) -> None:
        upstream: socket.socket | None = None
        try:
            upstream = await dial()
            await self._join(upstream)
        except OSError as error:
            self.record.end(Ended.DIAL_FAILED, reason(error))
        finally:
            self._task = None
            if self.client.transport is None or self.server.transport is None:
                self._abandon(upstream)

    async def _join(self, upstream: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        for sock in (self._client_socket, upstream):
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        await loop.create_connection(lambda: self.server, sock=upstream)
        await loop.connect_accepted_socket(lambda: self.client, self._client_socket)
        client, server = self.client.transport, self.server.transport
        if client is None or server is None:  # one of them is gone already
            return
        self.record.connected = time.monotonic()
        self.upstream.connect(client, server, self._owner.toxics_on("upstream"))
        self.downstream.connect(server, client, self._owner.toxics_on("downstream"))

    def _abandon(self, upstream: socket.socket | None) -> None:
        """It never came to two transports."""
        for side, sock in ((self.client, self._client_socket), (self.server, upstream)):
            if side.transport is not None:
                side.transport.abort()
            elif sock is not None:
                sock.close()
        self._finish()

    def kill(self, how: Ended) -> None:
        """Close both sides at once, whatever is on its way."""
        self.record.end(how)
        if self._task is not None:
            self._task.cancel()
        self._abort()
        if self.client.transport is None:
            self._client_socket.close()

    def _abort(self) -> None:
        self.upstream.discard()
        self.downstream.discard()
        for side in (self.client, self.server):
            if side.transport is not None:
                side.transport.abort()

    def _finish(self) -> None:
        if not self._over:
            self._over = True
            self.upstream.release()
            self.downstream.release()
            self._owner.forget(self)
            # Each refers to this connection, and circles would stay until the collector comes.
            del self.client, self.server, self.upstream, self.downstream

    # what the sides say

    def fin_from(self, side: Side) -> None:
        """A side ended its stream."""
        self.record.end(Ended.CLIENT_CLOSED if side is self.client else Ended.UPSTREAM_CLOSED)
        side.outgoing.end(End.FIN)

    def lost(self, side: Side, exc: Exception | None) -> None:
        """A side's socket is gone: by a reset, or because we closed it."""
        if self._over:
            return
        side.incoming.discard()
        if exc is not None:
            self.record.end(Ended.CLIENT_RESET if side is self.client else Ended.UPSTREAM_RESET, str(exc))
        side.outgoing.end(End.CLOSED if exc is None else End.RST)
        side.transport = None
        if self._task is None and self.client.transport is None and self.server.transport is None:
            self._finish()

    # what the flows say

    def stream_over(self, flow: Flow, how: End) -> None:
        """An end came out of a flow."""
        receiver = self.server if flow is self.upstream else self.client
        if how is End.RST:
            self._reset()
        elif how is End.CLOSED or (self.upstream.done and self.downstream.done):
            flow.done = True
            _close(receiver)
        else:
            self._half_close(flow, receiver)

    def _half_close(self, flow: Flow, receiver: Side) -> None:
        flow.done = True
        if receiver.transport is not None and not receiver.transport.is_closing():
            receiver.transport.write_eof()
        if self.upstream.done and self.downstream.done:
            _close(self.client)
            _close(self.server)

    def close_by(self, flow: Flow, toxic: str) -> None:
        """A toxic closes: the receiver at once, the sender after what is on its way to it."""
        self.record.end(Ended.TOXIC, toxic)
        flow.discard()
        _close(self.server if flow is self.upstream else self.client)
        (self.downstream if flow is self.upstream else self.upstream).end(End.CLOSED)

    def reset_by(self, toxic: str) -> None:
        """A toxic resets both sides."""
        self.record.end(Ended.TOXIC, toxic)
        self._reset()

    def _reset(self) -> None:
        for side in (self.client, self.server):
            if side.transport is not None:
                sock = side.transport.get_extra_info("socket")
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
        self._abort()


def _close(side: Side) -> None:
    if side.transport is not None:
        side.transport.close()
