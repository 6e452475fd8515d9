"""An upstream that sends by Nagle's rule: the last segment of its response waits for an acknowledgement."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
import time
from collections.abc import Iterator

import pytest

from proxy_under_test.transport import Outgoing
from proxy_under_test.transport.pool import Pool
from proxy_under_test.transport.upstream import Bounds, locate

EXCHANGES = 40
DELAYED_S = 0.035  # Linux delays an acknowledgement by 40 ms
SEGMENTS = (b"HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n", b"0123456789", b"0123456789")


@contextlib.contextmanager
def nagling() -> Iterator[int]:
    """The port of a server that writes each response in three parts, on one connection, without TCP_NODELAY."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            connection, _ = listener.accept()
            with connection, contextlib.suppress(OSError):
                while connection.recv(65_536):
                    for segment in SEGMENTS:
                        connection.send(segment)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield listener.getsockname()[1]
        thread.join(5)


@pytest.mark.skipif(not hasattr(socket, "TCP_QUICKACK"), reason="only Linux can be told to acknowledge now")
def test_no_response_waits_for_a_delayed_acknowledgement() -> None:
    """What the proxy has read of a response it acknowledges at once, so that the rest need not wait."""

    async def act(port: int) -> list[float]:
        pool = Pool(locate(f"http://127.0.0.1:{port}"), Bounds())
        taken = []
        for _ in range(EXCHANGES):
            began = time.monotonic()
            response = await pool.send(Outgoing("GET", b"/api/x", [(b"host", b"x")]))
            while not response.finished:
                await response.read()
            await response.aclose()
            taken.append(time.monotonic() - began)
        await pool.aclose()
        return taken

    with nagling() as port:
        taken = asyncio.run(act(port))

    # Without, nearly every one waits; a quarter is left to stalls of a busy machine.
    assert sum(seconds >= DELAYED_S for seconds in taken) < EXCHANGES // 4, taken
