"""More requests than the upstream takes, and an upstream that dies under load."""

from __future__ import annotations

from functools import partial

import pytest

from harness.faults.link import BlackHole
from harness.faults.process import Killed
from harness.rig import Rig
from harness.system import BALANCE, System
from harness.traffic.open_load import OpenLoad
from harness.verdicts.expect import Expect

POOL = 10
EVERY_S = 0.1  # wall seconds: 10 requests a second, which all of us bear on a machine that has much else to do
MOST = 600  # requests at most, should the machine take its time to start the backend again
AGAIN = 5  # requests that begin before and after the upstream is away

# RFC 9209's types of an upstream that dies; none, where the answer was the upstream's or broke after its head.
DIES = (
    None,
    "connection_refused",
    "connection_terminated",
    "connection_timeout",
    "destination_unavailable",
    "http_response_incomplete",
    "http_response_timeout",
)


@pytest.mark.error_path("overload-refused")
def test_what_the_upstream_cannot_take_is_refused_at_once(rig: Rig, expect: Expect) -> None:
    """With every connection upstream busy, more requests are refused at once, and those that wait are served."""
    within_s = rig.overload.refused_within_s
    rig = rig.variant(upstream_connections=POOL, request_timeout=rig.clock.target(rig.deadline_s))
    before = rig.at_rest()

    with rig.broken(BlackHole("upstream")):
        waiting = [rig.begin("GET", "/items") for _ in range(POOL)]
        expect.all_reach(waiting)
        excess = rig.together(POOL, "/items")
    served = [pending.exchange() for pending in waiting]

    for exchange in excess:
        expect.error(exchange, "overloaded")
        expect.one_of("RFC 9209's type", (None, "connection_limit_reached"), expect.proxy_status(exchange))
        expect.tries(exchange, 0)
    expect.at_once("refused", excess, within_s)
    expect.all_served(served, 1.0)
    expect.nothing_left(rig, before)


@pytest.mark.error_path("overload-heals")
@pytest.mark.expiring_health
def test_an_overload_ends_with_its_cause(rig: Rig, expect: Expect) -> None:
    """Twice as many requests as connections run into a stalled upstream; 2 s after it is healed 99 % are served."""
    promised = rig.overload
    rig = rig.variant(upstream_connections=POOL)
    before = rig.at_rest()

    with rig.broken(BlackHole("upstream")):
        during = rig.together(2 * POOL, "/items")
    rig.expire(promised.healed_within_s, "the overload to be over")
    after = [exchange for _ in range(POOL) for exchange in rig.together(POOL, "/items")]

    for exchange in during:
        expect.one_of("status", (502, 503, 504), exchange.status)
    expect.all_end(during, rig.deadline_s)
    expect.all_served(after, promised.served_share)
    expect.nothing_left(rig, before)


@pytest.mark.error_path("overload-killed")
@pytest.mark.expiring_health
@pytest.mark.own_postgres  # its API and proxy have their bounds in our seconds: a slow machine costs no request
def test_an_upstream_that_dies_under_load_leaves_no_request_stuck(system: System, expect: Expect) -> None:
    """The backend is killed and begun again under load: every request ends, with a fitting error, and all is well."""
    ask = partial(system.client.begin, "GET", BALANCE, headers=system.session)
    system.prove_healthy()

    with OpenLoad(ask, EVERY_S, most=MOST) as load:
        system.until(lambda: load.begun() >= AGAIN, "requests under way")
        with system.broken(Killed(), prove=False) as fault:
            system.until_status(BALANCE, 503, within_s=system.health.ttl_s + system.health.timeout_s)
        served = system.until_served(BALANCE, within_s=system.health.ttl_s)
        enough = load.begun() + AGAIN
        system.until(lambda: load.begun() >= enough, "requests after it is back")
    after = [exchange for exchange in load.exchanges if exchange.started > served.ended]

    for exchange in load.exchanges:
        expect.one_of("status", (200, 502, 503, 504), exchange.status)
        expect.one_of("RFC 9209's type", DIES, expect.proxy_status(exchange))
    expect.all_end(load.exchanges, system.clock.target(system.deadline_s))
    expect.all_served(after, 1.0)
    expect.note(f"{len(load.exchanges)} requests; away for {system.clock.target(served.ended - fault.began):.1f} s")
    expect.recovers(system)
