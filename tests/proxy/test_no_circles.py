"""What a request leaves is freed by reference counts: the collector runs seldom, and memory must not wait for it."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from harness.clock import poll_until
from harness.traffic import replies
from harness.traffic.origin import Origin
from harness.traffic.raw import RawConnection
from harness.traffic.steps import Behaviour
from tests.proxy.running import RunningProxy, running

CLIENTS = 10
REQUEST = b"POST /api/proxy/x HTTP/1.1\r\nHost: p\r\nContent-Length: 0\r\n\r\n"


@pytest.fixture(scope="module")
def telling(upstream: Origin) -> Iterator[RunningProxy]:
    """A proxy that says what circles there are; its health result is kept for the whole module."""
    settings = {"REQUEST_TIMEOUT": 2000, "HEALTH_CHECK_TTL": 600_000, "HEALTH_CHECK_TIMEOUT": 10_000}
    with running(upstream.url, program="tests.proxy.with_count_of_circles", **settings) as proxy:
        yield proxy


def circles(proxy: RunningProxy) -> dict[str, int]:
    """Objects, by type, that only a collection would have freed since the last time."""

    def told() -> list[dict[str, int]]:
        return [line["found"] for line in proxy.lines() if line["event"] == "circles"]

    before = len(told())
    proxy.process.signal(signal.SIGUSR1)
    poll_until(lambda: len(told()) > before, within_s=10, what="the proxy to count")
    return told()[-1]


def ask(proxy: RunningProxy, upstream: Origin, behaviour: Behaviour, *, leave: bool = False) -> None:
    """Some clients at once, each until it was answered, or until its request is upstream; then they leave."""
    upstream.reset()
    upstream.script(route=[behaviour])
    with ExitStack() as stack:
        clients = [stack.enter_context(RawConnection("127.0.0.1", proxy.port)) for _ in range(CLIENTS)]
        for client in clients:
            client.send(REQUEST)
        poll_until(lambda: len(upstream.attempts()) == CLIENTS, within_s=10, what="the requests upstream")
        for client in clients:
            if not leave:
                client.read(until=b"\r\n\r\n")
    poll_until(lambda: all(a.ended_at for a in upstream.attempts()), within_s=10, what="the upstream to be left")


BEHAVIOURS = [
    replies.ok(), replies.reset(), replies.garbage(), replies.half_head(), replies.short_body(),
    replies.reset_mid_body(), replies.stall_mid_body(), replies.silent(),
]  # fmt: skip


@pytest.mark.parametrize("behaviour", BEHAVIOURS, ids=lambda behaviour: behaviour.name)
def test_an_exchange_leaves_no_circle(telling: RunningProxy, upstream: Origin, behaviour: Behaviour) -> None:
    """Served or failed in whatever way, nothing of a request waits for a collection."""
    ask(telling, upstream, replies.ok())
    circles(telling)

    ask(telling, upstream, behaviour)

    assert {} == circles(telling)


def test_a_client_that_leaves_leaves_no_circle(telling: RunningProxy, upstream: Origin) -> None:
    """Nor does a request that was cancelled."""
    ask(telling, upstream, replies.ok())
    circles(telling)

    ask(telling, upstream, replies.silent(), leave=True)

    assert {} == circles(telling)
