"""Connecting to a name with several addresses: the race, its winner, and what becomes of the losers."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from harness.traffic.origin import Origin
from proxy_under_test.transport import Outgoing
from proxy_under_test.transport import connect as connecting
from proxy_under_test.transport.connect import race, resolve
from proxy_under_test.transport.pool import Pool
from proxy_under_test.transport.upstream import Bounds, locate

Dial = Callable[[], Coroutine[Any, Any, str]]


def after(seconds: float, result: str | Exception, begun: list[str] | None = None) -> Dial:
    async def dial() -> str:
        if begun is not None:
            begun.append(str(result))
        await asyncio.sleep(seconds)
        if isinstance(result, Exception):
            raise result
        return result

    return dial


def test_a_failure_begins_the_next_address_at_once() -> None:
    """The stagger is for silence; a refused address costs no wait."""
    dials = [after(0, ConnectionRefusedError()), after(0, "second")]

    assert asyncio.run(asyncio.wait_for(race(dials, 60, print), 5)) == "second"


def test_a_silent_address_delays_the_next_by_the_stagger_only() -> None:
    """Whoever answers first wins, and a loser is cancelled."""
    begun: list[str] = []

    async def act() -> tuple[str, int]:
        winner = await race([after(60, "silent", begun), after(0, "quick", begun)], 0.02, print)
        await asyncio.sleep(0)
        return winner, len(asyncio.all_tasks())

    assert asyncio.run(act()) == ("quick", 1)
    assert begun == ["silent", "quick"]


def test_what_a_loser_got_is_discarded() -> None:
    """Two connections in the same moment: one is used, the other one is closed, none is forgotten."""
    discarded: list[str] = []

    async def act() -> str:
        gate = asyncio.Event()

        def dial(name: str) -> Dial:
            async def wait() -> str:
                await gate.wait()
                return name

            return wait

        asyncio.get_running_loop().call_later(0.05, gate.set)
        winner = await race([dial("a"), dial("b")], 0.01, discarded.append)
        await asyncio.sleep(0)
        return winner

    winner = asyncio.run(act())

    assert sorted([winner, *discarded]) == ["a", "b"]


def test_every_failure_is_told() -> None:
    """Nothing of what the addresses said is lost."""
    with pytest.raises(ExceptionGroup) as group:
        asyncio.run(race([after(0, ConnectionRefusedError()), after(0, OSError("no route"))], 1, print))

    assert {type(error) for error in group.value.exceptions} == {ConnectionRefusedError, OSError}


def test_an_address_is_not_looked_up() -> None:
    """What is an address already takes no thread of the resolver's; a name does."""

    async def act(host: str) -> int:
        before = threading.active_count()
        await resolve(host, 80)
        return threading.active_count() - before

    assert [0, 0, 1] == [asyncio.run(act(host)) for host in ("127.0.0.1", "::1", "localhost")]


@pytest.mark.parametrize("order", [("127.0.0.2", "127.0.0.1"), ("127.0.0.1", "127.0.0.2")], ids=" ".join)
def test_one_address_refused_and_the_other_served_is_one_try(
    monkeypatch: pytest.MonkeyPatch, order: tuple[str, str]
) -> None:
    """A name may have two addresses; a backend on one of them is enough (RFC 8305)."""

    async def two(_: str, port: int) -> list[connecting.Address]:
        return [(socket.AF_INET, host, port) for host in order]

    async def act(url: str) -> int:
        pool = Pool(locate(url), Bounds())
        response = await pool.send(Outgoing("GET", b"/api/x", [(b"host", b"x")]))
        await response.aclose()
        await pool.aclose()
        return response.status

    monkeypatch.setattr(connecting, "resolve", two)
    with Origin.start("127.0.0.1") as origin:
        status = asyncio.run(act(f"http://two.test:{origin.port}"))

        assert (status, len(origin.connections()), len(origin.attempts())) == (200, 1, 1)
