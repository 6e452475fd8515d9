"""The deadline over everything, and the gate before everything.  One second of the guide is 50 ms here."""

from __future__ import annotations

import pytest

from harness.clock import now, poll_until
from harness.traffic import raw, replies
from harness.traffic.client import Client
from harness.traffic.origin import Origin
from harness.traffic.steps import Behaviour
from tests.proxy.running import RunningProxy

DEADLINE_S = 1.5
EARLY_S = 0.005
LATE_S = 0.5
TTL_S = 0.25


def forget_health(proxy: RunningProxy, upstream: Origin) -> None:
    """Wait until what the proxy knows of the backend is too old to be used."""
    until = now() + TTL_S + 0.02
    poll_until(lambda: now() > until, within_s=2, what="the health result to expire")
    upstream.forget()


@pytest.mark.parametrize(
    "behaviour", [replies.silent(), replies.trickle_head(0.05), replies.stall_mid_head()], ids=lambda b: b.name
)
def test_an_answer_that_does_not_come_is_504_at_the_deadline(
    proxy: RunningProxy, upstream: Origin, client: Client, behaviour: Behaviour
) -> None:
    """Not before 30 s and not much after; the upstream connection is closed then, and nothing is tried again."""
    upstream.script(route=[behaviour])

    exchange = client.get("/api/proxy/x")
    attempt = poll_until(
        lambda: [a for a in upstream.attempts() if a.closed_by_peer_at is not None], within_s=2, what="the close"
    )[0]

    error = exchange.json()
    assert (exchange.status, error["error"]) == (504, "Request Timeout")
    assert error["details"]["timeout"] == DEADLINE_S * 1000
    assert "error=http_response_timeout" in (exchange.headers.get("proxy-status") or "")
    assert DEADLINE_S - EARLY_S <= exchange.took_s <= DEADLINE_S + LATE_S
    assert (attempt.closed_by_peer_at or 0) - exchange.started <= DEADLINE_S + LATE_S
    assert len(upstream.attempts()) == 1


@pytest.mark.parametrize(
    "behaviour",
    [replies.stall_mid_body(), replies.trickle_body(0.05), replies.short_body(), replies.reset_mid_body(),
     replies.chunked([b"half"], cut=True), replies.close_delimited(b"half", cut=True)],
    ids=lambda b: b.name,
)  # fmt: skip
@pytest.mark.parametrize("version", ["1.1", "1.0"])
def test_a_body_that_breaks_off_looks_broken(
    proxy: RunningProxy, upstream: Origin, behaviour: Behaviour, version: str
) -> None:
    """The client gets the head and a body without a clean end, by the deadline."""
    upstream.script(route=[behaviour])
    request = (
        f"GET /api/proxy/x HTTP/{version}\r\nHost: p\r\nX-Request-ID: {behaviour.name.replace(' ', '-')}\r\n\r\n"
    )

    exchange = raw.send("127.0.0.1", proxy.port, request.encode(), within_s=8)

    assert exchange.reply is not None
    assert exchange.reply.status == 200
    assert not exchange.reply.complete or exchange.end == "reset"
    assert exchange.end in ("fin", "reset")
    assert exchange.ended - exchange.started <= DEADLINE_S + LATE_S
    assert len(upstream.attempts()) == 1


def test_a_connect_that_is_never_answered_is_bounded(proxy: RunningProxy, upstream: Origin, client: Client) -> None:
    """A full backlog is a timeout, answered by the deadline; later tries count as tries."""
    with upstream.unanswering():
        exchange = client.get("/api/proxy/x")

    assert exchange.status in (503, 504)
    assert exchange.took_s <= DEADLINE_S + LATE_S
    assert exchange.json()["error"] in ("Request Timeout", "Backend API Unavailable")


def test_a_slow_answer_before_the_deadline_is_fine(proxy: RunningProxy, upstream: Origin, client: Client) -> None:
    """What comes in time is passed on."""
    upstream.script(route=[replies.delayed(DEADLINE_S * 0.7, replies.ok())])

    assert client.get("/api/proxy/x").status == 200


def test_fifty_cold_requests_make_one_probe(proxy: RunningProxy, upstream: Origin, client: Client) -> None:
    """One asks, the others wait for its answer."""
    upstream.script(health=[replies.delayed(0.05, replies.healthy())])
    forget_health(proxy, upstream)

    exchanges = client.together(50, "GET", "/api/proxy/x")

    assert {exchange.status for exchange in exchanges} == {200}
    assert len(upstream.probes()) == 1


def test_a_client_that_leaves_takes_the_probe_from_nobody(
    proxy: RunningProxy, upstream: Origin, client: Client
) -> None:
    """The request that began the probe may leave; those that wait with it are served."""
    upstream.script(health=[replies.delayed(0.1, replies.healthy())])
    forget_health(proxy, upstream)

    first = client.begin("GET", "/api/proxy/first")
    poll_until(upstream.probes, within_s=2, what="the probe")
    second = client.begin("GET", "/api/proxy/second")
    first.leave()

    assert second.exchange().status == 200
    assert len(upstream.probes()) == 1


@pytest.mark.parametrize(
    "health",
    [replies.unhealthy(500), replies.unhealthy(503), replies.garbage(), replies.silent(), replies.reset()],
    ids=lambda b: b.name,
)
def test_a_backend_that_fails_its_check_is_unavailable(
    proxy: RunningProxy, upstream: Origin, client: Client, health: Behaviour
) -> None:
    """503 within the probe's time, with Retry-After, and the route is never asked."""
    upstream.script(health=[health])
    forget_health(proxy, upstream)

    exchange = client.get("/api/proxy/x")

    error = exchange.json()
    assert (exchange.status, error["error"]) == (503, "Backend API Unavailable")
    assert error["details"]["healthCheckFailed"] is True
    assert exchange.headers.get("retry-after") == "1"
    assert exchange.took_s <= 0.15 + LATE_S
    assert upstream.attempts() == []


def test_the_health_route_alone_reaches_a_backend_known_to_be_down(
    proxy: RunningProxy, upstream: Origin, client: Client
) -> None:
    """``/api/proxy/health`` bypasses the gate; what merely looks like it does not."""
    upstream.script(health=[replies.unhealthy(503)])
    forget_health(proxy, upstream)

    gated = [client.get(f"/api/proxy/{path}").json()["error"] for path in ("healthy", "x/health")]
    direct = client.get("/api/proxy/health")

    assert gated == ["Backend API Unavailable"] * 2
    assert (direct.status, direct.json()) == (503, {"status": "error"})


def test_a_backend_that_comes_back_is_served_within_the_time_to_live(
    proxy: RunningProxy, upstream: Origin, client: Client
) -> None:
    """Down, then up: at most one time to live later requests pass."""
    forget_health(proxy, upstream)
    with upstream.refusing():
        assert client.get("/api/proxy/x").status == 503
    back = now()

    poll_until(lambda: client.get("/api/proxy/x").status == 200, within_s=5, what="service")

    assert now() - back <= TTL_S + LATE_S
