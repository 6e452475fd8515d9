"""Retries over the wire, counted and timed at the origin.  One second of the guide is 50 ms here."""

from __future__ import annotations

import hashlib
import itertools

import pytest

from harness.clock import now, poll_until
from harness.traffic import replies
from harness.traffic.client import Client
from harness.traffic.origin import Origin
from harness.traffic.refusals import Refusals
from tests.proxy.running import RunningProxy, running

SECOND_S = 0.05
EARLY_S = 0.005  # timers of the proxy and our clock round differently
LATE_S = 0.5  # the machine is shared; order and counts are asserted exactly


@pytest.fixture(scope="module", params=["httptools", "httpx2"])
def settings(request: pytest.FixtureRequest) -> dict[str, object]:
    return {"UPSTREAM_TRANSPORT": request.param}


def test_refused_for_good_is_four_tries_and_then_the_refused_error(
    proxy: RunningProxy, upstream: Origin, client: Client
) -> None:
    """One first try, retries after 1, 2 and 3 s, then 503 with what was done."""
    with Refusals(upstream.port) as refusals, upstream.refusing():
        exchange = client.get("/api/proxy/x")
        poll_until(lambda: len(refusals.times()) >= 4, within_s=2, what="four refusals")
        times = refusals.times()

    error = exchange.json()
    waits = [later - earlier for earlier, later in itertools.pairwise(times)]
    assert (exchange.status, error["error"]) == (503, "Backend API Connection Refused")
    assert (error["details"]["errorCode"], error["details"]["retries"]) == ("ECONNREFUSED", 3)
    assert 6 * SECOND_S * 1000 - 5 <= error["details"]["duration"] <= (6 * SECOND_S + LATE_S) * 1000
    assert len(waits) == 3
    assert all(n * SECOND_S - EARLY_S <= wait <= n * SECOND_S + LATE_S for n, wait in enumerate(waits, 1))


@pytest.mark.parametrize("failure", [replies.reset(), replies.empty_reply()], ids=["reset", "empty reply"])
def test_a_lost_get_is_asked_again(proxy: RunningProxy, upstream: Origin, client: Client, failure: object) -> None:
    """A connection that ended before a response byte costs the client nothing but the wait."""
    upstream.script(route=[failure, failure, replies.ok()])  # type: ignore[list-item]

    exchange = client.get("/api/proxy/x")

    assert (exchange.status, len(upstream.attempts())) == (200, 3)


def test_a_connection_gone_stale_costs_one_counted_retry(
    proxy: RunningProxy, upstream: Origin, client: Client
) -> None:
    """The client sees no error; the log counts the try that was lost."""
    upstream.script(route=[replies.close_on_reuse(replies.ok())])
    client.get("/api/proxy/first")

    exchange = client.get("/api/proxy/second")

    assert exchange.status == 200
    assert proxy.ended(exchange.headers.get("x-request-id") or "")["attempts"] == 2


def test_a_write_never_meets_a_stale_connection(proxy: RunningProxy, upstream: Origin, client: Client) -> None:
    """POST takes a fresh connection, so that a stale one cannot cost it its only try."""
    upstream.script(route=[replies.close_on_reuse(replies.ok())])
    client.get("/api/proxy/first")

    exchanges = [client.post("/api/proxy/write", content=b"x") for _ in range(3)]

    assert [exchange.status for exchange in exchanges] == [200] * 3
    assert len(upstream.attempts()) == 4


@pytest.mark.parametrize("status", [400, 429, 500, 502, 503])
def test_a_status_is_passed_on_and_never_retried(
    proxy: RunningProxy, upstream: Origin, client: Client, status: int
) -> None:
    """What the backend chose to say is its answer."""
    upstream.script(route=[replies.ok(b"as it is", status)])

    exchange = client.get("/api/proxy/x")

    assert (exchange.status, exchange.body, len(upstream.attempts())) == (status, b"as it is", 1)


@pytest.mark.parametrize("method", ["POST", "PATCH"])
@pytest.mark.parametrize(
    "failure", [replies.reset(), replies.empty_reply(), replies.half_head()], ids=lambda b: b.name
)
def test_a_write_that_may_have_been_executed_is_not_repeated(
    proxy: RunningProxy, upstream: Origin, client: Client, method: str, failure: object
) -> None:
    """The answer is lost after the request arrived: 502, and one attempt."""
    upstream.script(route=[failure, replies.ok()])  # type: ignore[list-item]

    exchange = client.request(method, "/api/proxy/spend", content=b"1")

    assert (exchange.status, exchange.json()["error"]) == (502, "Proxy Request Failed")
    assert len(upstream.attempts()) == 1


def test_a_write_with_a_key_is_repeated(proxy: RunningProxy, upstream: Origin, client: Client) -> None:
    """With an Idempotency-Key the backend can tell a repetition, so the proxy may ask again."""
    upstream.script(route=[replies.reset(), replies.ok()])

    exchange = client.post("/api/proxy/spend", content=b"1", headers={"Idempotency-Key": "k1"})

    assert (exchange.status, len(upstream.attempts())) == (200, 2)
    assert [attempt.header("Idempotency-Key") for attempt in upstream.attempts()] == ["k1", "k1"]


@pytest.mark.parametrize("key", ["", ",", ", ,"])
def test_an_empty_key_is_none(proxy: RunningProxy, upstream: Origin, client: Client, key: str) -> None:
    """By an Idempotency-Key without a value no backend can tell a repetition, so the write is sent once."""
    upstream.script(route=[replies.reset(), replies.ok()])

    exchange = client.post("/api/proxy/spend", content=b"1", headers={"Idempotency-Key": key})

    assert (exchange.status, len(upstream.attempts())) == (502, 1)
    assert exchange.json()["details"]["suggestion"].startswith("The write may have been executed")


@pytest.mark.parametrize("transport", ["httptools", "httpx2"])
def test_a_write_that_was_refused_is_executed_once(upstream: Origin, transport: str) -> None:
    """A connect that failed sent nothing; the write goes out when the backend is back."""
    waits = {"RETRY_DELAY": "500", "REQUEST_TIMEOUT": "20000"}  # 3 s in all, for a machine that is busy
    with (
        running(upstream.url, UPSTREAM_TRANSPORT=transport, **waits) as patient,
        Client(patient.url) as client,
        Refusals(upstream.port) as refusals,
    ):
        upstream.reset()
        poll_until(lambda: client.get("/api/proxy/ready").status == 200, within_s=10, what="the proxy to serve")
        upstream.forget()
        upstream.close()
        pending = client.begin("POST", "/api/proxy/spend", content=b"1")
        poll_until(refusals.times, within_s=2, what="the first refusal")
        upstream.open()
        exchange = pending.exchange()

    assert (exchange.status, len(upstream.attempts())) == (200, 1)


@pytest.mark.parametrize("chunked", [False, True], ids=["length", "chunked"])
def test_a_body_is_replayed_byte_for_byte(
    proxy: RunningProxy, upstream: Origin, client: Client, chunked: bool
) -> None:
    """Every attempt of a PUT carries the same binary body."""
    body = bytes(range(256)) * 1024
    upstream.script(route=[replies.reset(), replies.reset(), replies.ok()])

    content = [body[:1000], body[1000:]] if chunked else body
    exchange = client.put("/api/proxy/file", content=content)

    assert exchange.status == 200
    assert [a.body_sha256 for a in upstream.attempts()] == [hashlib.sha256(body).hexdigest()] * 3


def test_a_body_too_large_to_keep_is_sent_once(proxy: RunningProxy, upstream: Origin, client: Client) -> None:
    """Past the buffer's limit there is no second try, because it could not be the same."""
    upstream.script(route=[replies.reset(), replies.ok()])

    exchange = client.put("/api/proxy/file", content=b"x" * (2 * 1024 * 1024))

    assert (exchange.status, len(upstream.attempts())) == (502, 1)


def test_a_client_that_leaves_ends_the_tries(proxy: RunningProxy, upstream: Origin, client: Client) -> None:
    """Whoever left during a wait gets no further attempt, and one record says so."""
    upstream.script(route=[replies.reset()])
    pending = client.begin("GET", "/api/proxy/x", headers={"X-Request-ID": "leaves-early"})
    poll_until(upstream.attempts, within_s=2, what="the first attempt")
    pending.leave()

    record = proxy.ended("leaves-early")
    seen = len(upstream.attempts())
    quiet_until = now() + 8 * SECOND_S
    poll_until(lambda: now() > quiet_until, within_s=2, what="the waits that would have followed")

    assert (record["status"], record["outcome"]) == (499, "client-gone")
    assert len(upstream.attempts()) == seen <= 2


def test_a_client_that_leaves_closes_the_upstream_connection(
    proxy: RunningProxy, upstream: Origin, client: Client
) -> None:
    """The upstream sees at once that nobody waits any more."""
    upstream.script(route=[replies.silent()])
    pending = client.begin("GET", "/api/proxy/x")
    poll_until(upstream.attempts, within_s=2, what="the attempt")

    left = pending.leave().ended
    attempt = poll_until(
        lambda: [a for a in upstream.attempts() if a.closed_by_peer_at is not None], within_s=2, what="the close"
    )[0]

    assert (attempt.closed_by_peer_at or 0) - left < LATE_S
    assert len(upstream.attempts()) == 1
