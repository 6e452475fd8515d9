"""A trailer section is read by nobody, so nothing of it is kept, and it ends as a head does: at the limit."""

from __future__ import annotations

import asyncio

import pytest

from harness.traffic import raw
from harness.traffic.origin import Origin
from proxy_under_test.causes import Cause, UpstreamFailure
from proxy_under_test.transport import Try
from proxy_under_test.transport.connection import Connection
from tests.proxy.running import RunningProxy
from tests.proxy.test_lost_early import Nobody

LIMIT = 4_000
WITHIN_S = 5
POST = b"POST /api/proxy/x HTTP/1.1\r\nHost: p\r\nTransfer-Encoding: chunked\r\n\r\n"
ENDLESS = {
    "fields": b"4\r\nbody\r\n0\r\n" + b"ab: x\r\n" * 100_000,
    "a field": b"0\r\nab: " + b"x" * 700_000,
    "a chunk's line": b"4;a=" + b"x" * 700_000,
}


@pytest.fixture(scope="module")
def settings() -> dict[str, object]:
    return {"HEADER_LIMIT": LIMIT, "TARGET_LIMIT": LIMIT}


@pytest.mark.parametrize("body", ENDLESS.values(), ids=ENDLESS)
def test_a_client_with_endless_trailers_is_refused(proxy: RunningProxy, upstream: Origin, body: bytes) -> None:
    """What comes between two parts of a body is no more than a head may be."""
    exchange = raw.send("127.0.0.1", proxy.port, POST + body, within_s=WITHIN_S)

    assert [400] == [reply.status for reply in exchange.replies()]
    assert exchange.end in ("fin", "reset")
    assert [attempt for attempt in upstream.attempts() if attempt.complete] == []


def test_a_large_body_in_small_chunks_is_no_trailer(proxy: RunningProxy, upstream: Origin) -> None:
    """What is bounded starts anew with each part of the body, so a body has no bound of its own."""
    body = b"4\r\nbody\r\n" * 10_000 + b"0\r\nab: x\r\n\r\n"

    exchange = raw.ask("127.0.0.1", proxy.port, POST + body, methods=("POST",))

    assert [200] == [reply.status for reply in exchange.replies()]
    assert [b"body" * 10_000] == [attempt.body for attempt in upstream.attempts()]


@pytest.mark.parametrize("piece", [b"ab: x\r\n" * 100, b"x" * 700])
def test_an_upstream_with_endless_trailers_has_a_broken_body(piece: bytes) -> None:
    """The response fails where its trailer section is larger than a head, and until then nothing of it is kept."""

    async def act() -> tuple[bytes, Cause, int]:
        connection = Connection(LIMIT, Nobody())
        connection.begin("GET", Try())
        connection.data_received(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        connection.data_received(b"4\r\nbody\r\n0\r\nab: ")
        for _ in range(100):
            connection.data_received(piece)
        body = await connection.read()
        with pytest.raises(UpstreamFailure) as failure:
            await asyncio.wait_for(connection.read(), WITHIN_S)
        return body, failure.value.cause, len(connection._fields)

    assert (b"body", Cause.BODY_MALFORMED, 0) == asyncio.run(act())


CLOSING = b"0\r\nConnection: close\r\n\r\n"


def test_a_trailer_that_closes_ends_the_connection_with_its_answer(proxy: RunningProxy, upstream: Origin) -> None:
    """The parser takes it for the head's, against RFC 9110 section 6.5.1, and later requests would get no answer."""
    exchange = raw.send("127.0.0.1", proxy.port, POST + CLOSING + POST + b"0\r\n\r\n", within_s=WITHIN_S)

    assert [200] == [reply.status for reply in exchange.replies("POST")]
    assert exchange.end == "fin"
    assert len(upstream.attempts()) == 1


@pytest.mark.parametrize(("last", "again"), [(b"0\r\n\r\n", True), (CLOSING, False)], ids=["none", "one that closes"])
def test_an_upstream_connection_is_not_used_again_after_a_trailer_that_closes(last: bytes, again: bool) -> None:
    """The next answer on it would be refused by the parser, though it was given."""

    async def act() -> bool:
        connection = Connection(LIMIT, Nobody())
        connection.begin("GET", Try())
        connection.data_received(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nxyz\r\n" + last)
        assert await connection.read() == b"xyz"
        assert connection.finished
        return connection.end(wanted=True)

    assert asyncio.run(act()) is again
