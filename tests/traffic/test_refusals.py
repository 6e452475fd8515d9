"""Refused connects are counted by the kernel's own announcements."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import socket
import sys

import pytest

from harness.clock import now, poll_until
from harness.errors import HarnessError
from harness.traffic import refusals as subject
from harness.traffic import sock_diag
from harness.traffic.client import Client
from harness.traffic.origin import Origin
from harness.traffic.ports import bound_together, close_all, full_backlog, reserved
from harness.traffic.refusals import Refusals

linux = pytest.mark.skipif(not Refusals.available(), reason="this system does not announce destroyed sockets")

CLIENTS, TRIES = 50, 4


async def knock(host: str, port: int) -> None:
    with contextlib.suppress(OSError):
        _, writer = await asyncio.open_connection(host, port)
        writer.close()
        await writer.wait_closed()


async def storm(host: str, port: int) -> None:
    """Fifty clients that try four times each."""

    async def one() -> None:
        for _ in range(TRIES):
            await knock(host, port)

    await asyncio.gather(*(one() for _ in range(CLIENTS)))


@linux
@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_refused_connects_are_counted_and_timed(host: str) -> None:
    """Three refusals are three times, between two moments of ours, in both families."""
    with Origin.start(host) as origin, Refusals(origin.port) as refusals:
        origin.close()
        before = now()
        for _ in range(3):
            asyncio.run(knock(host, origin.port))
        times = refusals.wait_for(3, within_s=5)
        after = now()

    assert len(times) == 3
    assert before <= times[0] <= times[1] <= times[2] <= after


@linux
def test_closed_ports_refuse_like_reserved_ones() -> None:
    """A port that nobody holds is counted, too."""
    sockets = bound_together("127.0.0.1")
    port = sockets[0].getsockname()[1]
    close_all(sockets)

    with Refusals(port) as refusals:
        asyncio.run(knock("127.0.0.1", port))
        with reserved(port):
            asyncio.run(knock("127.0.0.1", port))

        assert len(refusals.wait_for(2, within_s=5)) == 2


@linux
def test_connections_that_stood_are_not_refusals(origin: Origin, client: Client) -> None:
    """Served, reset and unanswered connects are closed without being counted; the one refused is."""
    with Refusals(origin.port) as refusals:
        client.together(10, "GET", "/api/x")
        with origin.unanswering():
            client.get("/api/x", within_s=0.1)
        origin.close()
        client.get("/api/x")
        refusals.wait_for(1, within_s=5)

    assert len(refusals.times()) == 1


@linux
def test_refusals_of_other_ports_are_not_counted(origin: Origin) -> None:
    """The counter sees its own port only."""
    with Origin.start() as other, Refusals(origin.port) as refusals:
        other.close()
        asyncio.run(storm("127.0.0.1", other.port))
        origin.close()
        asyncio.run(knock("127.0.0.1", origin.port))
        refusals.wait_for(1, within_s=5)

    assert len(refusals.times()) == 1


@linux
def test_none_is_missed_in_a_storm(origin: Origin) -> None:
    """Fifty clients with four tries each at once are two hundred refusals."""
    with Refusals(origin.port) as refusals:
        origin.close()
        asyncio.run(storm("127.0.0.1", origin.port))
        refusals.wait_for(CLIENTS * TRIES, within_s=5)

    assert len(refusals.times()) == CLIENTS * TRIES


@linux
def test_a_blocking_connect_is_known_to_have_failed_somewhere(origin: Origin) -> None:
    """The kernel forgets its destination, so it is listed apart."""
    origin.close()
    with Refusals(origin.port) as refusals:
        with socket.socket() as client, pytest.raises(ConnectionRefusedError):
            client.connect(("127.0.0.1", origin.port))
        poll_until(refusals.unattributed, within_s=5, what="the failed connect")

    assert refusals.times() == []


@linux
def test_lost_announcements_are_our_failure(origin: Origin, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the buffer runs over, the count is refused rather than told too low."""
    monkeypatch.setattr(sock_diag, "RECEIVE_BUFFER", 1)
    monkeypatch.setattr(Refusals, "_read", lambda _: None)
    with Refusals(origin.port) as refusals:
        origin.close()
        asyncio.run(storm("127.0.0.1", origin.port))
        refusals._drain(0)

        with pytest.raises(HarnessError, match=r"were not all counted: ENOBUFS"):
            refusals.times()


def test_where_nothing_is_announced_nothing_is_claimed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without sock_diag the counter is not available, and says so when it is started."""
    monkeypatch.setattr(sys, "platform", "darwin")

    with pytest.raises(HarnessError, match="cannot be counted here"):
        Refusals(1).start()
    assert subject._available.__wrapped__() is False


@linux
def test_a_probe_that_sees_nothing_is_not_available(monkeypatch: pytest.MonkeyPatch) -> None:
    """Joining the groups is not enough: the probe's own refusal has to be seen."""
    monkeypatch.setattr(subject, "PROBE_WITHIN_S", 0.1)
    monkeypatch.setattr(sock_diag, "TCP_DESTROYED", 0)

    assert subject._available.__wrapped__() is False


@linux
def test_a_group_that_may_not_be_joined_is_our_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    """An error while listening closes the socket and is a HarnessError."""

    def forbidden(*_: object) -> None:
        raise OSError(errno.EPERM, os.strerror(errno.EPERM))

    monkeypatch.setattr(sock_diag, "_attach_filter", forbidden)

    with pytest.raises(HarnessError, match="not permitted"):
        Refusals(1).start()


@pytest.mark.parametrize("message", [b"", bytes(40), bytes(sock_diag.ATTRIBUTES), bytes(sock_diag.ATTRIBUTES + 8)])
def test_a_message_that_says_too_little_is_passed_over(message: bytes) -> None:
    """Short messages, and those without tcp_info, are nothing to count."""
    assert sock_diag.parse(message) is None


@linux
def test_an_unanswered_connect_is_not_a_refusal() -> None:
    """A port with a full backlog refuses nobody."""
    sockets = bound_together("127.0.0.1")
    port = sockets[0].getsockname()[1]
    close_all(sockets)
    with Refusals(port) as refusals:
        with full_backlog(port), socket.socket() as client, pytest.raises(TimeoutError):
            client.settimeout(0.05)
            client.connect(("127.0.0.1", port))
        asyncio.run(knock("127.0.0.1", port))
        refusals.wait_for(1, within_s=5)

    assert len(refusals.times()) == 1
