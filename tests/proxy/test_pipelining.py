"""Several requests under way on one connection: answered in order, bounded in number, and never for nobody."""

from __future__ import annotations

import re
import socket

import pytest

from harness.clock import poll_until
from harness.traffic import raw, replies
from harness.traffic.client import Client
from harness.traffic.origin import Origin
from harness.traffic.wire import RESET_ON_CLOSE
from proxy_under_test.server.protocol import QUEUED
from tests.proxy.running import RunningProxy

GET = b"GET /api/proxy/x HTTP/1.1\r\nHost: p\r\n\r\n"
POST = b"POST /api/proxy/x HTTP/1.1\r\nHost: p\r\nContent-Length: 4\r\n\r\nbody"
WITHIN_S = 10
MANY = 300


@pytest.fixture(scope="module")
def settings() -> dict[str, object]:
    return {
        "CLIENT_HEADER_TIMEOUT": 300, "CLIENT_KEEP_ALIVE": 1_000, "REQUEST_TIMEOUT": 60_000,
        "HEADER_LIMIT": 20_000, "TARGET_LIMIT": 4_000,
    }  # fmt: skip


def dial(proxy: RunningProxy) -> socket.socket:
    """A client that reads only when told to."""
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
    sock.connect(("127.0.0.1", proxy.port))
    return sock


def connections(client: Client) -> int:
    """Connections of clients, the one that asks included."""
    found = re.search(r"^proxy_client_connections_open (\d+)", client.get("/metrics").text, re.MULTILINE)
    return int(found[1]) if found else 0


def all_left(upstream: Origin) -> bool:
    return all(a.ended_at is not None or a.closed_by_peer_at is not None for a in upstream.attempts())


def test_more_requests_than_may_wait_are_not_taken(proxy: RunningProxy, upstream: Origin) -> None:
    """Those that were taken are answered; the last answer says that no other comes, and the client can read it."""
    upstream.script(route=[replies.delayed(0.1, replies.ok(b"first")), replies.ok()])

    exchange = raw.send("127.0.0.1", proxy.port, GET * 1_000, within_s=WITHIN_S)

    answers = exchange.replies()
    assert [200] * (1 + QUEUED) == [reply.status for reply in answers]
    assert [None] * QUEUED + ["close"] == [reply.headers.get("connection") for reply in answers]
    assert ("fin", 1 + QUEUED) == (exchange.end, len(upstream.attempts()))


def test_a_client_that_does_not_read_is_not_served_on(proxy: RunningProxy, upstream: Origin, client: Client) -> None:
    """Once it takes no answers its next request does not begin, and after the keep-alive time it is left."""
    upstream.script(route=[replies.ok(b"x" * 50_000)])

    def moved_on() -> bool:
        return len(upstream.attempts()) == asked or connections(client) == 1

    with dial(proxy) as sock:
        for asked in range(1, MANY):  # noqa: B007 - moved_on has it
            sock.sendall(GET)
            poll_until(moved_on, within_s=WITHIN_S, what="the next request, or the end")
            if connections(client) == 1:
                break

    assert 10 < len(upstream.attempts()) < MANY - 1


BAD = {
    "garbage": (b"\x16\x03garbage\r\n\r\n", 400),
    "a head that is too large": (GET[:-2] + b"X: " + b"y" * 30_000, 431),
    "a head that never ends": (GET[:-2], 408),
}


@pytest.mark.parametrize(("bad", "status"), BAD.values(), ids=BAD)
def test_a_bad_request_waits_for_its_turn(proxy: RunningProxy, upstream: Origin, bad: bytes, status: int) -> None:
    """The write before it is executed, so it is answered, and before the refusal."""
    upstream.script(route=[replies.delayed(1.0, replies.ok(b"written"))])

    with raw.RawConnection("127.0.0.1", proxy.port, within_s=WITHIN_S) as connection:
        connection.send(POST)
        poll_until(lambda: upstream.attempts(), within_s=WITHIN_S, what="the write")
        connection.send(bad)
        connection.read()
        exchange = connection.exchange()

    assert ([200, status], "fin") == ([reply.status for reply in exchange.replies("POST")], exchange.end)
    assert [b"body"] == [attempt.body for attempt in upstream.attempts()]
    assert not [line for line in proxy.lines() if line.get("cause") == "internal"]


def test_a_queued_request_with_a_broken_body_is_refused_in_its_turn(proxy: RunningProxy, upstream: Origin) -> None:
    """It goes nowhere, and the one before it is answered."""
    upstream.script(route=[replies.delayed(0.3, replies.ok(b"first"))])
    broken = POST.replace(b"Content-Length: 4", b"Transfer-Encoding: chunked").replace(b"body", b"zz\r\n")

    exchange = raw.send("127.0.0.1", proxy.port, GET + broken, within_s=WITHIN_S)

    assert [200, 400] == [reply.status for reply in exchange.replies()]
    assert ["GET"] == [attempt.method for attempt in upstream.attempts()]


@pytest.mark.parametrize("requests", [2, 1 + QUEUED], ids=["one waits", "as many as may wait"])
def test_a_pipelining_client_that_leaves_is_noticed(proxy: RunningProxy, upstream: Origin, requests: int) -> None:
    """Its request upstream ends at once, or soon where reading was paused."""
    upstream.script(route=[replies.silent()])

    with dial(proxy) as sock:
        sock.sendall(GET * requests)
        poll_until(lambda: upstream.attempts(), within_s=WITHIN_S, what="the first request")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)

    poll_until(lambda: all_left(upstream), within_s=WITHIN_S, what="the upstream to be left")
    assert 1 == len(upstream.attempts())


def test_answers_that_are_taken_late_are_whole(proxy: RunningProxy, upstream: Origin, client: Client) -> None:
    """A client that was held up by what it did not read gets every answer once it reads."""
    size = 2 << 20
    upstream.script(route=[replies.big(size)])

    with raw.RawConnection("127.0.0.1", proxy.port, within_s=WITHIN_S, receive_buffer=4_096) as connection:
        connection.send(GET * 3)
        connection.read(at_least=3 * size)
        connection.listen(0.2)
        answers = connection.exchange().replies()

    assert [size] * 3 == [len(reply.body) for reply in answers if reply.complete]
