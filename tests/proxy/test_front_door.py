"""What is refused at the door, byte by byte; nothing of it reaches the upstream."""

from __future__ import annotations

import json

import pytest

from harness.clock import poll_until
from harness.traffic import raw, replies
from harness.traffic.client import Client
from harness.traffic.origin import Origin
from harness.traffic.steps import Behaviour, Reply
from tests.proxy.running import RunningProxy

ALLOWED = "http://localhost:3200"
GET = b"GET /api/proxy/x HTTP/1.1\r\n"
POST = b"POST /api/proxy/x HTTP/1.1\r\nHost: p\r\n"


@pytest.fixture(scope="module")
def settings() -> dict[str, object]:
    return {"CLIENT_HEADER_TIMEOUT": 300, "BODY_LIMIT": 1_000_000, "HEADER_LIMIT": 20_000, "TARGET_LIMIT": 4_000}


REFUSED = {
    "no host": (GET + b"\r\n", 400),
    "two hosts": (GET + b"Host: a\r\nHost: b\r\n\r\n", 400),
    "bad host": (GET + b"Host: a/b\r\n\r\n", 400),
    "absolute form": (b"GET http://evil.test/api/proxy/x HTTP/1.1\r\nHost: evil.test\r\n\r\n", 400),
    "asterisk form": (b"OPTIONS * HTTP/1.1\r\nHost: p\r\n\r\n", 400),
    "authority form": (b"CONNECT evil.test:443 HTTP/1.1\r\nHost: p\r\n\r\n", 405),
    "trace": (b"TRACE /api/proxy/x HTTP/1.1\r\nHost: p\r\n\r\n", 405),
    "another host's path": (b"GET //evil.test/api/proxy/x HTTP/1.1\r\nHost: p\r\n\r\n", 404),
    "outside": (b"GET /api/other HTTP/1.1\r\nHost: p\r\n\r\n", 404),
    "dot segments": (b"GET /api/proxy/../admin HTTP/1.1\r\nHost: p\r\n\r\n", 400),
    "encoded dot segments": (b"GET /api/proxy/%2e%2e/admin HTTP/1.1\r\nHost: p\r\n\r\n", 400),
    "backslash": (b"GET /api/proxy/..\\admin HTTP/1.1\r\nHost: p\r\n\r\n", 400),
    "length and chunks": (POST + b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    "chunks and length": (POST + b"Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n", 400),
    "two lengths": (POST + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nx", 400),
    "a signed length": (POST + b"Content-Length: +1\r\n\r\nx", 400),
    "an unknown coding": (POST + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", 400),
    "chunks in HTTP/1.0": (
        b"POST /api/proxy/x HTTP/1.0\r\nHost: p\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        400,
    ),
    "an older version": (b"GET /api/proxy/x\r\nHost: p\r\n\r\n", 505),
    "a newer version": (b"GET /api/proxy/x HTTP/2.0\r\nHost: p\r\n\r\n", 505),
    "no HTTP": (b"\x16\x03\x01\x00\xa5hello\r\n\r\n", 400),
    "large body": (POST + b"Content-Length: 1000001\r\n\r\n", 413),
    "large chunked body": (POST + b"Transfer-Encoding: chunked\r\n\r\n" + b"fffff\r\n" + b"x" * 0xFFFFF, 413),
    "long target": (b"GET /api/proxy/" + b"x" * 5_000 + b" HTTP/1.1\r\nHost: p\r\n\r\n", 414),
    "large fields": (GET + b"Host: p\r\nX: " + b"y" * 21_000 + b"\r\n\r\n", 431),
    "many fields": (GET + b"Host: p\r\n" + b"X: y\r\n" * 300 + b"\r\n", 431),
    "endless fields": (GET + b"Host: p\r\n" + b"X: yyyyyyyyyyyy\r\n" * 10_000, 431),
    "endless target": (b"GET /api/proxy/" + b"x" * 500_000, 414),
}


@pytest.mark.parametrize(("request_bytes", "status"), REFUSED.values(), ids=REFUSED)
def test_what_is_refused_gets_the_envelope_and_goes_no_further(
    proxy: RunningProxy, upstream: Origin, request_bytes: bytes, status: int
) -> None:
    """One JSON error with its identity; the upstream sees nothing, and the next client is served."""
    exchange = raw.ask("127.0.0.1", proxy.port, request_bytes, within_s=5)

    reply = exchange.reply
    assert reply is not None
    error = json.loads(reply.body)
    assert (reply.status, set(error)) == (status, {"error", "message", "details"})
    assert reply.headers.get("x-request-id")
    assert reply.headers.get("vary") == "Origin"
    assert "error=" in (reply.headers.get("proxy-status") or "")
    assert [attempt for attempt in upstream.attempts() if attempt.complete] == []
    assert raw.ask("127.0.0.1", proxy.port, GET + b"Host: p\r\n\r\n").reply.status == 200  # type: ignore[union-attr]


@pytest.mark.parametrize("name", ["no host", "an unknown coding", "chunks in HTTP/1.0", "trace", "large body"])
def test_a_refused_head_ends_its_connection(proxy: RunningProxy, upstream: Origin, name: str) -> None:
    """What follows a refused head is not read as a request."""
    request_bytes, status = REFUSED[name]

    exchange = raw.send("127.0.0.1", proxy.port, request_bytes + GET + b"Host: p\r\n\r\n", within_s=5)

    assert exchange.end in ("fin", "reset")
    assert [reply.status for reply in exchange.replies()] == [status]
    assert exchange.reply is not None
    assert exchange.reply.headers.get_all("connection") == ["close"]


@pytest.mark.parametrize("path", [b"/livez", b"/api/proxy/x"])
def test_http_1_0_needs_no_host(proxy: RunningProxy, path: bytes) -> None:
    """RFC 9112 section 3.2 asks for one in HTTP/1.1; simple probes of load balancers send none."""
    exchange = raw.send("127.0.0.1", proxy.port, b"GET " + path + b" HTTP/1.0\r\n\r\n", within_s=5)

    assert ("fin", [200]) == (exchange.end, [reply.status for reply in exchange.replies()])


def test_a_client_that_still_sends_can_read_its_refusal(proxy: RunningProxy) -> None:
    """The connection ends with FIN and not with a reset, which could overtake the response."""
    exchange = raw.send("127.0.0.1", proxy.port, POST + b"Content-Length: 8000000\r\n\r\n" + b"x" * 8_000_000)

    assert ("fin", [413]) == (exchange.end, [reply.status for reply in exchange.replies()])


def test_a_body_that_nobody_reads_ends_its_connection(proxy: RunningProxy, upstream: Origin) -> None:
    """A client whose answer came before its body was complete cannot go on with it for ever."""
    upstream.script(route=[Behaviour("early", (Reply(200, (), b"early"),))])

    exchange = raw.send("127.0.0.1", proxy.port, POST + b"Content-Length: 1000\r\n\r\nhalf", within_s=5)

    assert ("fin", [b"early"]) == (exchange.end, [reply.body for reply in exchange.replies()])
    assert exchange.reply is not None
    assert exchange.reply.headers.get_all("connection") == ["close"]


def test_a_head_that_never_ends_is_ended(proxy: RunningProxy) -> None:
    """A client that sends its head too slowly is told so."""
    with raw.RawConnection("127.0.0.1", proxy.port, within_s=5) as connection:
        connection.trickle(GET + b"Host: p", every_s=0.05)
        connection.read()
        exchange = connection.exchange()

    assert exchange.reply is not None
    assert exchange.reply.status == 408


def test_an_upload_cut_in_half_is_never_a_whole_one(proxy: RunningProxy, upstream: Origin) -> None:
    """A client that ends in the middle of its body takes the upstream's request with it."""
    raw.send("127.0.0.1", proxy.port, POST + b"Content-Length: 100000\r\n\r\nhalf", finish=True, within_s=5)

    def ended() -> bool:
        return all(a.ended_at is not None or a.closed_by_peer_at is not None for a in upstream.attempts())

    poll_until(ended, within_s=3, what="the upstream to notice")

    assert [attempt for attempt in upstream.attempts() if attempt.complete] == []


def test_a_broken_chunk_is_never_a_whole_body(proxy: RunningProxy, upstream: Origin) -> None:
    """Framing that breaks inside the body is 400, and the upstream's request stays incomplete."""
    body = b"4\r\nhalf\r\nzz\r\n"
    exchange = raw.ask(
        "127.0.0.1", proxy.port, POST + b"Transfer-Encoding: chunked\r\n\r\n" + body, methods=("POST",), within_s=5
    )

    assert exchange.reply is not None
    assert exchange.reply.status == 400
    assert [attempt for attempt in upstream.attempts() if attempt.complete] == []


def test_pipelined_requests_get_their_own_answers_in_order(proxy: RunningProxy, upstream: Origin) -> None:
    """Three requests in one segment, three answers in their order."""
    upstream.script(route=[replies.delayed(0.05, replies.ok(b"one")), replies.ok(b"two"), replies.ok(b"three")])

    exchange = raw.ask("127.0.0.1", proxy.port, (GET + b"Host: p\r\n\r\n") * 3, methods=("GET",) * 3)

    assert [reply.body for reply in exchange.replies()] == [b"one", b"two", b"three"]


def test_an_upgrade_is_declined_and_its_request_forwarded(proxy: RunningProxy, upstream: Origin) -> None:
    """h2c is asked for beside an ordinary request; that one is served, with its body, and nothing is smuggled."""
    upgrade = b"Connection: Upgrade\r\nUpgrade: h2c\r\nContent-Length: 4\r\n\r\n"
    smuggled = b"GET /api/proxy/smuggled HTTP/1.1\r\nHost: p\r\n\r\n"

    exchange = raw.send("127.0.0.1", proxy.port, POST + upgrade + b"body" + smuggled, within_s=3)

    assert [reply.status for reply in exchange.replies()] == [200]
    assert [(a.target, a.body, a.header("upgrade")) for a in upstream.attempts()] == [("/api/x", b"body", None)]


def test_a_trailer_is_no_header(proxy: RunningProxy, upstream: Origin) -> None:
    """What follows the last chunk is dropped, and cannot stand for a field of the head."""
    body = b"Transfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\nAuthorization: x\r\nHost: y\r\n\r\n"

    exchange = raw.ask("127.0.0.1", proxy.port, POST + body, methods=("POST",))

    assert exchange.reply is not None
    assert exchange.reply.status == 200
    attempt = upstream.attempts()[0]
    assert (attempt.body, attempt.header("authorization"), attempt.trailers) == (b"body", None, [])


def test_a_client_that_waits_for_100_gets_it(proxy: RunningProxy, upstream: Origin) -> None:
    """Expect: 100-continue is answered by the proxy, once the backend may be asked."""
    with raw.RawConnection("127.0.0.1", proxy.port, within_s=5) as connection:
        connection.send(POST + b"Expect: 100-continue\r\nContent-Length: 4\r\n\r\n")
        connection.read(until=b"100 Continue\r\n\r\n")
        connection.send(b"body")
        connection.read(until=b"HTTP/1.1 200")

    assert connection.received.startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200")
    assert [(a.body, a.header("expect")) for a in upstream.attempts()] == [(b"body", None)]


def test_a_proxy_in_front_of_itself_notices(proxy: RunningProxy, upstream: Origin, client: Client) -> None:
    """A request that carries our own name in Via has been here before."""
    ours = client.get("/api/proxy/x").headers.get("via") or ""

    exchange = client.get("/api/proxy/x", headers={"Via": ours})

    assert (exchange.status, exchange.json()["error"]) == (508, "Loop Detected")
    assert "proxy_loop_detected" in (exchange.headers.get("proxy-status") or "")


def test_errors_can_be_read_by_an_allowed_origin_and_by_no_other(proxy: RunningProxy, client: Client) -> None:
    """CORS headers are on errors too, and only for configured origins."""
    allowed = client.get("/api/other", origin=ALLOWED)
    other = client.get("/api/other", origin="http://evil.test")

    assert allowed.headers.get_all("access-control-allow-origin") == [ALLOWED]
    assert allowed.headers.get("access-control-allow-credentials") == "true"
    assert [name for name, _ in other.headers if name.lower().startswith("access-control-")] == []


def test_a_preflight_is_answered_by_the_proxy(proxy: RunningProxy, upstream: Origin, client: Client) -> None:
    """The backend may be down; the browser gets its answer all the same."""
    asked = {"Access-Control-Request-Method": "PUT", "Access-Control-Request-Headers": "content-type, x-a"}
    with upstream.refusing():
        allowed = client.request("OPTIONS", "/api/proxy/x", headers=asked, origin=ALLOWED)
        other = client.request("OPTIONS", "/api/proxy/x", headers=asked, origin="http://evil.test")

    assert (allowed.status, other.status) == (204, 403)
    assert "PUT" in (allowed.headers.get("access-control-allow-methods") or "")
    assert allowed.headers.get("access-control-allow-headers") == "content-type, x-a"
    assert "access-control-allow-origin" not in other.headers
    assert upstream.attempts() == []
