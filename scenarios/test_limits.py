"""What the front door takes of one client, and of how many."""

from __future__ import annotations

import pytest

from harness.bytewise import ANSWER_S, answers
from harness.clock import now
from harness.rig import Rig
from harness.verdicts.expect import Expect

SLOW = 40  # clients that never finish their head
IDLE_S = 1.0  # wall seconds for which clients that only wait are watched
AT_ONCE_S = 0.5  # wall seconds; a request takes some thousandths of one, and more only where it waits for something
SLOW_S = 2.0  # wall seconds they are given at least: on a busy machine their ends take some tenths of one


@pytest.mark.error_path("limit-header")
def test_a_header_section_that_is_too_large_is_431(rig: Rig, expect: Expect) -> None:
    """A header section of half the limit is served, one beyond it is 431."""
    limit, most = rig.limit("header"), rig.most("header")
    rig.prove_healthy()

    fits = rig.tell(rig.head("GET", "/items", f"X-Long: {'x' * (most // 2)}"))
    rig.forget()
    exchange = rig.provoke(rig.head("GET", "/items", f"X-Long: {'x' * most}"))

    expect.answered(fits, (200,))
    expect.turned_away(exchange, (limit.status,))
    expect.recovers(rig)


@pytest.mark.error_path("limit-header")
def test_a_later_header_section_has_the_same_limit(rig: Rig, expect: Expect) -> None:
    """Of the second request on a connection, too, a header section beyond the limit is 431."""
    limit, most = rig.limit("header"), rig.most("header")
    rig.prove_healthy()

    with rig.kept() as connection:
        connection.send(rig.head("GET", "/items", f"X-Long: {'x' * most}"))
        replies = answers(connection, 2)

    expect.equal("answers", [200, limit.status], [reply.status for reply in replies])
    expect.recovers(rig)


@pytest.mark.error_path("limit-fields")
def test_too_many_header_fields_are_431(rig: Rig, expect: Expect) -> None:
    """Half as many header fields as the limit are served, more than it are 431."""
    limit, most = rig.limit("fields"), rig.most("fields")
    rig.prove_healthy()

    fits = rig.tell(rig.head("GET", "/items", *["X: y"] * (most // 2)))
    rig.forget()
    exchange = rig.provoke(rig.head("GET", "/items", *["X: y"] * (most + 1)))

    expect.answered(fits, (200,))
    expect.turned_away(exchange, (limit.status,))
    expect.recovers(rig)


@pytest.mark.error_path("limit-target")
def test_a_target_that_is_too_long_is_414(rig: Rig, expect: Expect) -> None:
    """A target of half the limit is served, one beyond it is 414."""
    limit, most = rig.limit("target"), rig.most("target")
    rig.prove_healthy()

    fits = rig.tell(rig.head(path="/" + "x" * (most // 2)))
    rig.forget()
    exchange = rig.provoke(rig.head(path="/" + "x" * most))

    expect.answered(fits, (200,))
    expect.turned_away(exchange, (limit.status,))
    expect.recovers(rig)


@pytest.mark.error_path("limit-body")
@pytest.mark.parametrize("framing", ["Content-Length: {0}", "Transfer-Encoding: chunked"])
def test_a_body_that_is_too_large_is_413(rig: Rig, expect: Expect, framing: str) -> None:
    """Where a limit is set, a body beyond it is 413, announced or in chunks, and upstream it is never whole."""
    status, most = rig.limit("body").status, 64 * 1024
    rig = rig.variant(body_limit=most)

    fits = rig.request("PUT", "/items", content=b"x" * most)
    rig.forget()
    body = b"x" * (most + 1)
    chunks = b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)
    head = rig.head("PUT", "/items", framing.format(len(body)))
    exchange = rig.tell(head + (chunks if "chunked" in framing else body))

    expect.served(fits)
    expect.answered(exchange, (status,))
    expect.nothing_whole_upstream()
    expect.recovers(rig)


@pytest.mark.error_path("limit-memory")
def test_what_never_ends_is_not_kept(rig: Rig, expect: Expect) -> None:
    """A target and headers without end, and a body that claims 10 GB, leave the proxy's memory as it was.

    Of each it is sent twice what its memory may grow by.
    """
    rig.prove_healthy()
    much = b"x" * rig.noticed_bytes
    fields = b"X: %b\r\n" % much[: 1 << 20] * (len(much) >> 20)

    with rig.memory() as memory:
        long = rig.provoke(b"GET %b" % rig.path("/").encode() + much)
        endless = rig.provoke(rig.head()[:-2] + fields)
        with rig.dial() as connection:
            connection.send(rig.head("PUT", "/items", f"Content-Length: {10**10}") + much)
            connection.abort()

    expect.that(long.reply is None or long.reply.status != 200, "a target without end not served", "200")
    expect.that(endless.reply is None or endless.reply.status != 200, "headers without end not served", "200")
    expect.growth(memory)
    expect.recovers(rig)


@pytest.mark.error_path("limit-slow-head")
def test_a_head_that_takes_too_long_is_ended(rig: Rig, expect: Expect) -> None:
    """Clients that send their head byte by byte are told so or left in time, and others are served meanwhile."""
    status, most_s = rig.limit("head").status, max(rig.most("head"), rig.clock.target(SLOW_S))
    rig = rig.variant(head_timeout=most_s)
    rig.prove_healthy()

    within_s = rig.clock.wall(1.2 * most_s) + ANSWER_S
    with rig.crowd(SLOW) as slow, rig.dial(within_s=within_s) as connection:
        for one in slow:
            one.send(rig.head()[:-2])
        connection.trickle(rig.head("GET", "/items", "X: " + "x" * 10_000), every_s=rig.clock.wall(most_s) / 50)
        exchange = rig.get("/items")
        connection.read()
        seen = connection.exchange()

    expect.served(exchange)
    expect.ended(seen)
    expect.one_of("status", (None, status), seen.reply and seen.reply.status)
    took_s = seen.outcome_at - seen.started
    expect.lasted("the slow client's outcome after", took_s, most_s, 1.2 * most_s, since=seen.started)


@pytest.mark.error_path("limit-slow-head")
def test_a_later_head_that_does_not_end_is_ended(rig: Rig, expect: Expect) -> None:
    """A client that was served and says half a head after that is told so or left in time."""
    status, most_s = rig.limit("head").status, max(rig.most("head"), rig.clock.target(SLOW_S))
    rig = rig.variant(head_timeout=most_s)
    rig.prove_healthy()

    with rig.kept(within_s=rig.clock.wall(1.2 * most_s) + ANSWER_S) as connection:
        began = now()
        connection.send(rig.head()[:-2])
        connection.read()
        seen = connection.exchange()

    expect.ended(seen)
    expect.one_of("answers", ([200], [200, status]), [reply.status for reply in seen.replies()])
    expect.lasted("half a head was left after", seen.ended - began, most_s, 1.2 * most_s, since=began)


@pytest.mark.error_path("limit-idle-clients")
def test_clients_that_only_wait_keep_nobody_out(rig: Rig, expect: Expect) -> None:
    """With 1,000 clients that are connected and ask nothing, the next ones are served at once, and those are kept."""
    count = rig.limits.idle_clients or 0
    rig.prove_healthy()
    before = rig.at_rest()

    with rig.crowd(count) as clients:
        exchanges = [rig.get("/items") for _ in range(5)]
        clients[0].listen(IDLE_S)
        for client in clients:
            client.listen(0)

    expect.all_served(exchanges, 1.0)
    expect.at_once("served", exchanges, AT_ONCE_S)
    expect.equal("clients connected meanwhile", count, sum(client.end == "open" for client in clients))
    expect.nothing_left(rig, before)
