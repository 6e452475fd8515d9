"""UPSTREAM_CONNECTIONS bounds all connections together, whatever they are for, with either transport."""

from __future__ import annotations

import asyncio

import pytest

from harness.traffic import replies
from harness.traffic.origin import Origin
from proxy_under_test.causes import Cause, UpstreamFailure
from proxy_under_test.transport import Incoming, Outgoing, Transport
from proxy_under_test.transport.pool import Pool
from proxy_under_test.transport.upstream import Bounds, locate
from proxy_under_test.transport.with_httpx2 import Httpx2Transport

HEADERS = [(b"host", b"x")]
MOST = 2

transports = pytest.mark.parametrize("make", [Pool, Httpx2Transport])


def get(*, fresh: bool) -> Outgoing:
    return Outgoing("GET", b"/api/x", HEADERS, fresh=fresh)


async def ended(which: Transport | Incoming) -> None:
    await which.aclose()
    for _ in range(3):  # turns of the loop that a socket takes to close
        await asyncio.sleep(0)


async def served(transport: Transport, *, fresh: bool) -> int:
    response = await transport.send(get(fresh=fresh))
    while not response.finished:
        await response.read()
    await response.aclose()
    return response.status


@transports
@pytest.mark.parametrize("fresh", [False, True])
def test_busy_connections_count_together(make: type[Pool] | type[Httpx2Transport], fresh: bool) -> None:
    """With one connection of each kind busy, neither kind gets a third; one that ends makes room for either."""

    async def act(url: str) -> tuple[Cause, int, int]:
        transport = make(locate(url), Bounds(connections=MOST))
        busy: list[Incoming] = [await transport.send(get(fresh=kind)) for kind in (False, True)]
        with pytest.raises(UpstreamFailure) as failure:
            await transport.send(get(fresh=fresh))
        held = transport.open_connections
        await ended(busy[not fresh])
        status = await served(transport, fresh=fresh)
        await ended(busy[fresh])
        await ended(transport)
        return failure.value.cause, held, status

    with Origin.start() as origin:
        origin.script(route=[replies.stall_mid_body(), replies.stall_mid_body(), replies.ok()])
        assert (Cause.NO_CONNECTION_FREE, MOST, 200) == asyncio.run(act(origin.url))


@transports
def test_an_idle_connection_makes_room(make: type[Pool] | type[Httpx2Transport]) -> None:
    """What is kept for later holds nothing back that needs a connection of its own now."""

    async def act(url: str) -> tuple[int, int]:
        transport = make(locate(url), Bounds(connections=1))
        first = await served(transport, fresh=False)
        second = await served(transport, fresh=True)
        await ended(transport)
        return first, second

    with Origin.start() as origin:
        assert (200, 200) == asyncio.run(act(origin.url))


@transports
def test_a_connect_that_fails_takes_no_connection(make: type[Pool] | type[Httpx2Transport]) -> None:
    """Neither a refused one nor one whose TLS fails is counted any longer."""

    async def act(url: str) -> int:
        transport = make(locate(url.replace("http:", "https:")), Bounds(connections=1))
        for _ in range(3):
            with pytest.raises(UpstreamFailure) as failure:
                await transport.send(get(fresh=True))
            assert failure.value.cause is not Cause.NO_CONNECTION_FREE
        await ended(transport)
        return transport.open_connections

    with Origin.start() as origin:
        assert asyncio.run(act(origin.url)) == 0
        with origin.refusing():
            assert asyncio.run(act(origin.url)) == 0
