"""A request body is sent on from its first byte, or is refused as what it is; either way with one record."""

from __future__ import annotations

import asyncio
from collections.abc import MutableMapping
from typing import Any

import pytest

from harness.clock import poll_until
from harness.traffic import raw, replies
from harness.traffic.origin import Origin
from harness.traffic.steps import Behaviour, Say, Silence
from proxy_under_test.body import Body
from tests.proxy.running import RunningProxy, running

ALLOWED = "http://localhost:3200"
WITHIN_S = 5
POST = b"POST /api/proxy/x HTTP/1.1\r\nHost: p\r\n"
CHUNKED = b"Transfer-Encoding: chunked\r\n\r\n"
PARTS = (b"hello", b"world")


FRAMED = {"by length": b"Content-Length: 5\r\n\r\nhello", "by chunks": CHUNKED + b"5\r\nhello\r\n0\r\n\r\n"}


@pytest.fixture(scope="module")
def settings() -> dict[str, object]:
    return {"BODY_BUFFER_LIMIT": 0}


@pytest.mark.parametrize("keep", [0, 4, 5, 9, 10])
@pytest.mark.parametrize("ahead", [False, True], ids=["read on demand", "read ahead"])
def test_a_body_begins_with_its_first_byte_whatever_is_kept(keep: int, ahead: bool) -> None:
    """What was read ahead and is more than what is kept is sent all the same, and once."""
    messages = [{"type": "http.request", "body": part, "more_body": part is not PARTS[-1]} for part in PARTS]

    async def receive() -> MutableMapping[str, Any]:
        return messages.pop(0)

    async def act() -> list[bytes]:
        body = Body(receive, None, keep=keep, limit=None)
        if ahead:
            await body.prefetch()
        sent = [chunk async for chunk in body.chunks()]
        again = [chunk async for chunk in body.chunks()]
        assert again == (list(PARTS) if body.replayable else [])
        return sent

    assert asyncio.run(act()) == list(PARTS)


@pytest.mark.parametrize("transport", ["httptools", "httpx2"])
@pytest.mark.parametrize("framed", FRAMED.values(), ids=FRAMED)
def test_a_body_of_which_nothing_is_kept_arrives_whole(upstream: Origin, framed: bytes, transport: str) -> None:
    """BODY_BUFFER_LIMIT=0 means that nothing is sent twice, not that something is not sent."""
    upstream.reset()
    upstream.forget()
    with running(upstream.url, UPSTREAM_TRANSPORT=transport, BODY_BUFFER_LIMIT=0) as proxy:
        exchange = raw.ask("127.0.0.1", proxy.port, POST + framed, methods=("POST",), within_s=WITHIN_S)

    assert [reply.status for reply in exchange.replies("POST")] == [200]
    assert [(attempt.body, attempt.complete) for attempt in upstream.attempts()] == [(b"hello", True)]


@pytest.mark.parametrize("later", [False, True], ids=["with the head", "later"])
def test_a_spoiled_body_is_refused_as_any_other_error(proxy: RunningProxy, upstream: Origin, later: bool) -> None:
    """400 with the request's own id and what its origin may see; one record, under that id, that tells the cause."""
    name = f"spoiled-{later}-{upstream.port}"
    head = POST + f"Origin: {ALLOWED}\r\nX-Request-ID: {name}\r\n".encode() + CHUNKED

    with raw.RawConnection("127.0.0.1", proxy.port, within_s=WITHIN_S) as connection:
        connection.send(head + b"2\r\nhi\r\n" + (b"" if later else b"X0\r\n\r\n"))
        if later:
            poll_until(upstream.attempts, within_s=WITHIN_S, what="the request upstream")
            connection.send(b"X0\r\n\r\n")
        connection.read()
        exchange = connection.exchange()

    (reply,) = exchange.replies("POST")
    assert (reply.status, exchange.end) == (400, "fin")
    for field, value in (("x-request-id", name), ("access-control-allow-origin", ALLOWED), ("connection", "close")):
        assert reply.headers.get_all(field) == [value]
    end = proxy.ended(name)
    assert (end["status"], end["outcome"], end["method"]) == (400, "bad-request", "POST")
    assert [line["event"] for line in proxy.lines(name)].count("request finished") == 1
    assert not [attempt for attempt in upstream.attempts() if attempt.complete]


def test_a_body_that_is_spoiled_after_the_answer_began_breaks_the_answer(
    proxy: RunningProxy, upstream: Origin
) -> None:
    """Nothing is appended to an answer that is on its way; the client sees that it is not whole."""
    upstream.script(route=[Behaviour("begun", (Say(replies.OK_HEAD_100 + b"begun"), Silence()))])
    name = f"begun-{upstream.port}"

    with raw.RawConnection("127.0.0.1", proxy.port, within_s=WITHIN_S) as connection:
        connection.send(POST + f"X-Request-ID: {name}\r\n".encode() + CHUNKED + b"2\r\nhi\r\n")
        connection.read(until=b"begun")
        connection.send(b"X0\r\n\r\n")
        connection.read()
        exchange = connection.exchange()

    (reply,) = exchange.replies("POST")
    assert (reply.status, reply.complete) == (200, False)
    assert proxy.ended(name)["outcome"] == "bad-request"


SMUGGLED = b"GET /api/proxy/smuggled HTTP/1.1\r\nHost: p\r\n\r\n"


@pytest.mark.parametrize("cut", [0, 3, 10])
def test_an_upgrade_with_a_body_in_chunks_is_declined_and_forwarded(
    proxy: RunningProxy, upstream: Origin, cut: int
) -> None:
    """Java's client asks for h2c with a streamed body, too; what follows the last chunk is no request."""
    upgrade = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAE\r\n" + CHUNKED
    body = b"2\r\nhi\r\n3\r\nyou\r\n0\r\nab: x\r\n\r\n" + SMUGGLED

    with raw.RawConnection("127.0.0.1", proxy.port, within_s=WITHIN_S) as connection:
        connection.send(POST + upgrade + body[:cut])
        if cut >= len(b"2\r\nhi"):  # a proxy begins to send when there is something to send
            poll_until(upstream.attempts, within_s=WITHIN_S, what="the request upstream")
        connection.send(body[cut:])
        connection.read()
        exchange = connection.exchange()

    assert [reply.status for reply in exchange.replies("POST")] == [200]
    assert [(attempt.target, attempt.body) for attempt in upstream.attempts()] == [("/api/x", b"hiyou")]


def test_an_upgrade_with_broken_chunks_is_refused(proxy: RunningProxy, upstream: Origin) -> None:
    """The rest is read as strictly as any other body."""
    upgrade = b"Connection: Upgrade\r\nUpgrade: h2c\r\n" + CHUNKED

    exchange = raw.send("127.0.0.1", proxy.port, POST + upgrade + b"X0\r\n\r\n", within_s=WITHIN_S)

    assert [reply.status for reply in exchange.replies("POST")] == [400]
    assert not [attempt for attempt in upstream.attempts() if attempt.complete]
