"""One accepted connection, byte for byte.

Law: a task reads ahead all the time, so the moment the peer leaves is known even while nothing is being read;
it stops reading when ``READ_AHEAD`` bytes wait, so an upload that nobody reads is held back by TCP.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct

from harness.clock import now
from harness.traffic.request import Cut, MalformedRequest

READ_AHEAD = 1 << 18
PIECE = 1 << 16
LINGER_S = 1.0  # how long a FIN may wait for the peer's when unread bytes would turn it into an RST

RESET_ON_CLOSE = struct.pack("ii", 1, 0)  # l_onoff, l_linger: close() sends RST


class PeerGone(Exception):
    """The peer closed or reset the connection."""


class Wire:
    """Reads, writes and ends one connection; `peer_closed_at` is set the moment the peer leaves."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._loop = asyncio.get_running_loop()
        self._buffer = bytearray()
        self._changed = asyncio.Event()
        self._room = asyncio.Event()
        self._gone = asyncio.Event()
        self._pump = asyncio.create_task(self._read_ahead())
        self.peer_closed_at: float | None = None
        self.reset_by_peer = False
        self.closed_at: float | None = None
        self.bytes_sent = 0

    async def _read_ahead(self) -> None:
        while True:
            data = await self._receive()
            if not data:
                break
            self._buffer += data
            self._changed.set()
            if len(self._buffer) >= READ_AHEAD:
                self._room.clear()
                await self._room.wait()
        self.peer_closed_at = now()
        self._gone.set()
        self._changed.set()

    async def _receive(self) -> bytes:
        try:
            return await self._loop.sock_recv(self._sock, PIECE)
        except OSError:
            self.reset_by_peer = True
            return b""

    @property
    def unread(self) -> int:
        """Bytes that came and were not yet taken."""
        return len(self._buffer)

    async def more(self, beyond: int) -> None:
        """Wait for more than ``beyond`` unread bytes; raises Cut when the peer closes first."""
        while len(self._buffer) <= beyond:
            if self._gone.is_set():
                raise Cut
            self._changed.clear()
            await self._changed.wait()

    async def some(self, most: int) -> bytes:
        """At least one byte and at most ``most``; raises Cut."""
        await self.more(0)
        return self._take(min(most, len(self._buffer)))

    async def until(self, mark: bytes, limit: int) -> bytes:
        """Bytes up to and including ``mark``; raises Cut, and MalformedRequest past ``limit`` bytes."""
        searched = 0
        while (found := self._buffer.find(mark, max(0, searched - len(mark)))) < 0:
            searched = len(self._buffer)
            if searched > limit:
                raise MalformedRequest(f"no {mark!r} within {limit} bytes")
            if searched >= READ_AHEAD:
                self._room.set()
            await self.more(searched)
        return self._take(found + len(mark))

    def _take(self, length: int) -> bytes:
        taken = bytes(self._buffer[:length])
        del self._buffer[:length]
        if len(self._buffer) < READ_AHEAD:
            self._room.set()
        return taken

    async def write(self, data: bytes) -> None:
        """Hand ``data`` to the kernel, counting what it takes; raises PeerGone."""
        view = memoryview(data)
        while view:
            try:
                sent = self._sock.send(view)
            except BlockingIOError:
                await self._writable()
                continue
            except OSError as exc:
                self._left()
                raise PeerGone from exc
            self.bytes_sent += sent
            view = view[sent:]

    async def _writable(self) -> None:
        ready = asyncio.Event()
        self._loop.add_writer(self._sock, ready.set)
        try:
            await ready.wait()
        finally:
            self._loop.remove_writer(self._sock)

    def _left(self) -> None:
        if self.peer_closed_at is None:
            self.peer_closed_at = now()
            self.reset_by_peer = True

    async def gone(self, within_s: float | None = None) -> bool:
        """Wait until the peer leaves, at most ``within_s`` wall seconds; whether it did."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._gone.wait(), within_s)
        return self._gone.is_set()

    async def fin(self) -> None:
        """End the connection with a FIN, also where unread bytes would make the kernel send an RST."""
        if self.closed_at is not None:
            return
        with contextlib.suppress(OSError):
            self._sock.shutdown(socket.SHUT_WR)
        self.closed_at = now()
        if self._buffer or self._waits_in_kernel():
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._discard(), LINGER_S)
        await self._close()

    def _waits_in_kernel(self) -> bool:
        try:
            return bool(self._sock.recv(1, socket.MSG_PEEK))
        except OSError:
            return False

    async def _discard(self) -> None:
        """Take all that comes until the peer leaves (as nginx's lingering close does)."""
        with contextlib.suppress(Cut):
            while True:
                await self.some(PIECE)

    async def rst(self) -> None:
        """End the connection with an RST."""
        if self.closed_at is not None:
            return
        with contextlib.suppress(OSError):
            self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
        self.closed_at = now()
        await self._close()

    async def _close(self) -> None:
        # The loop must have let go of the descriptor before it is closed and its number used again.
        self._pump.cancel()
        await asyncio.gather(self._pump, return_exceptions=True)
        self._sock.close()
