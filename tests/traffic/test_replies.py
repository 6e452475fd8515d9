"""Every behaviour of the origin, byte for byte, as a plain socket sees it."""

from __future__ import annotations

import hashlib
import json
import threading

import pytest

from harness.clock import now
from harness.traffic import replies
from harness.traffic.origin import Origin
from harness.traffic.pattern import pattern, pattern_sha256
from harness.traffic.steps import Behaviour, Fin, Pause, Say
from tests.traffic.plain import GET, HEALTH, connected, everything, exactly, said_to

OK = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\nok"
HEAD_100 = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 100\r\n\r\n"
CHUNKED = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n"
HALF = b"HTTP/1.1 200 OK\r\nContent-Type: text/plai"
UNTIL_CLOSE = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nConnection: close\r\n\r\n"
EVENTS = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"

SAID: list[tuple[Behaviour, bytes, str]] = [
    (replies.ok(), OK, "open"),
    (replies.ok(b"", 418, ()), b"HTTP/1.1 418 I'm a Teapot\r\nContent-Length: 0\r\n\r\n", "open"),
    (replies.ok(b"x", 299, ()), b"HTTP/1.1 299 Unassigned\r\nContent-Length: 1\r\n\r\nx", "open"),
    (replies.ok(b"", 204, [("A", "1"), ("A", "2")]), b"HTTP/1.1 204 No Content\r\nA: 1\r\nA: 2\r\n\r\n", "open"),
    (
        replies.json_reply({"a": 1}, 503),
        b'HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json\r\nContent-Length: 8\r\n\r\n{"a": 1}',
        "open",
    ),
    (replies.literal(b"anything"), b"anything", "open"),
    (replies.interim(times=2), b"HTTP/1.1 103 Early Hints\r\nLink: </s.css>; rel=preload\r\n\r\n" * 2 + OK, "open"),
    (replies.chunked([b"ab", b"c"]), CHUNKED + b"2\r\nab\r\n1\r\nc\r\n0\r\n\r\n", "open"),
    (replies.chunked([b"ab"], cut=True), CHUNKED + b"2\r\nab\r\n", "fin"),
    (replies.stream([b"a", b"b"], 0.01), EVENTS + b"1\r\na\r\n1\r\nb\r\n0\r\n\r\n", "open"),
    (replies.reset(), b"", "reset"),
    (replies.reset_on_accept(), b"", "reset"),
    (replies.empty_reply(), b"", "fin"),
    (replies.half_head(), HALF, "fin"),
    (replies.reset_mid_head(), HALF, "reset"),
    (replies.stall_mid_head(), HALF, "open"),
    (replies.short_body(), HEAD_100 + b"x" * 50, "fin"),
    (replies.reset_after_head(), HEAD_100, "reset"),
    (replies.reset_mid_body(), HEAD_100 + b"x" * 50, "reset"),
    (replies.stall_mid_body(), HEAD_100 + b"x" * 50, "open"),
    (replies.close_delimited(b"abc"), UNTIL_CLOSE + b"abc", "fin"),
    (replies.close_delimited(b"abc", cut=True), UNTIL_CLOSE + b"abc", "reset"),
    (replies.garbage(), b"\x16\x03\x01 this is not HTTP\r\n\r\n", "fin"),
    (replies.malformed(b"HTTP/1.1 2x0\r\n\r\n"), b"HTTP/1.1 2x0\r\n\r\n", "fin"),
    (replies.extra_bytes(b"poison"), OK + b"poison", "open"),
    (replies.close_after(replies.ok()), OK, "fin"),
    (replies.close_after(replies.ok(), rst=True), OK, "reset"),
    (replies.delayed(0.01, replies.ok()), OK, "open"),
]


@pytest.mark.parametrize(
    ("behaviour", "said", "end"), SAID, ids=[str(n) + "-" + row[0].name for n, row in enumerate(SAID)]
)
def test_a_behaviour_says_exactly_its_bytes(origin: Origin, behaviour: Behaviour, said: bytes, end: str) -> None:
    """A plain socket receives the literal bytes of a behaviour, and sees the end it names."""
    origin.script(route=[behaviour])

    answer = said_to(origin.port, GET)

    assert (said, end) == answer


def test_a_reset_behind_an_answer_does_not_swallow_it(origin: Origin) -> None:
    """Twenty resets mid-body in a row each deliver the half body first."""
    origin.script(route=[replies.reset_mid_body()])

    answers = {said_to(origin.port, GET) for _ in range(20)}

    assert {(HEAD_100 + b"x" * 50, "reset")} == answers


def test_silence_lasts_until_the_client_leaves(origin: Origin) -> None:
    """A silent origin sends nothing and keeps the connection."""
    origin.script(route=[replies.silent()])

    with connected(origin.port) as client:
        client.sendall(GET)
        client.settimeout(0.1)
        with pytest.raises(TimeoutError):
            client.recv(1)


def test_a_held_answer_comes_when_it_may(origin: Origin) -> None:
    """Nothing is said before the event, and the whole answer once it is set."""
    event = threading.Event()
    origin.script(route=[replies.held(event, replies.ok())])

    with connected(origin.port) as client:
        client.sendall(GET)
        client.settimeout(0.1)
        with pytest.raises(TimeoutError):
            client.recv(1)
        event.set()
        client.settimeout(5)
        assert exactly(client, len(OK)) == OK


def test_head_gets_no_body(origin: Origin) -> None:
    """The answer to HEAD states the length of a body it does not carry."""
    origin.script(route=[replies.ok()])

    answer = said_to(origin.port, b"HEAD /api/x HTTP/1.1\r\nHost: o\r\n\r\n")

    assert (OK[:-2], "open") == answer


def test_echo_tells_what_came(origin: Origin) -> None:
    """The default answer holds method, target, headers in order, and length and sha256 of the body."""
    request = b"PUT /api/%2F?q=1 HTTP/1.1\r\nHost: o\r\nx-a: 1\r\nX-A: 2\r\nContent-Length: 3\r\n\r\nabc"

    answer, _ = said_to(origin.port, request)

    assert {
        "method": "PUT",
        "target": "/api/%2F?q=1",
        "headers": [["Host", "o"], ["x-a", "1"], ["X-A", "2"], ["Content-Length", "3"]],
        "body_length": 3,
        "body_sha256": hashlib.sha256(b"abc").hexdigest(),
    } == json.loads(answer.partition(b"\r\n\r\n")[2])


def test_the_health_path_is_healthy_by_default(origin: Origin) -> None:
    """A probe gets the guide's answer whatever the route is told to do."""
    origin.script(route=[replies.reset()])

    answer, end = said_to(origin.port, HEALTH)

    body = json.loads(answer.partition(b"\r\n\r\n")[2])
    assert (list(body), body["status"], end) == (["status", "timestamp"], "ok", "open")


def test_a_stream_is_not_sent_at_once(origin: Origin) -> None:
    """The second part of a stream comes no sooner than its pause."""
    origin.script(route=[replies.stream([b"a", b"b"], every_s=0.2)])

    with connected(origin.port) as client:
        client.settimeout(5)
        began = now()
        client.sendall(GET)
        exactly(client, len(EVENTS) + 6)
        client.setblocking(False)
        with pytest.raises(BlockingIOError):
            client.recv(1)
        client.settimeout(5)
        exactly(client, 6)

    assert 0.2 <= now() - began < 3


def test_a_trickled_head_never_ends(origin: Origin) -> None:
    """One byte at a time comes, and no end of the head with it."""
    origin.script(route=[replies.trickle_head(every_s=0.005)])

    with connected(origin.port) as client:
        client.sendall(GET)
        received = exactly(client, 40)

    assert received == b"HTTP/1.1 200 OK\r\nX-Slow: xxxxxxxxxxxxxxx"


def test_a_trickled_body_comes_whole(origin: Origin) -> None:
    """A hundred single bytes make the body."""
    origin.script(route=[replies.trickle_body(every_s=0.0005)])

    assert said_to(origin.port, GET) == (HEAD_100 + b"x" * 100, "open")


def test_a_big_body_is_the_pattern(origin: Origin) -> None:
    """Three MiB and a bit arrive with the sha256 that was promised, and each block differs from the next."""
    total = 3 * (1 << 20) + 5
    origin.script(route=[replies.big(total)])

    answer, _ = said_to(origin.port, GET)

    body = answer.partition(b"\r\n\r\n")[2]
    assert (total, pattern_sha256(total)) == (len(body), hashlib.sha256(body).hexdigest())
    assert len(set(pattern(1 << 20))) == 16


def test_a_kept_connection_is_closed_on_its_next_request(origin: Origin) -> None:
    """A stale keep-alive answers once; the next request on it is recorded, and answered by FIN."""
    origin.script(route=[replies.close_on_reuse(replies.ok()), replies.ok(b"no")])

    with connected(origin.port) as client:
        client.sendall(GET)
        first = exactly(client, len(OK))
        client.sendall(GET)
        second = everything(client)

    assert (first, second) == (OK, (b"", "fin"))
    assert [attempt.outcome for attempt in origin.attempts()] == ["200", "empty reply"]


def test_a_kept_connection_can_be_reset_on_its_next_request(origin: Origin) -> None:
    """The same, by RST."""
    origin.script(route=[replies.close_on_reuse(replies.ok(), rst=True)])

    with connected(origin.port) as client:
        client.sendall(GET)
        exactly(client, len(OK))
        client.sendall(GET)
        second = everything(client)

    assert second == (b"", "reset")


def test_a_new_script_ends_what_was_to_come_on_a_connection(origin: Origin) -> None:
    """A connection that was to be closed on reuse is one as any other once the origin is told something else."""
    origin.script(route=[replies.close_on_reuse(replies.ok())])

    with connected(origin.port) as client:
        client.sendall(GET)
        exactly(client, len(OK))
        origin.script(route=[replies.ok()])
        client.sendall(GET)
        second = exactly(client, len(OK))

    assert second == OK


def test_a_request_is_reset_in_the_middle_of_its_body(origin: Origin) -> None:
    """The origin takes one byte of the body and resets, whatever else comes."""
    origin.script(route=[replies.reset_mid_request()])

    with connected(origin.port) as client:
        client.sendall(b"POST /api/x HTTP/1.1\r\nHost: o\r\nContent-Length: 10\r\n\r\nabc")
        answer = everything(client)

    assert answer == (b"", "reset")
    assert [(attempt.body_length, attempt.complete) for attempt in origin.attempts()] == [(1, False)]


def test_a_behaviour_of_ones_own_is_a_list_of_steps(origin: Origin) -> None:
    """Steps compose: say, pause, say, close."""
    origin.script(route=[replies.after_request("mine", Say(b"a"), Pause(0.01), Say(b"b"), Fin())])

    assert said_to(origin.port, GET) == (b"ab", "fin")
    assert [attempt.outcome for attempt in origin.attempts()] == ["mine"]


def test_100_is_sent_to_who_waits_for_it(origin: Origin) -> None:
    """A client that expects 100 is invited before its body is read."""
    origin.script(route=[replies.ok()])

    with connected(origin.port) as client:
        client.sendall(b"POST /api/x HTTP/1.1\r\nHost: o\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n")
        invited = exactly(client, 25)
        client.sendall(b"x")
        answer = everything(client)

    assert (invited, answer) == (b"HTTP/1.1 100 Continue\r\n\r\n", (OK, "open"))
