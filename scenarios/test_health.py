"""Health Check Before Requests: probed, cached, one probe at a time, and never in the way of the health route."""

from __future__ import annotations

import pytest

from harness.clock import now
from harness.faults.link import Refused
from harness.faults.origin import Probe
from harness.faults.process import Stopped
from harness.rig import Rig
from harness.system import BALANCE, System
from harness.traffic.replies import delayed, garbage, healthy, unhealthy
from harness.traffic.steps import Behaviour
from harness.verdicts.expect import Expect

pytestmark = pytest.mark.expiring_health

KEPT_S = 1.5  # wall seconds for which a result is kept: a fifth of them is longer than this machine may hold us up
AT_ONCE_S = 0.1  # wall seconds for a refusal that asks nobody; it takes a few milliseconds
ARRIVES_S = 0.5  # wall seconds in which a probe gets from the proxy to the upstream, however busy the machine


@pytest.mark.error_path("health-down")
def test_a_backend_that_is_down_is_said_to_be_unavailable(rig: Rig, expect: Expect) -> None:
    """With the backend down and nothing cached, a request is answered 503 within the probe's time, and not sent."""
    rig.prove_healthy()
    rig.cold()

    with rig.broken(Refused(), prove=False):
        exchange = rig.get("/items")

    expect.error(exchange, "unavailable")
    expect.took(exchange, 0, rig.health.timeout_s)
    expect.equal("tries on the route", 0, len(rig.origin_tries(exchange)))
    expect.recovers(rig)


@pytest.mark.error_path("health-cached")
def test_a_hundred_requests_cost_one_probe(rig: Rig, expect: Expect) -> None:
    """A hundred requests within 5 s, some after and some beside another, cost one health probe."""
    rig.prove_healthy()
    rig.cold()
    rig.forget()

    exchanges = [rig.get("/items"), *(exchange for _ in range(9) for exchange in rig.together(11, "/items"))]

    for exchange in exchanges:
        expect.served(exchange)
    spent = rig.clock.target(exchanges[-1].ended - exchanges[0].started)
    expect.equal("probes within the cache's time", 1, rig.probes_within(rig.health.ttl_s))
    expect.note(f"{len(exchanges)} requests in {spent:.1f} s")


@pytest.mark.error_path("health-cached")
@pytest.mark.lasts(9)
def test_a_result_is_kept_as_long_as_promised(rig: Rig, expect: Expect) -> None:
    """A request that comes after 4 of the 5 s, in which nobody asked, costs no other probe."""
    rig, ttl_s = _told_to_keep(rig)

    first = rig.get("/items")
    rig.expire(0.8 * ttl_s, "most of the time for which a result is kept")
    second = rig.get("/items")

    expect.served(first)
    expect.served(second)
    since = first.started
    expect.lasted("nobody asked for", second.started - since, 0.8 * ttl_s, ttl_s, since=since)
    expect.equal("probes", 1, len(rig.origin.probes()))


def _told_to_keep(rig: Rig) -> tuple[Rig, float]:
    """A rig that keeps a result at least `KEPT_S` and has none left, and for how many target seconds it does."""
    ttl_s = max(rig.health.ttl_s, rig.clock.target(KEPT_S))
    rig = rig.variant(health_ttl=ttl_s) if ttl_s > rig.health.ttl_s else rig
    rig.prove_healthy()
    rig.expire(ttl_s, "the health result to expire")
    rig.forget()
    return rig, ttl_s


@pytest.mark.error_path("health-expires")
def test_a_result_is_not_kept_longer_than_promised(rig: Rig, expect: Expect) -> None:
    """A request more than 5 s after the last answer is preceded by a new probe."""
    rig.prove_healthy()
    rig.cold()
    rig.forget()

    first = rig.get("/items")
    rig.cold()
    second = rig.get("/items")

    expect.served(first)
    expect.served(second)
    expect.equal("probes", 2, len(rig.origin.probes()))
    expect.that(rig.origin.probes()[1].at >= second.started, "a probe for the second request", "none")


@pytest.mark.error_path("health-recovers")
def test_a_backend_that_comes_back_is_served_within_the_cache_time(rig: Rig, expect: Expect) -> None:
    """A backend that comes back is served again at most 5 s later."""
    rig.prove_healthy()
    rig.cold()

    with rig.broken(Refused(), prove=False):
        down = rig.get("/items")
    healed = now()
    served = rig.until_served("/items", within_s=rig.health.ttl_s)

    expect.error(down, "unavailable")
    expect.lasted("served again", served.ended - healed, 0, rig.health.ttl_s, since=healed)


@pytest.mark.error_path("health-goes-down")
def test_a_backend_that_dies_leaves_no_request_hanging(rig: Rig, expect: Expect) -> None:
    """When the backend dies every request still ends by the deadline, and soon in "unavailable"."""
    with rig.broken(Refused()) as fault:
        first = rig.get("/items")
        told = rig.until_error("/items", "unavailable", within_s=rig.health.ttl_s + rig.health.timeout_s)

    expect.failed(first, "refused", "unavailable", "timeout")
    expect.took(first, 0, rig.deadline_s)
    expect.error(told, "unavailable")
    expect.note(f'"unavailable" {rig.clock.target(told.ended - fault.began):.1f} s after the backend died')


@pytest.mark.error_path("health-slow")
def test_a_slow_probe_means_unavailable(rig: Rig, expect: Expect) -> None:
    """A probe that takes longer than 3 s means 503 unavailable, after those 3 s and not when it answers at last."""
    timeout_s = _probe_timeout_s(rig)
    rig = rig.variant(health_timeout=timeout_s)  # else it is in our seconds, and 3 of them
    rig.prove_healthy()
    rig.cold()

    with rig.broken(Probe(delayed(rig.clock.wall(2 * timeout_s + 5), healthy())), prove=False):
        exchange = rig.get("/items")

    expect.error(exchange, "unavailable")
    expect.took(exchange, timeout_s, timeout_s + 1)
    expect.equal("tries on the route", 0, len(rig.origin_tries(exchange)))


@pytest.mark.error_path("health-slow")
def test_a_stopped_backend_is_unavailable_in_the_time_of_a_probe(system: System, expect: Expect) -> None:
    """A backend that stands still (SIGSTOP) accepts the probe and says nothing: 503 after 3 s, not after 30 s."""
    upstream, timeout_s = f"http://{system.upstream_address}", _probe_timeout_s(system)
    rig = system.variant(upstream=upstream, health_timeout=timeout_s)
    first = rig.get(BALANCE, headers=system.session)

    with system.broken(Stopped(system.backend.owned)):
        rig.cold()
        exchange = rig.get(BALANCE)

    expect.served(first)
    expect.error(exchange, "unavailable")
    expect.took(exchange, timeout_s, timeout_s + 1)
    expect.recovers(system)


def _probe_timeout_s(rig: Rig) -> float:
    """The documented one in target seconds, and in ours no shorter than what a probe may need to arrive."""
    return max(rig.health.timeout_s, rig.clock.target(ARRIVES_S))


@pytest.mark.error_path("health-error-status")
@pytest.mark.parametrize("answer", [unhealthy(500), unhealthy(503), garbage()], ids=["500", "503", "garbage"])
def test_a_probe_answered_with_an_error_means_unavailable(rig: Rig, expect: Expect, answer: Behaviour) -> None:
    """A probe answered 500, 503 or with garbage means 503 unavailable, and the request is not sent."""
    rig.prove_healthy()
    rig.cold()

    with rig.broken(Probe(answer), prove=False):
        exchange = rig.get("/items")

    expect.error(exchange, "unavailable")
    expect.equal("tries on the route", 0, len(rig.origin_tries(exchange)))
    expect.recovers(rig)


@pytest.mark.error_path("health-one-probe")
def test_a_hundred_cold_requests_cost_one_probe(rig: Rig, expect: Expect) -> None:
    """A hundred requests at once on an expired cache wait for one probe together."""
    # so many at once keep this machine busy, which is to end neither a request nor the probe
    rig = rig.unhurried(**rig.where_sped_up(health_timeout=rig.clock.target(rig.deadline_s)))
    all_there_s = 1.0  # wall seconds that the probe takes, so that they come while it is under way
    rig.prove_healthy()
    rig.cold()
    rig.forget()

    with rig.broken(Probe(delayed(all_there_s, healthy())), prove=False):
        exchanges = rig.together(100, "/items")

    expect.equal("statuses", {200}, {exchange.status for exchange in exchanges})
    # What comes so late that the result has expired again may cost another probe, and not a moment sooner.
    expect.apart("probes", [probe.at for probe in rig.origin.probes()], all_there_s + rig.kept_s)


@pytest.mark.error_path("health-bypass")
def test_the_health_route_is_never_gated(rig: Rig, expect: Expect) -> None:
    """While the cached result is bad the health route itself still reaches the backend and tells what it says."""
    rig.prove_healthy()
    rig.cold()

    with rig.broken(Probe(unhealthy(503)), prove=False):
        gated = rig.get("/items")
        seen = len(rig.origin.probes())
        direct = rig.get(rig.health.path)

    expect.error(gated, "unavailable")
    expect.status(direct, 503)
    expect.equal("body", {"status": "error"}, direct.json())
    expect.equal("requests that reached the health route", seen + 1, len(rig.origin.probes()))


@pytest.mark.error_path("health-lookalike")
@pytest.mark.parametrize("path", ["/healthy", "/x/health", "/health/x", "/Health"])
def test_only_the_health_route_itself_is_free(rig: Rig, expect: Expect, path: str) -> None:
    """A path that merely looks like the health route is gated like any other."""
    rig.prove_healthy()
    rig.cold()

    with rig.broken(Probe(unhealthy(503)), prove=False):
        gated = rig.get("/items")
        exchange = rig.get(path)

    expect.error(gated, "unavailable")
    expect.error(exchange, "unavailable")
    expect.equal("tries on the route", 0, len(rig.origin_tries(exchange)))


@pytest.mark.error_path("backend-starting")
def test_a_backend_that_is_still_starting_is_worth_a_second_request(rig: Rig, expect: Expect) -> None:
    """While the backend starts the answer is 503 with Retry-After; once it is up, 200, without a restart."""
    rig.prove_healthy()
    rig.cold()
    pid = rig.target.pid

    with rig.broken(Refused(), prove=False):
        starting = rig.get("/items")
        rig.expire(4, "the backend to start")
    served = rig.until_served("/items", within_s=rig.health.ttl_s)

    expect.error(starting, "unavailable")
    retry_after = starting.headers.get("retry-after") or ""
    expect.that(
        retry_after.isdigit() and int(retry_after) >= 1, "Retry-After in seconds", f"Retry-After {retry_after!r}"
    )
    expect.served(served)
    expect.equal("process id", pid, rig.target.pid)


@pytest.mark.error_path("health-fails-fast")
def test_while_a_result_is_bad_every_request_fails_at_once(rig: Rig, expect: Expect) -> None:
    """While the cached result is bad every request fails at once with Retry-After, and nothing goes upstream."""
    rig.prove_healthy()
    rig.cold()
    rig.forget()

    with rig.broken(Probe(unhealthy(503)), prove=False):
        exchanges = [rig.get("/items") for _ in range(20)]

    for exchange in exchanges:
        expect.error(exchange, "unavailable")
        expect.header_present(exchange, "retry-after")
    expect.at_once("refused", exchanges, AT_ONCE_S)
    expect.equal("probes within the cache's time", 1, rig.probes_within(rig.health.ttl_s))
    expect.equal("tries on the route", 0, sum(len(rig.origin_tries(exchange)) for exchange in exchanges))
    expect.recovers(rig)


@pytest.mark.error_path("health-fails-fast")
@pytest.mark.lasts(9)
def test_a_bad_result_is_kept_as_long_as_a_good_one(rig: Rig, expect: Expect) -> None:
    """A request that comes after 4 of the 5 s, in which nobody asked, is refused without another probe."""
    rig, ttl_s = _told_to_keep(rig)

    with rig.broken(Probe(unhealthy(503)), prove=False):
        first = rig.get("/items")
        rig.expire(0.8 * ttl_s, "most of the time for which a bad result is kept")
        second = rig.get("/items")

    expect.error(first, "unavailable")
    expect.error(second, "unavailable")
    since = first.started
    expect.lasted("nobody asked for", second.started - since, 0.8 * ttl_s, ttl_s, since=since)
    expect.equal("probes", 1, len(rig.origin.probes()))
