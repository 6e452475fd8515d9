"""Automatic Retry Mechanism: how often, how long after one another, and for which requests."""

from __future__ import annotations

import hashlib

import pytest

from harness.errors import NotPromised
from harness.faults.link import Refused
from harness.faults.origin import Route
from harness.rig import Rig
from harness.traffic.recording import Attempt
from harness.traffic.replies import close_on_reuse, delayed, empty_reply, ok, reset, reset_mid_request
from harness.traffic.steps import Behaviour
from harness.verdicts.expect import Expect
from harness.verdicts.timing import SCHEDULING_S

LEAVES_S = 1.0  # wall seconds that a wait lasts at least in which a client leaves, for that takes a busy machine some
SENT = {"Authorization": "Bearer its-own", "Cookie": "sid=its-own", "X-Forwarded-For": "192.0.2.1"}
# What a proxy may tell anew at each try is left out; of these nothing grows from try to try.
SAME = (*(name.lower().encode() for name in SENT), b"forwarded", b"host", b"via", b"x-request-id")


def _sent(try_: Attempt) -> tuple[object, ...]:
    fields = [(name.lower(), value) for name, value in try_.headers if name.lower() in SAME]
    return try_.method, try_.target, try_.body_sha256, sorted(fields)


@pytest.mark.error_path("retry-recovers")
@pytest.mark.lasts(6)
def test_a_backend_back_before_the_last_retry_is_reached_by_it(rig: Rig, expect: Expect) -> None:
    """A GET that is refused until just before the last retry is served by that retry, after the documented waits."""
    rig, waits = rig.with_waits_of(SCHEDULING_S)  # between the last two tries there is time to heal

    with rig.broken(Refused()) as fault:
        pending = rig.begin("GET", "/items")
        rig.after_tries(fault, rig.retries.max, waits)
    exchange = pending.exchange()

    expect.served(exchange)
    expect.tries(exchange, rig.retries.tries)
    expect.spacing(rig.tries(exchange), waits)
    expect.took(exchange, sum(waits), sum(waits) + 1)


@pytest.mark.error_path("retry-exhausted")
@pytest.mark.lasts(6)
def test_a_backend_refused_for_good_is_tried_four_times(rig: Rig, expect: Expect) -> None:
    """A GET refused for good is tried again after 1, 2 and 3 s, 4 tries in all, and ends in the refused error."""
    waits = rig.retries.waits_s

    with rig.broken(Refused()):
        exchange = rig.get("/items")

    details = expect.error(exchange, "refused")
    expect.retries_told("refused", details, rig.retries.max)
    expect.tries(exchange, rig.retries.tries)
    expect.spacing(rig.tries(exchange), waits)
    expect.took(exchange, sum(waits), sum(waits) + 1)
    if expect.promised("refused", "duration"):
        expect.duration(details, exchange, at_least_s=sum(waits))
    expect.recovers(rig)


@pytest.mark.error_path("retry-exhausted")
def test_the_waits_grow_by_the_same_step(rig: Rig, expect: Expect) -> None:
    """The waits are 1, 2 and 3 times the delay, seen where one step is longer than this machine may hold us up."""
    rig, waits = rig.with_waits_of(2 * SCHEDULING_S)

    with rig.broken(Refused()):
        exchange = rig.get("/items")

    expect.error(exchange, "refused")
    expect.spacing(rig.tries(exchange), waits)


@pytest.mark.error_path("retry-reset")
def test_a_get_reset_before_a_byte_is_tried_again(rig: Rig, expect: Expect) -> None:
    """A GET whose connection is reset before a response byte is tried again, and the client sees only the answer."""
    with rig.broken(Route(reset(), ok(b"second"))):
        exchange = rig.get("/items")

    expect.served(exchange)
    expect.equal("body", b"second", exchange.body)
    expect.tries(exchange, 2)
    expect.spacing(rig.tries(exchange), rig.retries.waits_s[:1])


@pytest.mark.lasts(6)
@pytest.mark.error_path("retry-reset")
@pytest.mark.parametrize("lost", [reset(), empty_reply()], ids=lambda lost: lost.name)
def test_a_get_that_is_lost_for_good_ends_in_an_error(rig: Rig, expect: Expect, lost: Behaviour) -> None:
    """A GET whose connection ends before a byte every time is sent 4 times, no more, and ends in 502, not 503."""
    with rig.broken(Route(lost)):
        exchange = rig.get("/items")

    expect.failed(exchange, "failed", types=("connection_terminated", "http_response_incomplete"))
    expect.tries(exchange, rig.retries.tries)
    expect.spacing(rig.tries(exchange), rig.retries.waits_s)
    expect.recovers(rig)


@pytest.mark.error_path("retry-methods")
@pytest.mark.parametrize("method", ["HEAD", "OPTIONS", "PUT", "DELETE"])
def test_every_repeatable_method_is_tried_again(rig: Rig, expect: Expect, method: str) -> None:
    """HEAD, OPTIONS, PUT and DELETE that are reset before a byte are tried again, with the same target and bytes."""
    if method not in rig.retries.methods:
        raise NotPromised(f"retries.methods of the target's contract has no {method}")
    body = b"\x00\xff" * 100 if method == "PUT" else None

    with rig.broken(Route(reset(), ok())):
        exchange = rig.request(method, "/items/1?q=a%20b", content=body, headers=SENT)

    expect.served(exchange)
    expect.tries(exchange, 2)
    first, second = [_sent(try_) for try_ in rig.origin_tries(exchange)]
    said = method, f"{rig.upstream_base}/items/1?q=a%20b", hashlib.sha256(body or b"").hexdigest()
    expect.equal("method, target and body of the first try", said, first[:3])
    expect.equal("all of it at the second try", first, second)


@pytest.mark.error_path("retry-large-body")
def test_a_body_too_large_to_keep_is_not_sent_again(rig: Rig, expect: Expect) -> None:
    """A PUT larger than what is kept for a replay, reset in its middle, is not tried again, and is not held."""
    kept = rig.streaming.replay_limit_bytes or 0
    passed = max(2 * kept, rig.noticed_bytes)
    rig = rig.unhurried()  # so many bytes move at the wall's pace
    rig.prove_healthy()

    with rig.memory() as memory, rig.broken(Route(reset_mid_request(passed)), prove=False):
        exchange = rig.upload("/items/1", passed + 16 * kept)

    expect.failed(exchange, "failed", types=("connection_terminated",))
    expect.tries(exchange, 1)
    expect.growth(memory)
    expect.recovers(rig)


@pytest.mark.error_path("retry-empty-reply")
def test_a_connection_closed_without_a_byte_is_tried_again(rig: Rig, expect: Expect) -> None:
    """A GET whose connection is closed without a response byte is tried again."""
    with rig.broken(Route(empty_reply(), ok(b"second"))):
        exchange = rig.get("/items")

    expect.served(exchange)
    expect.equal("body", b"second", exchange.body)
    expect.tries(exchange, 2)


@pytest.mark.error_path("retry-empty-reply")
def test_a_stale_kept_alive_connection_costs_no_error(rig: Rig, expect: Expect) -> None:
    """A GET on a kept-alive connection that the backend closes on reuse is served, and every try is counted."""
    with rig.broken(Route(close_on_reuse(ok(b"first")), ok(b"second"))):
        first = rig.get("/items")
        second = rig.get("/items")

    expect.served(first)
    expect.served(second)
    expect.one_of("tries of the second", (1, 2), len(rig.origin_tries(second)))


@pytest.mark.error_path("retry-not-for-status")
@pytest.mark.parametrize("status", [500, 502, 503, 504, 400, 401, 404, 409, 429])
def test_a_status_the_backend_chose_is_passed_on(rig: Rig, expect: Expect, status: int) -> None:
    """An answer is an answer: whatever its status, it is passed on as it is, after one try."""
    with rig.broken(Route(ok(b"the backend's own words", status, (("Retry-After", "7"),)))):
        exchange = rig.get("/items")

    expect.status(exchange, status)
    expect.equal("body", b"the backend's own words", exchange.body)
    expect.header(exchange, "retry-after", "7")
    expect.tries(exchange, 1)


@pytest.mark.error_path("retry-count-setting")
@pytest.mark.parametrize("retries", [2, 0])
def test_the_number_of_retries_is_a_setting(rig: Rig, expect: Expect, retries: int) -> None:
    """MAX_RETRIES=2, the guide's production value, makes 3 tries; 0 makes one."""
    rig = rig.variant(max_retries=retries)

    with rig.broken(Refused()):
        exchange = rig.get("/items")

    details = expect.error(exchange, "refused")
    expect.retries_told("refused", details, retries)
    expect.tries(exchange, 1 + retries)
    expect.spacing(rig.tries(exchange), rig.retries.waits_s[:retries])


@pytest.mark.error_path("retry-within-deadline")
def test_no_wait_outlasts_the_deadline(rig: Rig, expect: Expect) -> None:
    """With a deadline shorter than the waits, the answer comes by the deadline."""
    rig = rig.variant(request_timeout=4)

    with rig.broken(Refused()):
        exchange = rig.get("/items")

    expect.failed(exchange, "refused", "timeout")
    expect.took(exchange, 0, 4)
    expect.at_most_tries(exchange, 3)


@pytest.mark.error_path("retry-body-intact")
def test_every_try_carries_the_same_body(rig: Rig, expect: Expect) -> None:
    """A PUT with a binary body that is reset twice carries the same bytes at every try."""
    body = bytes(range(256)) * 500

    with rig.broken(Route(reset(), reset(), ok())):
        exchange = rig.request("PUT", "/items/1", content=body)

    expect.served(exchange)
    expect.tries(exchange, 3)
    sums = [attempt.body_sha256 for attempt in rig.origin.attempts(exchange.key)]
    expect.equal("SHA-256 of the body at each try", [hashlib.sha256(body).hexdigest()] * 3, sums)


@pytest.mark.error_path("retry-stops-with-client")
@pytest.mark.lasts(7)
def test_nothing_is_tried_for_a_client_that_left(rig: Rig, expect: Expect) -> None:
    """A client that leaves during a wait ends the retries: no further try reaches the backend."""
    rig, waits = rig.with_waits_of(LEAVES_S)

    with rig.broken(Route(reset(), ok())):
        pending = rig.begin("GET", "/items")
        rig.until(lambda: rig.origin.attempts(pending.key), "the first try")
        pending.leave()
        rig.expire(sum(waits) + 1, "every retry that might come")

    expect.equal("tries upstream", 1, len(rig.origin.attempts(pending.key)))


@pytest.mark.error_path("retry-amplification")
@pytest.mark.expiring_health
@pytest.mark.lasts(6)
def test_fifty_clients_make_at_most_four_tries_each(rig: Rig, expect: Expect) -> None:
    """Fifty clients of a backend that refuses for good cause at most 4 tries each."""
    clients = 50

    with rig.broken(Refused()) as fault:
        exchanges = rig.together(clients, "/items")

    for exchange in exchanges:
        expect.failed(exchange, "refused", "unavailable", "timeout")
    expect.refusals_at_most(fault, clients * rig.retries.tries)
    expect.note(f"{len(fault.times()) / clients:.2f} tries per request, {clients} clients at once")


@pytest.mark.error_path("retry-amplification")
def test_fifty_resets_cost_at_most_four_tries_each(rig: Rig, expect: Expect) -> None:
    """Fifty clients of a healthy backend that resets every request cause at most 4 tries each: no layer adds more."""
    with rig.broken(Route(reset())):
        exchanges = rig.together(50, "/items")

    for exchange in exchanges:
        expect.one_of("status", (502, 503, 504), exchange.status)
        expect.at_most_tries(exchange, rig.retries.tries)


@pytest.mark.error_path("retry-reset")
def test_an_answer_in_time_needs_no_retry(rig: Rig, expect: Expect) -> None:
    """The control: an answer that comes after 2 s is waited for, not asked for again."""
    with rig.broken(Route(delayed(rig.clock.wall(2), ok()))):
        exchange = rig.get("/items")

    expect.served(exchange)
    expect.tries(exchange, 1)
