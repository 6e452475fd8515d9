"""A TCP relay that can refuse, go silent, or cut: how the tests stand between the backend and its servers."""

from __future__ import annotations

import asyncio
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from harness.clock import poll_until_async

CHUNK = 65536
WITHIN_S = 5.0
RST_ON_CLOSE = struct.pack("ii", 1, 0)


class Wire:
    """A relay to ``upstream`` on a port of its own; runs in a thread, is driven from the test."""

    def __init__(self, host: str, upstream: int) -> None:
        self._upstream = (host, upstream)
        self._reserved = _bound(0)  # never listens: the port stays ours while it refuses
        self.port: int = self._reserved.getsockname()[1]
        self._streams: set[asyncio.StreamWriter] = set()
        self._flowing = asyncio.Event()
        self._awaited = b""
        self._losing = False
        self._server: asyncio.Server | None = None
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="wire", daemon=True)
        self._thread.start()
        self._do(self._heal)

    def cut(self) -> None:
        """Reset every connection that there is; new ones are relayed."""
        self._do(self._reset_all)

    @contextmanager
    def refused(self) -> Iterator[None]:
        """Refuse connections, and reset those that there are."""
        self._do(self._refuse)
        try:
            yield
        finally:
            self._do(self._heal)

    @contextmanager
    def silent(self) -> Iterator[None]:
        """Accept and carry nothing, either way; what was held back goes on afterwards."""
        with self.silenced_later() as silence:
            silence()
            yield

    @contextmanager
    def silenced_later(self) -> Iterator[Callable[[], None]]:
        """`silent`, from when what is given here is called."""
        try:
            yield lambda: self._do(self._flowing.clear)
        finally:
            self._do(self._flowing.set)

    def lose_answer_to(self, said: bytes) -> None:
        """Carry the next chunk with ``said`` in it to the server, and reset in place of its answer."""
        self._awaited = said

    def close(self) -> None:
        """Stop, and end the thread."""
        self._do(self._refuse)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(WITHIN_S)
        self._loop.close()
        self._reserved.close()

    def _do(self, change: Callable[[], object]) -> None:
        async def run() -> None:
            made = change()
            if asyncio.iscoroutine(made):
                await made

        asyncio.run_coroutine_threadsafe(run(), self._loop).result(WITHIN_S)

    async def _heal(self) -> None:
        self._flowing.set()
        self._server = await asyncio.start_server(self._relay, sock=_bound(self.port))

    async def _refuse(self) -> None:
        assert self._server is not None
        self._server.close()
        self._reset_all()
        self._flowing.set()
        await poll_until_async(lambda: not self._streams, within_s=WITHIN_S, what="the relays to end")

    def _reset_all(self) -> None:
        for writer in self._streams:
            writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RST_ON_CLOSE)
            writer.transport.abort()

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        ends = {writer}
        self._streams |= ends
        try:
            up_reader, up_writer = await asyncio.open_connection(*self._upstream)
            ends.add(up_writer)
            self._streams |= ends
            up = asyncio.ensure_future(self._carry(reader, up_writer, self._heard))
            down = asyncio.ensure_future(self._carry(up_reader, writer, self._lost))
            await asyncio.wait({up, down}, return_when=asyncio.FIRST_COMPLETED)
            for way in (up, down):
                way.cancel()
            await asyncio.gather(up, down, return_exceptions=True)
        except OSError:
            pass  # the server is gone; so is the connection, then
        finally:
            self._streams -= ends
            for end in ends:
                end.close()

    async def _carry(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, lost: Callable[[bytes], bool]
    ) -> None:
        while chunk := await reader.read(CHUNK):
            await self._flowing.wait()
            if lost(chunk):
                self._reset_all()
                return
            writer.write(chunk)
            await writer.drain()

    def _heard(self, chunk: bytes) -> bool:
        if self._awaited and self._awaited in chunk:
            self._awaited, self._losing = b"", True
        return False

    def _lost(self, _: bytes) -> bool:
        lost, self._losing = self._losing, False
        return lost


def _bound(port: int) -> socket.socket:
    taken = socket.socket()
    taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    taken.bind(("127.0.0.1", port))
    return taken
