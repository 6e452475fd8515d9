"""Request Timeout: what a client waits at most, whatever the upstream does or does not do."""

from __future__ import annotations

import pytest

from harness.errors import NotPromised
from harness.faults.link import AnswerLost
from harness.faults.origin import Route
from harness.faults.port import FullBacklog
from harness.rig import Rig
from harness.system import System
from harness.traffic.replies import delayed, ok, reset, silent, stall_mid_body, trickle_body, trickle_head
from harness.traffic.steps import Behaviour
from harness.verdicts.expect import Expect


@pytest.mark.error_path("timeout-silent")
@pytest.mark.lasts(30)
def test_a_silent_backend_becomes_504_at_the_deadline(rig: Rig, expect: Expect) -> None:
    """A backend that reads the request and says nothing is answered 504 after 30 s, not before and not after 31 s."""
    with rig.broken(Route(silent())):
        exchange = rig.get("/items")

    expect.error(exchange, "timeout")
    expect.took(exchange, rig.deadline_s, rig.deadline_s + 1)
    expect.tries(exchange, 1)
    expect.recovers(rig)


@pytest.mark.error_path("timeout-trickle")
@pytest.mark.lasts(30)
def test_a_trickled_head_does_not_move_the_deadline(rig: Rig, expect: Expect) -> None:
    """A backend that sends one header byte each second is answered 504 at 30 s all the same."""
    with rig.broken(Route(trickle_head(rig.clock.wall(1)))):
        exchange = rig.get("/items")

    expect.error(exchange, "timeout")
    expect.took(exchange, rig.deadline_s, rig.deadline_s + 1)
    expect.tries(exchange, 1)


@pytest.mark.error_path("timeout-body-stall")
@pytest.mark.parametrize("stall", ["silence", "one byte each second"])
@pytest.mark.lasts(30)
def test_a_body_that_stalls_is_no_whole_answer_at_the_deadline(rig: Rig, expect: Expect, stall: str) -> None:
    """Headers and half a body, then silence or a trickle: a broken body at the deadline, or, unsent yet, the 504."""
    behaviour: Behaviour = stall_mid_body() if stall == "silence" else trickle_body(rig.clock.wall(1))
    with rig.broken(Route(behaviour)):
        exchange = rig.get("/items")

    if exchange.status == 200:
        expect.broken_body(exchange)
    else:  # who reads an answer to its end before passing it on can still tell what happened
        expect.failed(exchange, "timeout")
    expect.took(exchange, rig.deadline_s, rig.deadline_s + 1)
    expect.tries(exchange, 1)


@pytest.mark.error_path("timeout-connect")
@pytest.mark.lasts(26)
def test_a_connect_that_is_never_answered_is_no_hang(rig: Rig, expect: Expect) -> None:
    """SYNs that nobody answers end in an error once each of 4 tries had its 5 s, and by the deadline."""
    rig = rig.variant(**rig.connect_within())

    with rig.broken(FullBacklog()):
        exchange = rig.get("/items")

    expect.failed(exchange, "timeout", types=("connection_timeout",))
    expect.took(exchange, *_unanswered_s(rig))
    expect.recovers(rig)


def _unanswered_s(rig: Rig) -> tuple[float, float]:
    """Target seconds that a request takes at least and at most whose every connect is left without an answer."""
    retries = rig.contract.retries
    tries, waits_s = (retries.tries, sum(retries.waits_s)) if retries else (1, 0.0)
    all_s = tries * rig.connect_s + waits_s
    return (all_s, all_s + 1) if rig.connect_s and all_s <= rig.deadline_s else (rig.connect_s, rig.deadline_s + 1)


@pytest.mark.error_path("timeout-connect")
@pytest.mark.lasts(5)
def test_a_connect_has_a_time_limit_of_its_own(rig: Rig, expect: Expect) -> None:
    """Where nothing is tried again, SYNs that nobody answers end in an error after 5 s, long before the deadline."""
    if not rig.connect_s:
        raise NotPromised("timeout.connect_s is not in the target's contract")
    rig = rig.variant(max_retries=0, **rig.connect_within())

    with rig.broken(FullBacklog()):
        exchange = rig.get("/items")

    expect.failed(exchange, "timeout", types=("connection_timeout",))
    expect.took(exchange, rig.connect_s, rig.connect_s + 1)


@pytest.mark.error_path("timeout-setting")
@pytest.mark.lasts(10)
def test_the_deadline_is_a_setting(rig: Rig, expect: Expect) -> None:
    """REQUEST_TIMEOUT=10000, the guide's production value, moves the deadline to 10 s."""
    rig = rig.variant(request_timeout=10)

    with rig.broken(Route(silent())):
        exchange = rig.get("/items")

    expect.error(exchange, "timeout")
    expect.took(exchange, 10, 11)


@pytest.mark.error_path("timeout-write")
@pytest.mark.lasts(30)
def test_a_write_that_times_out_is_sent_once(system: System, expect: Expect) -> None:
    """A POST whose answer never comes is answered 504, sent once, and executed once."""
    with system.broken(AnswerLost()):
        exchange = system.spend(2)

    expect.error(exchange, "timeout")
    expect.took(exchange, system.deadline_s, system.deadline_s + 1)
    expect.executed(system.executions(exchange), (1,))


@pytest.mark.error_path("timeout-cancels-upstream")
@pytest.mark.lasts(30)
def test_the_deadline_ends_the_upstream_request_too(rig: Rig, expect: Expect) -> None:
    """At the deadline the proxy closes the upstream connection; the backend does not work for nobody."""
    with rig.broken(Route(silent())):
        exchange = rig.get("/items")
        left = rig.until_closed_upstream(exchange)

    expect.error(exchange, "timeout")
    expect.lasted(
        "upstream closed after", left - exchange.started, rig.deadline_s, rig.deadline_s + 1, since=exchange.started
    )


@pytest.mark.error_path("timeout-slow-but-fine")
@pytest.mark.lasts(29)
def test_an_answer_just_before_the_deadline_is_served(rig: Rig, expect: Expect) -> None:
    """A backend that answers after 29 s is served: slow is not broken."""
    seconds = rig.deadline_s - 1 - rig.clock.target(0.05)  # a process may be held up for a moment on a busy machine

    with rig.broken(Route(delayed(rig.clock.wall(seconds), ok(b"at last")))):
        exchange = rig.get("/items")

    expect.served(exchange)
    expect.equal("body", b"at last", exchange.body)
    expect.took(exchange, seconds, rig.deadline_s)
    expect.tries(exchange, 1)


@pytest.mark.lasts(36)
@pytest.mark.error_path("timeout-covers-retries")
def test_the_deadline_bounds_all_tries_and_waits_together(rig: Rig, expect: Expect) -> None:
    """A GET whose every try is reset after 18 s is answered 504 at 30 s; no try begins after that."""
    # The second try is to be under way when the deadline comes, with 11 s to spare on a busy machine: where there is
    # no time left for another wait, the proxy answers at once and with the cause.
    with rig.broken(Route(delayed(rig.clock.wall(0.6 * rig.deadline_s), reset()))):
        exchange = rig.get("/items")
        rig.expire(sum(rig.retries.waits_s), "every retry that might still come")

    expect.error(exchange, "timeout")
    expect.took(exchange, rig.deadline_s, rig.deadline_s + 1)
    expect.between("tries upstream", 2, rig.retries.tries, len(rig.tries(exchange)))
    expect.lasted("the last try began after", rig.tries(exchange)[-1] - exchange.started, 0, rig.deadline_s)
    expect.recovers(rig)


@pytest.mark.lasts(31)
@pytest.mark.error_path("timeout-late-answer")
def test_an_answer_after_the_deadline_is_nobodys(rig: Rig, expect: Expect) -> None:
    """An answer that comes 1 s after the deadline is not given to the client, nor to the one after it."""
    with rig.broken(Route(delayed(rig.clock.wall(rig.deadline_s + 1), ok(b"too late")))):
        exchange = rig.get("/items")

    expect.error(exchange, "timeout")
    expect.took(exchange, rig.deadline_s, rig.deadline_s + 1)
    expect.own_answer(rig, exchange)
    if rig.journal.promised("end"):
        expect.record(exchange, "timeout")
