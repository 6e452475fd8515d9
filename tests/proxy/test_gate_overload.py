"""The health gate when every connection upstream is busy: our own limit says nothing of the backend."""

from __future__ import annotations

import asyncio
import errno
import io

import pytest

from harness.clock import poll_until
from harness.traffic import replies
from harness.traffic.client import Client
from harness.traffic.origin import Origin
from proxy_under_test import gate
from proxy_under_test.causes import Cause, Refusal
from proxy_under_test.gate import Health, Known
from proxy_under_test.health import HealthGate
from proxy_under_test.logs import make_log
from proxy_under_test.metrics import Metrics
from proxy_under_test.transport import Outgoing, classify
from proxy_under_test.transport.pool import Pool
from proxy_under_test.transport.upstream import Bounds, locate
from proxy_under_test.transport.with_httpx2 import Httpx2Transport
from tests.proxy.running import running

NOW = 100.0
TTL_S = 5.0
HEADERS = [(b"host", b"x")]
WAITING = 10

OLD = [gate.UNKNOWN, Health(Known.GOOD, NOW - TTL_S), Health(Known.BAD, NOW - TTL_S, Cause.REFUSED)]


@pytest.mark.parametrize("make", [Pool, Httpx2Transport])
@pytest.mark.parametrize("before", OLD, ids=lambda health: health.known.value)
def test_a_probe_without_a_connection_is_no_news(before: Health, make: type[Pool] | type[Httpx2Transport]) -> None:
    """All that wait for it are told the overload, what was known stays as it was, and the next one asks again."""

    async def act(url: str) -> tuple[set[Cause | None], Health, Known]:
        pool = make(locate(url), Bounds(connections=1))
        log, _ = make_log("info", io.BytesIO())
        one = HealthGate(
            pool, b"/api/health", HEADERS, ttl_s=TTL_S, timeout_s=3, log=log, metrics=Metrics(), clock=lambda: NOW
        )
        one.health = before
        busy = await pool.send(Outgoing("GET", b"/api/x", HEADERS, fresh=True))
        refused = await asyncio.gather(*(one.admit() for _ in range(WAITING)), return_exceptions=True)
        during = one.health
        await busy.aclose()
        await one.admit()
        await pool.aclose()
        return {error.cause if isinstance(error, Refusal) else None for error in refused}, during, one.health.known

    with Origin.start() as origin:
        refused, during, after = asyncio.run(act(origin.url))

        assert (refused, during, after) == ({Cause.NO_CONNECTION_FREE}, before, Known.GOOD)
        assert len(origin.probes()) == 1


@pytest.mark.parametrize("number", [errno.EMFILE, errno.ENFILE], ids=errno.errorcode.get)
def test_a_process_out_of_descriptors_is_at_its_own_limit(number: int) -> None:
    """No socket for one more connection is no reset by the upstream; an address that refused says more."""
    no_socket = OSError(number, "too many open files")

    assert classify.while_connecting(no_socket, tls=False) is Cause.NO_CONNECTION_FREE
    assert classify.while_connecting(no_socket, tls=True) is Cause.NO_CONNECTION_FREE
    both = ExceptionGroup("both", [no_socket, ConnectionRefusedError(errno.ECONNREFUSED, "refused")])
    assert classify.while_connecting(both, tls=False) is Cause.REFUSED


def test_an_overload_is_never_told_as_a_backend_that_is_down() -> None:
    """With old news and no connection free the excess is refused as such, and served as soon as one is free."""
    overload = {"UPSTREAM_CONNECTIONS": 1, "HEALTH_CHECK_TTL": 1, "HEALTH_CHECK_TIMEOUT": 5_000}
    with (
        Origin.start() as origin,
        running(origin.url, REQUEST_TIMEOUT=20_000, **overload) as proxy,
        Client(proxy.url) as client,
    ):
        origin.script(route=[replies.silent(), replies.ok()])
        pending = client.begin("GET", "/api/proxy/slow")
        poll_until(origin.attempts, within_s=5, what="the attempt")

        excess = client.get("/api/proxy/x")
        pending.leave()
        poll_until(lambda: client.get("/api/proxy/x").status == 200, within_s=5, what="a free connection")
        told = proxy.text()

    error = excess.json()
    assert (excess.status, error["error"], error["details"]["errorCode"]) == (
        503,
        "Backend API Unavailable",
        "EMFILE",
    )
    assert "error=connection_limit_reached" in (excess.headers.get("proxy-status") or "")
    assert "healthCheckFailed" not in error["details"]
    assert '"state":"up"' in told
    assert '"state":"down"' not in told
