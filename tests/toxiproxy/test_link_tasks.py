"""What a connection needs lives as long as the connection: seen from inside the server's process."""

from __future__ import annotations

import asyncio
import gc
import json
import socket
import struct
from contextlib import AsyncExitStack

import pytest
import uvloop

from harness.clock import poll_until_async
from harness.toxiproxy.server.collection import Collection
from harness.toxiproxy.server.connection import Connection, Side
from harness.toxiproxy.server.flow import Flow
from harness.toxiproxy.server.proxy import Proxy
from harness.toxiproxy.server.stage import Stage
from harness.toxiproxy.server.timers import Alarm, Timers
from harness.traffic.ports import FullBacklog, bound

CONNECTIONS = 60
WITHIN_S = 10.0
RST_ON_CLOSE = struct.pack("ii", 1, 0)
HOLDING = [  # each holds something back when the connection goes
    {"type": "latency", "attributes": {"latency": 3_600_000}},
    {"type": "bandwidth", "attributes": {"rate": 0}},
    {"type": "timeout", "attributes": {"timeout": 3_600_000}},
    {"type": "slow_close", "stream": "upstream", "attributes": {"delay": 3_600_000}},
    {"type": "reset_peer", "attributes": {"timeout": 3_600_000}},
    {"type": "slicer", "attributes": {"average_size": 1, "delay": 3_600_000_000}},
    {"type": "noop"},
]


def alive() -> list[object]:
    """Everything that belongs to some connection, garbage as well."""
    return [found for found in gc.get_objects() if isinstance(found, Connection | Side | Flow | Stage | Alarm)]


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Send back what comes."""
    try:
        while piece := await reader.read(1000):
            writer.write(piece)
            await writer.drain()
    except ConnectionError:
        pass
    finally:
        writer.close()


async def proxy_to(upstream: str, collection: Collection) -> tuple[Proxy, int]:
    """A new proxy, and its port."""
    proxy = await collection.create(
        json.dumps({"name": upstream, "listen": "127.0.0.1:0", "upstream": upstream}).encode()
    )
    return proxy, int(proxy.listen.rsplit(":", 1)[1])


async def come_and_go(port: int) -> None:
    """A connection that sends something and is closed, or reset."""
    for number in range(CONNECTIONS):
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"x" * 100)
        await asyncio.sleep(0)
        if number % 2:
            writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RST_ON_CLOSE)
            writer.transport.abort()
        else:
            writer.close()


async def main(toxic: dict[str, object]) -> tuple[int, list[object]]:
    """Tasks and objects that are left once the proxies are removed."""
    before = len(asyncio.all_tasks())
    timers = Timers(asyncio.get_running_loop())
    collection = Collection(timers, 1)
    with bound("127.0.0.1", 0) as held:
        deaf = FullBacklog(held.getsockname()[1])
    async with AsyncExitStack() as stack:
        stack.callback(deaf.close)
        server = await stack.enter_async_context(await asyncio.start_server(echo, "127.0.0.1", 0))
        upstreams = [server.sockets[0].getsockname()[1], held_port(deaf), 1]
        for upstream in upstreams:
            proxy, port = await proxy_to(f"127.0.0.1:{upstream}", collection)
            proxy.add_toxic(json.dumps(toxic).encode())
            await come_and_go(port)
        collection.close()
        timers.close()
        await poll_until_async(lambda: len(asyncio.all_tasks()) <= before, within_s=WITHIN_S, what="the tasks to end")
        return len(asyncio.all_tasks()) - before, alive()


def held_port(deaf: FullBacklog) -> int:
    return int(deaf._sockets[0].getsockname()[1])


@pytest.mark.parametrize("toxic", HOLDING, ids=lambda toxic: toxic["type"])
def test_no_task_and_no_object_is_left_of_a_connection(toxic: dict[str, object]) -> None:
    """Closed, reset, refused or still dialling, with a toxic that holds something: nothing of it stays.

    Not even as garbage: objects in a circle stay until the collector comes, which it seldom does to old ones.
    """
    gc.collect()
    gc.disable()
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            left = runner.run(main(toxic))
    finally:
        gc.enable()

    assert left == (0, [])
