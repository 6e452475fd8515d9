"""The client end: whatever the other side does comes back as a value."""

from __future__ import annotations

import tracemalloc

import pytest

from harness.clock import now, poll_until
from harness.errors import ContractViolation, HarnessError
from harness.traffic import replies
from harness.traffic.client import Client
from harness.traffic.exchange import Headers
from harness.traffic.origin import Origin
from harness.traffic.pattern import pattern, pattern_sha256
from harness.traffic.steps import Behaviour

OUTCOMES: list[tuple[Behaviour, int | None, str | None, bytes]] = [
    (replies.ok(b"fine", 503), 503, None, b"fine"),
    (replies.ok(b"", 204), 204, None, b""),
    (replies.interim(times=3), 200, None, b"ok"),
    (replies.chunked([b"a", b"b"]), 200, None, b"ab"),
    (replies.close_delimited(b"abc"), 200, None, b"abc"),
    (replies.ok(b"not followed", 302, [("Location", "/elsewhere")]), 302, None, b"not followed"),
    (replies.ok(b"\x1f\x8b not gzip", headers=[("Content-Encoding", "gzip")]), 200, None, b"\x1f\x8b not gzip"),
    (replies.reset(), None, "reset", b""),
    (replies.reset_on_accept(), None, "reset", b""),
    (replies.empty_reply(), None, "empty reply", b""),
    (replies.half_head(), None, "empty reply", b""),
    (replies.reset_mid_head(), None, "reset", b""),
    (replies.garbage(), None, "malformed reply", b""),
    (replies.short_body(), 200, "incomplete body", b"x" * 50),
    (replies.chunked([b"ab"], cut=True), 200, "incomplete body", b"ab"),
    (replies.reset_mid_body(), 200, "reset", b"x" * 50),
]


@pytest.mark.parametrize(
    ("behaviour", "status", "error", "body"), OUTCOMES, ids=[f"{n}-{row[0].name}" for n, row in enumerate(OUTCOMES)]
)
def test_what_the_other_side_does_is_a_value(
    origin: Origin, client: Client, behaviour: Behaviour, status: int | None, error: str | None, body: bytes
) -> None:
    """Status, error word and body say what came; nothing is raised, retried, followed or decoded."""
    origin.script(route=[behaviour])

    seen = client.get("/api/x")

    assert (seen.status, seen.error, seen.body, seen.complete) == (status, error, body, error is None)
    assert len(origin.attempts()) == 1


@pytest.mark.parametrize(
    ("behaviour", "status"),
    [(replies.silent(), None), (replies.stall_mid_body(), 200), (replies.trickle_head(0.01), None)],
)
def test_the_cap_on_a_request_holds(origin: Origin, client: Client, behaviour: Behaviour, status: int | None) -> None:
    """A request that gets no end is over at its cap, not before and not much later."""
    origin.script(route=[behaviour])

    seen = client.get("/api/x", within_s=0.2)

    assert (seen.status, seen.error) == (status, "timeout")
    assert 0.2 <= seen.took_s < 2


def test_a_refused_connect_is_a_value(origin: Origin, client: Client) -> None:
    """So is one to a name that does not resolve."""
    origin.close()

    refused = client.get("/api/x")
    with Client("http://no-such-host.invalid") as lost:
        unresolved = lost.get("/")

    assert (refused.summary(), unresolved.summary()) == ("no answer (refused)", "no answer (no such host)")


def test_a_refusal_on_a_name_of_both_families_is_refused() -> None:
    """The group of refusals behind localhost is recognised."""
    with Origin.start("localhost") as origin, Client(origin.url) as client:
        origin.close()

        assert client.get("/").error == "refused"


def test_headers_keep_order_and_repetition(origin: Origin, client: Client) -> None:
    """Two Set-Cookie stay two, in the case and order they came."""
    origin.script(route=[replies.ok(headers=[("set-cookie", "a=1"), ("X-A", ""), ("Set-Cookie", "b=2")])])

    headers = client.get("/api/x").headers

    assert headers.items[:3] == [("set-cookie", "a=1"), ("X-A", ""), ("Set-Cookie", "b=2")]
    assert (headers.get_all("SET-COOKIE"), headers.get("x-a"), headers.get("x-b")) == (["a=1", "b=2"], "", None)
    assert "x-a" in headers
    assert "x-b" not in headers


def test_a_request_is_sent_as_asked(origin: Origin, client: Client) -> None:
    """Method, raw target, repeated headers, Origin, key and JSON body reach the other side; nothing else is added."""
    seen = client.request(
        "PATCH",
        "/api/a%2Fb?q=%20",
        headers=[("X-A", "1"), ("X-A", "2")],
        json={"a": 1},
        origin="http://f",
        key="mine",
    )

    (attempt,) = origin.attempts("mine")
    assert (seen.key, attempt.method, attempt.target, attempt.body) == (
        "mine",
        "PATCH",
        "/api/a%2Fb?q=%20",
        b'{"a":1}',
    )
    assert [name.decode().lower() for name, _ in attempt.headers] == [
        *("host", "accept", "user-agent", "x-errorpath-request", "x-a", "x-a", "origin", "content-type"),
        "content-length",
    ]


def test_times_are_in_order_on_our_clock(origin: Origin, client: Client) -> None:
    """Start, head and end lie within what we measure around the request."""
    origin.script(route=[replies.stream([b"a", b"b"], 0.05)])

    before = now()
    seen = client.get("/api/x")

    assert before <= seen.started <= (seen.headers_at or 0) <= seen.pieces[0][0] <= seen.ended <= now()
    assert 0.05 <= seen.pieces[-1][0] - seen.started < 2


def test_connections_are_fresh_unless_reuse_is_asked_for(origin: Origin, client: Client) -> None:
    """Two requests are two connections; with reuse they share one."""
    client.get("/api/x")
    client.get("/api/x")
    fresh = len(origin.connections())
    client.get("/api/x", reuse=True)
    client.get("/api/x", reuse=True)

    assert (fresh, len(origin.connections())) == (2, 3)


def test_fifty_requests_run_together(origin: Origin, client: Client) -> None:
    """Each has its own key, and their times overlap."""
    origin.script(route=[replies.delayed(0.2, replies.ok())])

    seen = client.together(50, "GET", "/api/x")

    assert {one.status for one in seen} == {200}
    assert {one.key for one in seen} == {attempt.key for attempt in origin.attempts()}
    assert len({one.key for one in seen}) == 50
    assert max(one.started for one in seen) < min(one.ended for one in seen)


def test_a_large_upload_is_streamed(origin: Origin, client: Client) -> None:
    """Sixteen MiB go up whole, with a length where one is given, in little memory."""
    total = 16 << 20
    tracemalloc.start()
    try:
        seen = client.put("/api/x", content=pattern(total), headers={"Content-Length": str(total)})
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert (seen.sent, seen.json()["body_length"], seen.json()["body_sha256"]) == (
        total,
        total,
        pattern_sha256(total),
    )
    assert ["Content-Length", str(total)] in seen.json()["headers"]
    assert most < 12 << 20


def test_a_large_download_is_counted_and_mostly_dropped(origin: Origin, client: Client) -> None:
    """Sixteen MiB come whole; the first bytes are kept, as many as asked for."""
    total = 16 << 20
    origin.script(route=[replies.big(total)])

    seen = client.get("/api/x", keep=10)

    assert (seen.body_length, seen.body_sha256, len(seen.body)) == (total, pattern_sha256(total), 10)


def test_a_client_that_leaves_closes_its_connection(origin: Origin, client: Client) -> None:
    """The origin sees it go at once, and the exchange says so."""
    origin.script(route=[replies.silent()])

    pending = client.begin("GET", "/api/x")
    poll_until(lambda: origin.attempts(pending.key), within_s=5, what="the attempt")
    under_way = not pending.done()
    seen = pending.leave()
    poll_until(lambda: origin.attempts(pending.key)[0].closed_by_peer_at, within_s=1, what="the end of the attempt")

    assert (under_way, seen.error) == (True, "left")


def test_a_hundred_that_leave_do_not_block_the_next(origin: Origin, client: Client) -> None:
    """The client's own pool has no slots to leak."""
    origin.script(route=[replies.silent()])
    given_up = client.together(100, "GET", "/api/x", within_s=0.05)
    origin.script(route=[replies.ok()])

    assert {one.error for one in given_up} == {"timeout"}
    assert client.get("/api/x").status == 200


def test_a_mistake_of_ours_is_raised(client: Client) -> None:
    """A header that cannot be sent is a HarnessError, not a verdict on the proxy."""
    with pytest.raises(HarnessError, match="could not make the request"):
        client.get("/api/x", headers={"X-A": "a\r\nb"})


def test_a_body_that_is_not_json_is_the_proxys(origin: Origin, client: Client) -> None:
    """Asking for JSON that is none is a ContractViolation that shows the body."""
    origin.script(route=[replies.ok(b"<html>", 502)])

    with pytest.raises(ContractViolation, match="expected a JSON body, got 502 with the body b'<html>'"):
        client.get("/api/x").json()


def test_closing_twice_is_harmless(origin: Origin) -> None:
    """A client can be closed by its block and by hand."""
    with Client(origin.url) as client:
        client.close()


def test_headers_can_be_walked() -> None:
    """Headers are a sequence of pairs that prints itself."""
    headers = Headers([("A", "1")])

    assert (list(headers), len(headers), repr(headers)) == ([("A", "1")], 1, "Headers([('A', '1')])")
