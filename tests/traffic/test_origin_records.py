"""What the origin remembers of what reached it."""

from __future__ import annotations

import hashlib
import socket

import pytest

from harness.clock import now, poll_until
from harness.errors import HarnessError
from harness.traffic import replies
from harness.traffic.origin import Origin
from harness.traffic.pattern import pattern, pattern_sha256
from tests.traffic.plain import GET, HEALTH, connected, everything, exactly, said_to

OK_LENGTH = 66


def request(key: str, method: bytes = b"GET") -> bytes:
    return b"%s /api/x HTTP/1.1\r\nHost: o\r\nX-Errorpath-Request: %s\r\n\r\n" % (method, key.encode())


def test_an_attempt_keeps_the_request_as_it_came(origin: Origin) -> None:
    """Case, order and repetition of the headers, the raw head and the body are all there."""
    head = b"POST /api/x?a=%20 HTTP/1.1\r\nhOst: o\r\nX-Errorpath-Request: 7\r\nB: 1\r\nb:  2 \r\n"
    head += b"Content-Length: 2\r\n\r\n"

    began = now()
    said_to(origin.port, head + b"\x00\xff")

    (attempt,) = origin.attempts("7")
    assert (attempt.method, attempt.target, attempt.raw_head, attempt.body) == (
        "POST",
        "/api/x?a=%20",
        head,
        b"\x00\xff",
    )
    assert attempt.headers[0] == (b"hOst", b"o")
    assert attempt.headers[2:4] == [(b"B", b"1"), (b"b", b"2")]
    assert (attempt.complete, attempt.outcome, attempt.header("B")) == (True, "200", "1")
    assert attempt.body_sha256 == hashlib.sha256(b"\x00\xff").hexdigest()
    assert began <= attempt.at <= (attempt.ended_at or 0) <= now()


def test_a_chunked_body_is_put_together(origin: Origin) -> None:
    """Chunks, extensions and trailers are taken apart."""
    body = b"2;x=y\r\nab\r\n1\r\nc\r\n0\r\nX-Sum: 3\r\n\r\n"

    said_to(origin.port, b"POST /api/x HTTP/1.1\r\nHost: o\r\nTransfer-Encoding: chunked\r\n\r\n" + body)

    (attempt,) = origin.attempts()
    assert (attempt.body, attempt.trailers, attempt.complete) == (b"abc", [(b"X-Sum", b"3")], True)


def test_probes_are_kept_apart_from_attempts(origin: Origin) -> None:
    """The health path counts as a probe, with or without a query; what only looks like it does not."""
    said_to(origin.port, HEALTH)
    said_to(origin.port, HEALTH.replace(b"health ", b"health?x=1 "))
    said_to(origin.port, HEALTH.replace(b"health ", b"healthy "))

    assert [probe.target for probe in origin.probes()] == ["/api/health", "/api/health?x=1"]
    assert [attempt.target for attempt in origin.attempts()] == ["/api/healthy"]
    assert len(origin.attempts(include_health=True)) == 3


def test_each_attempt_takes_the_next_behaviour_and_the_last_repeats(origin: Origin) -> None:
    """A script of three serves five attempts."""
    origin.script(route=[replies.reset(), replies.empty_reply(), replies.ok(b"ok")])

    ends = [said_to(origin.port, GET)[1] for _ in range(5)]

    assert ends == ["reset", "fin", "open", "open", "open"]
    assert [attempt.outcome for attempt in origin.attempts("k")] == ["reset", "empty reply", "200", "200", "200"]


def test_each_request_can_have_its_own_turn(origin: Origin) -> None:
    """Two keys meet the same story from its beginning, in any order."""
    origin.script(route=[replies.reset(), replies.ok()], each_request=True)

    ends = [said_to(origin.port, request(key))[1] for key in ("a", "b", "b", "a")]

    assert ends == ["reset", "reset", "open", "open"]


def test_a_reset_on_accept_is_an_attempt_without_a_request(origin: Origin) -> None:
    """It has no key and no method, and the script moves on."""
    origin.script(route=[replies.reset_on_accept(), replies.ok()])

    ends = [said_to(origin.port, GET)[1] for _ in range(2)]

    assert ends == ["reset", "open"]
    assert [(attempt.key, attempt.outcome) for attempt in origin.attempts()] == [
        (None, "reset on accept"),
        ("k", "200"),
    ]


def test_one_connection_carries_many_requests(origin: Origin) -> None:
    """Keep-alive: two requests sent together are two attempts on one connection."""
    origin.script(route=[replies.ok()])

    with connected(origin.port) as client:
        client.sendall(request("a") + request("b"))
        exactly(client, 2 * OK_LENGTH)

    assert len({attempt.connection for attempt in origin.attempts()}) == 1
    (connection,) = origin.connections()
    assert (connection.number, connection.requests) == (origin.attempts()[0].connection, 2)


@pytest.mark.parametrize(
    ("head", "end"),
    [
        (b"GET / HTTP/1.1\r\nConnection: x, Close\r\n\r\n", "fin"),
        (b"GET / HTTP/1.0\r\n\r\n", "fin"),
        (b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", "open"),
    ],
)
def test_a_connection_is_kept_as_the_client_asks(origin: Origin, head: bytes, end: str) -> None:
    """Connection: close and HTTP/1.0 end it after the answer."""
    assert said_to(origin.port, head)[1] == end


def test_the_moment_the_peer_leaves_a_silent_origin_is_known(origin: Origin) -> None:
    """The attempt says when the peer closed, between two moments of ours, and that nothing was sent before."""
    origin.script(route=[replies.silent()])

    with connected(origin.port) as client:
        client.sendall(GET)
        poll_until(lambda: origin.attempts("k"), within_s=5, what="the attempt")
        leaving = now()
    poll_until(lambda: origin.attempts("k")[0].closed_by_peer_at, within_s=5, what="the end of the attempt")

    (attempt,) = origin.attempts("k")
    assert leaving <= (attempt.closed_by_peer_at or 0) <= leaving + 1
    assert (attempt.bytes_sent, attempt.outcome) == (0, "silent")


def test_bytes_sent_before_the_peer_left_are_counted(origin: Origin) -> None:
    """A stalled body counts its head and half."""
    origin.script(route=[replies.stall_mid_body()])

    said_to(origin.port, GET)
    poll_until(lambda: origin.attempts("k")[0].closed_by_peer_at, within_s=5, what="the end of the attempt")

    assert origin.attempts("k")[0].bytes_sent == len(replies.OK_HEAD_100) + 50


def test_an_upload_cut_off_is_incomplete(origin: Origin) -> None:
    """Half a body and a FIN make an attempt that is not complete."""
    with connected(origin.port) as client:
        client.sendall(b"POST /api/x HTTP/1.1\r\nHost: o\r\nContent-Length: 10\r\n\r\nabc")
    poll_until(lambda: origin.attempts() and origin.attempts()[0].ended_at, within_s=5, what="the end of the attempt")

    (attempt,) = origin.attempts()
    assert (attempt.complete, attempt.body, attempt.body_length) == (False, b"abc", 3)


def test_half_a_request_head_is_an_attempt(origin: Origin) -> None:
    """A peer that leaves in the middle of the head is on record."""
    with connected(origin.port) as client:
        client.sendall(b"GET /api/x HT")
    poll_until(origin.attempts, within_s=5, what="the attempt")

    assert [(attempt.outcome, attempt.complete) for attempt in origin.attempts()] == [("half a request head", False)]


@pytest.mark.parametrize(
    "wrong",
    [
        b"\x16\x03\x01\x02\x00\x01",
        b"\r\nGET /api/x HTTP/1.1\r\n\r\n",
        b"GET /api/x HTTP/1.1\nHost: o\n\n",
        b"GET  /api/x HTTP/1.1\r\n\r\n",
        b"GET /api/x HTTP/1.1\r\nHost : o\r\n\r\n",
        b"GET /api/x HTTP/1.1\r\nA: b\r\n folded\r\n\r\n",
        b"POST /api/x HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"POST /api/x HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        b"POST /api/x HTTP/1.1\r\nContent-Length: +1\r\n\r\n",
        b"POST /api/x HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0x1\r\n",
        b"POST /api/x HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nabc",
    ],
)
def test_a_malformed_request_is_seen_as_such(origin: Origin, wrong: bytes) -> None:
    """What the standard forbids is refused with 400 and recorded, whatever was scripted."""
    answer, end = said_to(origin.port, wrong)

    assert (answer[:24], end) == (b"HTTP/1.1 400 Bad Request", "fin")
    assert [attempt.outcome.partition(":")[0] for attempt in origin.attempts()] == ["malformed request"]


def test_a_head_has_an_end() -> None:
    """More than a MiB of header lines, or of one line, is refused."""
    with Origin.start() as origin:
        many = said_to(origin.port, b"GET / HTTP/1.1\r\n" + (b"A: %s\r\n" % (b"b" * 100)) * (12 << 10))
        long = said_to(origin.port, b"GET / HTTP/1.1\r\nA: " + b"b" * (2 << 20))

        assert {many[0][:24], long[0][:24]} == {b"HTTP/1.1 400 Bad Request"}
        assert {attempt.outcome.partition(":")[0] for attempt in origin.attempts()} == {"malformed request"}


def test_a_large_upload_is_hashed_and_not_kept(origin: Origin) -> None:
    """Eight MiB pass by: the sha256 is right, and the bytes are gone."""
    total = 8 << 20
    with connected(origin.port) as client:
        client.sendall(b"PUT /api/x HTTP/1.1\r\nHost: o\r\nContent-Length: %d\r\n\r\n" % total)
        for block in pattern(total):
            client.sendall(block)
        everything(client)

    (attempt,) = origin.attempts()
    assert (attempt.body, attempt.body_length, attempt.body_sha256) == (None, total, pattern_sha256(total))


def test_a_slow_reader_holds_the_upload_back() -> None:
    """An origin that reads slowly lets TCP block the sender: most of 16 MiB stays with the client."""
    total = 16 << 20
    with Origin.start(receive_buffer=1 << 16) as origin, connected(origin.port) as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 16)
        origin.script(route=[replies.slow_reader(replies.ok(), piece=1024, every_s=0.02)])
        client.sendall(b"PUT /api/x HTTP/1.1\r\nHost: o\r\nContent-Length: %d\r\n\r\n" % total)
        client.settimeout(0.1)
        sent = 0
        with pytest.raises(TimeoutError):
            while True:
                sent += client.send(bytes(1 << 16))

    assert sent < total // 4


def test_reset_forgets_and_cuts_what_is_under_way(origin: Origin) -> None:
    """After a reset there are no records, the defaults are back, and a silent attempt was reset."""
    origin.script(route=[replies.silent()], health=[replies.unhealthy()])
    with connected(origin.port) as client:
        client.sendall(GET)
        poll_until(origin.attempts, within_s=5, what="the attempt")
        origin.reset()
        cut = everything(client)

    assert cut == (b"", "reset")
    assert (origin.attempts(), origin.connections()) == ([], [])
    assert said_to(origin.port, HEALTH)[0][:15] == b"HTTP/1.1 200 OK"


def test_a_script_of_nothing_is_our_own_mistake(origin: Origin) -> None:
    """An empty list of behaviours is a HarnessError."""
    with pytest.raises(HarnessError, match="at least one behaviour"):
        origin.script(route=[])
