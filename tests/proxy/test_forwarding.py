"""What a proxy must not break: bytes, headers, streaming, memory."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

import psutil
import pytest

from harness.clock import now, poll_until
from harness.traffic import raw, replies
from harness.traffic.client import Client
from harness.traffic.origin import Origin
from harness.traffic.steps import Behaviour, Reply
from tests.proxy.running import RunningProxy

MIB = 1024 * 1024
GROWTH_LIMIT_MIB = 32


@pytest.fixture(scope="module")
def settings() -> dict[str, object]:
    return {"REQUEST_TIMEOUT": 60_000, "CONNECT_TIMEOUT": 5_000, "HEALTH_CHECK_TTL": 60_000}


def resident_mib(proxy: RunningProxy) -> float:
    return float(psutil.Process(proxy.process.pid).memory_info().rss / MIB)


@pytest.mark.parametrize("target", ["a%2Fb%20c?x=1&y=%2F&x=2", "%C3%A9?q=a+b", "x?", "a;v=1//b/", "%zz"])
def test_the_target_arrives_byte_for_byte(proxy: RunningProxy, upstream: Origin, target: str) -> None:
    """Path and query are the client's bytes."""
    raw.ask("127.0.0.1", proxy.port, f"GET /api/proxy/{target} HTTP/1.1\r\nHost: p\r\n\r\n".encode())

    assert upstream.attempts()[0].target == f"/api/{target}"


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"])
def test_every_method_is_forwarded(proxy: RunningProxy, upstream: Origin, client: Client, method: str) -> None:
    """Each method reaches the upstream as it is."""
    upstream.script(route=[replies.ok(b"")])

    assert client.request(method, "/api/proxy/x").status == 200
    assert [attempt.method for attempt in upstream.attempts()] == [method]


@pytest.mark.parametrize("status", [201, 204, 301, 302, 304, 307, 404, 418, 429, 500, 503])
def test_every_status_is_passed_on(proxy: RunningProxy, upstream: Origin, client: Client, status: int) -> None:
    """Redirects are not followed, errors are not replaced."""
    upstream.script(route=[replies.ok(b"", status, [("Location", "/elsewhere"), ("ETag", '"1"')])])

    exchange = client.get("/api/proxy/x")

    assert (exchange.status, exchange.headers.get("etag"), exchange.complete) == (status, '"1"', True)


def test_head_has_the_fields_of_get_and_no_body(proxy: RunningProxy, upstream: Origin) -> None:
    """A HEAD response that carries a body all the same does not break the next one."""
    upstream.script(route=[replies.literal(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nbody"), replies.ok(b"next")])

    requests = b"HEAD /api/proxy/x HTTP/1.1\r\nHost: p\r\n\r\nGET /api/proxy/x HTTP/1.1\r\nHost: p\r\n\r\n"
    exchange = raw.ask("127.0.0.1", proxy.port, requests, methods=("HEAD", "GET"))

    first, second = exchange.replies("HEAD", "GET")
    assert (first.headers.get("content-length"), first.body, second.body) == ("4", b"", b"next")


def test_response_headers_keep_order_and_repetition(proxy: RunningProxy, upstream: Origin, client: Client) -> None:
    """Several cookies stay several; hop-by-hop fields end at the proxy."""
    fields = [("Set-Cookie", "a=1"), ("X-B", ""), ("Set-Cookie", "b=2"), ("Connection", "x-hop"), ("X-Hop", "1")]
    upstream.script(route=[replies.ok(b"\x1f\x8bnot really", 200, [*fields, ("Content-Encoding", "gzip")])])

    exchange = client.get("/api/proxy/x")

    assert exchange.headers.get_all("set-cookie") == ["a=1", "b=2"]
    assert exchange.headers.get("x-b") == ""
    assert "x-hop" not in exchange.headers
    assert (exchange.headers.get("content-encoding"), exchange.body) == ("gzip", b"\x1f\x8bnot really")
    assert "errorpath-proxy" in (exchange.headers.get("via") or "")


def test_a_request_says_where_it_came_from(proxy: RunningProxy, upstream: Origin, client: Client) -> None:
    """Forwarded and X-Forwarded-For are appended; Host is the upstream's."""
    client.get(
        "/api/proxy/x", headers={"X-Forwarded-For": "6.6.6.6", "Forwarded": "for=6.6.6.6", "X-Request-ID": "r1"}
    )

    attempt = upstream.attempts()[0]
    assert attempt.header("host") == f"127.0.0.1:{upstream.port}"
    assert attempt.header("x-forwarded-for") == "6.6.6.6, 127.0.0.1"
    assert (attempt.header("forwarded") or "").startswith("for=6.6.6.6, for=127.0.0.1;")
    assert attempt.header("x-request-id") == "r1"


def test_events_are_passed_on_as_they_come(proxy: RunningProxy, upstream: Origin, client: Client) -> None:
    """A stream is not held back until its end."""
    upstream.script(route=[replies.stream([b"data: 1\n\n", b"data: 2\n\n", b"data: 3\n\n"], every_s=0.2)])

    exchange = client.get("/api/proxy/events")

    assert exchange.body == b"data: 1\n\ndata: 2\n\ndata: 3\n\n"
    assert exchange.pieces[-1][0] - exchange.pieces[0][0] >= 0.35
    assert (exchange.headers_at or 0) - exchange.started < 0.3


def test_a_large_download_passes_in_bounded_memory(proxy: RunningProxy, upstream: Origin, client: Client) -> None:
    """100 MiB down."""
    upstream.script(route=[replies.big(100 * MIB)])
    before = resident_mib(proxy)

    exchange = client.get("/api/proxy/big", keep=0)

    assert (exchange.status, exchange.body_length) == (200, 100 * MIB)
    assert resident_mib(proxy) - before < GROWTH_LIMIT_MIB


@pytest.mark.parametrize("declared", [True, False], ids=["length", "chunked"])
def test_a_large_upload_passes_in_bounded_memory(
    proxy: RunningProxy, upstream: Origin, client: Client, declared: bool
) -> None:
    """100 MiB up, intact."""
    piece = bytes(range(256)) * 4096
    digest = hashlib.sha256()
    for _ in range(100):
        digest.update(piece)
    before = resident_mib(proxy)

    def pieces() -> Iterator[bytes]:
        for _ in range(100):
            yield piece

    headers = {"Content-Length": str(100 * MIB)} if declared else {}
    exchange = client.put("/api/proxy/big", content=pieces(), headers=headers)

    attempt = upstream.attempts()[0]
    assert (exchange.status, attempt.body_length) == (200, 100 * MIB)
    assert attempt.body_sha256 == digest.hexdigest()
    assert resident_mib(proxy) - before < GROWTH_LIMIT_MIB


def test_a_slow_reader_holds_the_upstream_back(proxy: RunningProxy, upstream: Origin) -> None:
    """What the client does not take is not piled up in the proxy."""
    upstream.script(route=[replies.big(200 * MIB)])
    before = resident_mib(proxy)

    with raw.RawConnection("127.0.0.1", proxy.port, receive_buffer=65_536) as connection:
        connection.send(b"GET /api/proxy/big HTTP/1.1\r\nHost: p\r\n\r\n")
        connection.read_slowly(4096, every_s=0.02, at_most=100_000)
        grown = resident_mib(proxy) - before
        sent = upstream.attempts()[0].bytes_sent
        connection.abort()

    closed = poll_until(lambda: upstream.attempts()[0].closed_by_peer_at, within_s=3, what="the upstream's end")
    assert grown < GROWTH_LIMIT_MIB
    assert sent < 50 * MIB
    assert closed is not None


def test_an_answer_before_the_end_of_an_upload_is_passed_on(proxy: RunningProxy, upstream: Origin) -> None:
    """A backend may refuse a body without reading it."""
    early = Behaviour("early", (Reply(413, (("Connection", "close"),), b"too large"),))
    upstream.script(route=[early])
    head = b"PUT /api/proxy/x HTTP/1.1\r\nHost: p\r\nContent-Length: 50000000\r\n\r\n"

    exchange = raw.ask("127.0.0.1", proxy.port, head + b"x" * 100_000, methods=("PUT",), within_s=5)

    assert exchange.reply is not None
    assert (exchange.reply.status, exchange.reply.body) == (413, b"too large")


def test_many_who_leave_leave_nothing_behind(proxy: RunningProxy, upstream: Origin, client: Client) -> None:
    """200 clients that give up cost no connection, task or pool slot."""
    upstream.script(route=[replies.silent()])
    process = psutil.Process(proxy.process.pid)
    before = process.num_fds()

    pending = [client.begin("GET", "/api/proxy/x") for _ in range(200)]
    poll_until(lambda: len(upstream.attempts()) >= 150, within_s=10, what="the attempts")
    for one in pending:
        one.leave()

    poll_until(lambda: process.num_fds() <= before + 2, within_s=5, what="the sockets to be closed")
    upstream.script(route=[replies.ok()])
    metrics = client.get("/metrics").text
    assert "proxy_in_flight_requests 0.0" in metrics
    assert client.get("/api/proxy/x").status == 200


def test_a_thousand_idle_clients_do_not_stop_the_next(proxy: RunningProxy, client: Client) -> None:
    """Connections that say nothing cost nothing."""
    idle = [raw.RawConnection("127.0.0.1", proxy.port) for _ in range(1_000)]
    try:
        started = now()

        assert client.get("/api/proxy/x").status == 200
        assert now() - started < 2
    finally:
        for connection in idle:
            connection.leave()
