"""Clients that leave, stop half way, or are slow: nothing goes on for them, and nothing of them is left."""

from __future__ import annotations

import pytest

from harness.bytewise import ANSWER_S
from harness.clock import now
from harness.faults import Witness
from harness.faults.origin import Route
from harness.rig import Rig
from harness.traffic.replies import big, silent
from harness.verdicts.expect import Expect

MIB = 1 << 20
LARGE = 100 * MIB
CANCELLED_S = 1.0  # wall seconds: a client that leaves is an event, which no speed scales
POOL = 10
ABORTS = 500
ENDLESS = 256 * MIB
ON_THE_WAY_MIB = 96  # what the buffers of six sockets may hold (net.ipv4.tcp_rmem, tcp_wmem); measured: see the note


def abort_together(rig: Rig, expect: Expect, fault: Witness, turn: int) -> None:
    """`POOL` clients whose requests are upstream leave at once, every other one with RST; so does the proxy."""
    with rig.crowd(POOL) as clients:
        for client in clients:
            client.send(rig.head("POST", "/items", "Content-Length: 0"))
        expect.reaches(fault, POOL * turn)
        for number, client in enumerate(clients):
            client.abort() if number % 2 else client.leave()
        expect.let_go()


@pytest.mark.error_path("client-leaves-waiting")
@pytest.mark.parametrize("how", ["leave", "abort"])
def test_nothing_goes_on_for_a_client_that_left(rig: Rig, expect: Expect, how: str) -> None:
    """A client that leaves while the upstream is silent, with FIN or RST, ends the upstream's request within 1 s."""
    rig = rig.unhurried()
    before = rig.at_rest()

    with rig.broken(Route(silent())) as fault, rig.dial() as connection:
        connection.send(rig.head(key="waits"))
        fault.wait_for(1, within_s=5)
        getattr(connection, how)()
        left_at = now()
        attempt = rig.seen_leaving("waits")

    expect.closed_soon(attempt, left_at, CANCELLED_S)
    expect.nothing_left(rig, before)


@pytest.mark.error_path("client-leaves-uploading")
@pytest.mark.parametrize("framing", ["Content-Length: 1000000", "Transfer-Encoding: chunked"])
def test_an_upload_ends_with_its_client(rig: Rig, expect: Expect, framing: str) -> None:
    """A client that leaves in the middle of its body ends the upstream's request, if it had begun; none is whole."""
    rig = rig.unhurried()
    rig.prove_healthy()
    before = rig.at_rest()
    rig.forget()

    with rig.dial() as connection:
        connection.send(rig.head("PUT", "/items", framing, key="sends") + b"10000\r\n" + b"x" * 0x8000)
        rig.seen_coming("sends")  # it never does by way of a proxy that collects a body before it sends it on
        connection.abort()
        left_at = now()
        attempt = rig.seen_leaving("sends")

    expect.nothing_whole_upstream()
    if attempt is not None:
        expect.closed_soon(attempt, left_at, CANCELLED_S)
    expect.nothing_left(rig, before)


@pytest.mark.error_path("client-leaves-downloading")
def test_a_download_ends_with_its_client(rig: Rig, expect: Expect) -> None:
    """A client that leaves in the middle of the answer ends the reading upstream within 1 s, in steady memory."""
    rig = rig.unhurried()
    before = rig.at_rest()

    with rig.broken(Route(big(LARGE))), rig.memory() as memory, rig.dial() as connection:
        connection.send(rig.head(key="reads"))
        connection.read(at_least=MIB)
        connection.abort()
        left_at = now()
        attempt = rig.seen_leaving("reads")

    expect.closed_soon(attempt, left_at, CANCELLED_S)
    expect.growth(memory)
    expect.nothing_left(rig, before)


@pytest.mark.error_path("client-aborts")
def test_five_hundred_aborts_leave_nothing(rig: Rig, expect: Expect) -> None:
    """500 clients that leave in turn, as many at a time as there are connections upstream, leave every one free."""
    rig = rig.variant(upstream_connections=POOL, request_timeout=rig.clock.target(rig.deadline_s))
    with rig.broken(Route(silent())) as fault:
        abort_together(rig, expect, fault, 1)  # what is made once and kept
    expect.recovers(rig)
    before, resident = rig.at_rest(), rig.target.resident_bytes()

    with rig.broken(Route(silent()), prove=False) as fault:
        for turn in range(ABORTS // POOL):
            abort_together(rig, expect, fault, 1 + turn)
    after = rig.together(POOL, "/items")

    expect.all_served(after, 1.0)
    expect.nothing_left(rig, before)
    expect.grew_little(rig, resident, rig.process.growth_percent or 0)


@pytest.mark.error_path("client-half-request")
@pytest.mark.parametrize("end", ["FIN", "RST"])
@pytest.mark.parametrize("part", ["half a head", "half a body", "half a chunk"])
def test_half_a_request_is_never_a_whole_one(rig: Rig, expect: Expect, part: str, end: str) -> None:
    """A request that ends in its head, its body or a chunk is refused or dropped, and upstream it is never whole."""
    before = rig.at_rest()
    rig.forget()
    chunks, length = "Transfer-Encoding: chunked", "Content-Length: 100"
    halves = {
        "half a head": rig.head()[:-2],
        "half a body": rig.head("PUT", "/items", length) + b"half",
        "half a chunk": rig.head("PUT", "/items", chunks) + b"4\r\nbody\r\n40\r\nhalf",
    }

    with rig.dial() as connection:
        connection.send(halves[part])
        connection.finish() if end == "FIN" else connection.abort()
        if end == "FIN":
            connection.read()
            expect.ended(connection.exchange())
        seen = connection.exchange()

    expect.one_of("status", (None, 400, 408, 499), seen.reply and seen.reply.status)
    expect.nothing_left(rig, before)
    expect.nothing_whole_upstream()


@pytest.mark.error_path("client-slow-upload")
def test_a_slow_upload_is_bounded(rig: Rig, expect: Expect) -> None:
    """A body sent byte by byte has an end: an answer or none by the deadline, and upstream it is never whole."""
    before = rig.at_rest()
    rig.forget()

    with rig.dial(within_s=rig.clock.wall(rig.deadline_s) + ANSWER_S) as connection:
        connection.send(rig.head("PUT", "/items", "Content-Length: 10000"))
        connection.trickle(b"x" * 10_000, every_s=rig.clock.wall(1))
        connection.read()
        seen = connection.exchange()

    expect.one_of("status", (None, 400, 408, 413, 502, 504), seen.reply and seen.reply.status)
    expect.ended(seen)
    took_s = seen.outcome_at - seen.started
    expect.lasted("the upload's outcome after", took_s, 1, rig.deadline_s + 1, since=seen.started)
    expect.nothing_whole_upstream()
    expect.nothing_left(rig, before)


@pytest.mark.error_path("client-slow-reader")
def test_a_slow_reader_holds_the_upstream_back(rig: Rig, expect: Expect) -> None:
    """A client that hardly reads stops the upstream: of 256 MiB little is on the way, and the proxy keeps none."""
    rig = rig.unhurried()

    with rig.broken(Route(big(ENDLESS))), rig.memory() as memory:
        with rig.dial(within_s=30, receive_buffer=4096) as connection:
            connection.send(rig.head(key="slow"))
            connection.read_slowly(1024, every_s=0.01, at_most=16 * 1024)
            rig.until_stuck()
        attempt = rig.seen_leaving("slow")

    sent_mib = (attempt.bytes_sent if attempt else ENDLESS) / MIB
    expect.between("MiB sent by the upstream", 0, ON_THE_WAY_MIB, round(sent_mib, 1))
    expect.growth(memory)
    expect.note(f"{sent_mib:.1f} MiB in the buffers on the way, {memory.growth_mib:.1f} MiB more in the proxy")
    expect.recovers(rig)
