"""How the proxy stops: what is in flight ends, what is new is refused, and nobody waits for ever."""

from __future__ import annotations

import signal
import threading

import pytest

from harness.clock import now
from harness.faults.origin import Route
from harness.rig import Rig
from harness.traffic.replies import held, ok, silent
from harness.verdicts.expect import Expect

GONE_S = 5.0  # wall seconds; an idle program ends in a tenth of one
AT_ONCE_S = 2.0  # wall seconds; who does not listen goes on for the grace, 10 s
TICK_S = 2.0  # until a server looks at the signal it got, and until its process is gone


@pytest.mark.error_path("stop-finishes")
def test_what_is_in_flight_is_finished(rig: Rig, expect: Expect) -> None:
    """SIGTERM: the request in flight is served, a new client is refused, and the exit code is 0."""
    code, grace_s = rig.process.stop_exit, rig.process.stop_grace_s or 0
    # Both in our seconds, as what we do meanwhile is.
    rig = rig.variant(stop_grace=rig.clock.target(grace_s), request_timeout=rig.clock.target(rig.deadline_s))
    enough = threading.Event()

    with rig.broken(Route(held(enough, ok(b"finished")))) as fault, rig.dial() as idle:
        pending = rig.begin("GET", "/items")
        fault.wait_for(1, within_s=5)
        rig.target.process.signal(signal.SIGTERM)
        refused = rig.comes_to_refuse(TICK_S)
        still = not pending.done()  # else a port refuses because its process is gone
        enough.set()
        exchange = pending.exchange()
        idle.read()

    expect.that(refused and still, "a new client refused while one is served", f"{refused=}, being served={still}")
    expect.served(exchange)
    expect.equal("body", b"finished", exchange.body)
    expect.one_of("an idle client's connection", ("fin", "reset"), idle.end)
    expect.equal("exit code", code, rig.comes_to_an_end(GONE_S))


@pytest.mark.error_path("stop-grace")
def test_what_does_not_end_is_ended_after_the_grace(rig: Rig, expect: Expect) -> None:
    """What is still in flight after 10 s is answered with an error or broken off, and the proxy ends by itself."""
    code, grace_s = rig.process.stop_exit, rig.process.stop_grace_s or 0
    rig = rig.variant(stop_grace=grace_s, request_timeout=rig.clock.target(rig.deadline_s))

    with rig.broken(Route(silent())) as fault:
        pending = rig.begin("GET", "/items")
        fault.wait_for(1, within_s=5)
        rig.target.process.signal(signal.SIGTERM)
        stopped = now()
        exchange = pending.exchange()

    expect.one_of("status", (None, 502, 503, 504), exchange.status)
    expect.lasted("ended", exchange.ended - stopped, grace_s, grace_s + 2 * TICK_S, since=stopped)
    expect.equal("exit code", code, rig.comes_to_an_end(GONE_S))


@pytest.mark.error_path("stop-twice")
def test_a_second_signal_ends_at_once(rig: Rig, expect: Expect) -> None:
    """Whoever asks a second time does not want to wait: the proxy ends at once, and not as if all were well."""
    code = rig.process.stop_exit
    rig = rig.variant(
        stop_grace=rig.clock.target(rig.process.stop_grace_s or 0),
        request_timeout=rig.clock.target(rig.deadline_s),
    )

    with rig.broken(Route(silent())) as fault:
        pending = rig.begin("GET", "/items")
        fault.wait_for(1, within_s=5)
        rig.target.process.signal(signal.SIGTERM)
        rig.comes_to_refuse(TICK_S)
        rig.target.process.signal(signal.SIGTERM)
        ended = rig.comes_to_an_end(AT_ONCE_S)
        exchange = pending.exchange()

    expect.that(ended not in (code, None), f"an end at once, and not with {code}", f"exit code {ended}")
    told = not exchange.complete or (exchange.status or 0) >= 500
    expect.that(told, "a broken answer or an error (5xx) for who was in flight", exchange.summary())
