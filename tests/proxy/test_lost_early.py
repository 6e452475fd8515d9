"""A connection that is lost after its connect and before its request: possible where addresses race."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

import pytest

from harness.clock import poll_until_async
from harness.traffic import replies
from harness.traffic.origin import Origin
from harness.traffic.steps import Behaviour
from proxy_under_test.causes import Cause, UpstreamFailure
from proxy_under_test.transport import Outgoing, Try
from proxy_under_test.transport import connect as connecting
from proxy_under_test.transport import pool as pooling
from proxy_under_test.transport.connection import Connection
from proxy_under_test.transport.pool import Pool
from proxy_under_test.transport.upstream import Bounds, locate

WITHIN_S = 10
ROUNDS = 20
REFUSES, SERVES = "127.0.0.2", "127.0.0.1"  # the origin listens on the second only


class Nobody:
    """An owner that keeps nothing."""

    def forget(self, connection: Connection) -> None:
        """Nothing was kept."""

    async def take_back(self, connection: Connection) -> None:
        """End the exchange."""
        connection.end(wanted=False)


async def ask(pool: Pool, attempt: Try) -> Cause | int:
    async with asyncio.timeout(WITHIN_S):
        try:
            response = await pool.send(Outgoing("GET", b"/api/x", [(b"host", b"x")], attempt=attempt))
        except UpstreamFailure as failure:
            return failure.cause
        await response.aclose()
        return response.status


@pytest.mark.parametrize(("error", "cause"), [(None, Cause.CLOSED), (ConnectionResetError(104, "x"), Cause.RESET)])
def test_an_end_before_the_request_is_the_requests(error: Exception | None, cause: Cause) -> None:
    """Whoever asks on a connection that has ended is told so at once, by the same name as an end before an answer."""

    async def act() -> tuple[Cause, bool]:
        attempt = Try()
        connection = Connection(1_024, Nobody())
        connection.connection_lost(error)
        connection.begin("GET", attempt)
        connection.write(b"GET / HTTP/1.1\r\n\r\n")
        with pytest.raises(UpstreamFailure) as failure:
            await asyncio.wait_for(connection.head(), WITHIN_S)
        return failure.value.cause, attempt.sent

    assert asyncio.run(act()) == (cause, False)


def test_a_connect_that_is_over_before_its_winner_is_known_fails_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """However many turns of the loop lie between a connect and its request, an end in them ends the request."""

    async def slow(*args: Any) -> Connection:
        connection: Connection = await connecting.connect(*args)
        await poll_until_async(lambda: connection.lost, within_s=WITHIN_S, what="the end of the connection")
        return connection

    async def act(url: str) -> tuple[Cause | int, bool, int]:
        attempt = Try()
        pool = Pool(locate(url), Bounds())
        outcome = await ask(pool, attempt)
        left = pool.open_connections
        await pool.aclose()
        return outcome, attempt.sent, left

    monkeypatch.setattr(pooling, "connect", slow)
    with Origin.start() as origin:
        origin.script(route=[replies.reset_on_accept()])

        assert asyncio.run(act(origin.url)) == (Cause.RESET, False, 0)


@pytest.mark.parametrize("behaviour", [replies.reset_on_accept(), replies.says_at_once(b"")], ids=["RST", "FIN"])
@pytest.mark.parametrize("first", [REFUSES, SERVES])
def test_an_upstream_that_ends_what_it_accepts_is_no_silence(
    monkeypatch: pytest.MonkeyPatch, behaviour: Behaviour, first: str
) -> None:
    """With two addresses, too, each request ends by what the upstream did, and none waits for its deadline."""

    async def two(_: str, port: int) -> list[connecting.Address]:
        others = {REFUSES, SERVES} - {first}
        return [(socket.AF_INET, host, port) for host in (first, *others)]

    async def act(url: str) -> list[Cause | int]:
        pool = Pool(locate(url), Bounds())
        outcomes = [await ask(pool, Try()) for _ in range(ROUNDS)]
        await pool.aclose()
        return outcomes

    monkeypatch.setattr(connecting, "resolve", two)
    with Origin.start(SERVES) as origin:
        origin.script(route=[behaviour])

        outcomes = asyncio.run(act(origin.url))

    # A reset may be met in connect() already; then the other address, which refused, tells most.
    assert set(outcomes) <= {Cause.RESET, Cause.CLOSED, Cause.REFUSED}
