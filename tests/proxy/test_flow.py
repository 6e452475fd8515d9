"""A connection that is to close waits for its client to take what was written, as long as it takes something."""

from __future__ import annotations

import asyncio
import socket
from typing import cast

import uvloop

from proxy_under_test.server.flow import Flow

WRITTEN = 16 << 20  # more than the kernel holds for two sockets
PATIENCE_S = 0.2
WITHIN_S = 30


class Closing(asyncio.Protocol):
    """A server's side that writes and closes at once."""

    def __init__(self) -> None:
        self.lost: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Write, and close."""
        tcp = cast("asyncio.Transport", transport)
        tcp.write(b"x" * WRITTEN)
        self.flow = Flow(tcp, asyncio.get_running_loop(), PATIENCE_S)
        self.flow.close()

    def connection_lost(self, _: Exception | None) -> None:
        """The connection is gone."""
        self.lost.set_result(None)


async def served(*, reads: bool) -> int:
    """Bytes that a client got by the time the server's side was gone; it reads some ten times in the patience."""
    loop = asyncio.get_running_loop()
    closing = Closing()
    server = await loop.create_server(lambda: closing, "127.0.0.1", 0)
    got = 0
    with socket.socket() as sock:
        sock.setblocking(False)
        await loop.sock_connect(sock, server.sockets[0].getsockname())
        async with asyncio.timeout(WITHIN_S):
            while reads and (piece := await loop.sock_recv(sock, 1 << 20)):
                got += len(piece)
                await asyncio.wait([closing.lost], timeout=PATIENCE_S / 10)
            await closing.lost
    server.close()
    return got


def run(*, reads: bool) -> int:
    with asyncio.Runner(loop_factory=uvloop.Loop) as runner:
        return runner.run(served(reads=reads))


def test_a_client_that_takes_nothing_does_not_keep_its_connection() -> None:
    """It is broken off after the time of patience."""
    assert 0 == run(reads=False)


def test_a_slow_client_gets_all_of_its_last_answer() -> None:
    """However much longer than the time of patience it takes."""
    assert WRITTEN == run(reads=True)
