"""Production Considerations, "Monitor API health": counters that agree with what clients saw, and an alert."""

from __future__ import annotations

import pytest

from harness.errors import NotPromised
from harness.faults.link import Refused
from harness.faults.origin import Probe, Route
from harness.rig import Rig
from harness.telemetry import history
from harness.traffic import raw
from harness.traffic.client import new_key
from harness.traffic.replies import ok, reset, unhealthy
from harness.verdicts.expect import Expect
from scenarios.failures import FAILURES, Failure, fail

MINUTE_S = 60


@pytest.mark.error_path("metrics")
@pytest.mark.parametrize("failure", FAILURES)
def test_a_failure_is_counted_by_its_cause(rig: Rig, expect: Expect, failure: Failure) -> None:
    """A failed request is counted once by status and once by cause; envelope, Proxy-Status and metrics agree."""
    names = rig.metrics
    rig.prove_healthy()
    before = rig.telemetry.scrape()

    exchange = fail(rig, failure)

    after = rig.telemetry.scrape()
    expect.failed(exchange, failure.kind, types=failure.types)
    if names.failures and names.failures.label:
        failed = after.changed(before, names.failures.name, names.failures.label)
        words = rig.journal.words(failure.happened)
        expect.that(sum(failed.values()) == 1 and set(failed) <= set(words), f"1 of {words} more", f"{failed} more")
    if names.requests and names.requests.label:
        asked = after.changed(before, names.requests.name, names.requests.label)
        expect.equal(f"requests answered {exchange.status}", 1.0, asked.get(str(exchange.status)))


@pytest.mark.error_path("metrics")
def test_retries_and_durations_are_counted(rig: Rig, expect: Expect) -> None:
    """Each retry is counted by the cause of the try before, each request in the histogram of durations."""
    names = rig.metrics
    if not names.retries or not names.retries.label or not names.duration:
        raise NotPromised("metrics.retries and metrics.duration are not in the target's contract")
    rig.prove_healthy()
    before = rig.telemetry.scrape()

    with rig.broken(Route(reset(), reset(), ok()), prove=False):
        exchange = rig.get("/items")

    after = rig.telemetry.scrape()
    expect.served(exchange)
    retried = after.changed(before, names.retries.name, names.retries.label)
    expect.equal("retries", dict.fromkeys(rig.journal.words("reset"), 2.0), retried)
    count = f"{names.duration.name}_count"
    expect.equal("requests in the histogram", 1.0, after.value(count) - before.value(count))
    total = after.value(f"{names.duration.name}_sum") - before.value(f"{names.duration.name}_sum")
    # A proxy stops its watch after its last write, and by then the client may have read it all.
    least_s, most_s = sum(rig.retries.waits_s[:2]), rig.clock.target(exchange.took_s)
    expect.lasted("in the histogram", total, least_s, most_s, since=exchange.started)


@pytest.mark.error_path("metrics-health")
@pytest.mark.expiring_health
def test_what_is_known_of_the_backend_is_a_metric(rig: Rig, expect: Expect) -> None:
    """One series is 1 while the backend is healthy, and another one once its health check fails."""
    series = rig.metrics.health
    if series is None or series.label is None:
        raise NotPromised("metrics.health is not in the target's contract")

    def known() -> list[str]:
        states = rig.telemetry.scrape().labelled(series.name, series.label or "")
        return [state for state, value in states.items() if value == 1]

    rig.prove_healthy()
    good = known()
    rig.cold()
    with rig.broken(Probe(unhealthy(503)), prove=False):
        exchange = rig.get("/items")
        bad = known()

    expect.failed(exchange, "unavailable")
    expect.equal("states that are 1", (1, 1), (len(good), len(bad)))
    expect.that(good != bad, "another state while its health check fails", f"{good}, then {bad}")


@pytest.mark.error_path("metrics-alert")
def test_connection_failures_raise_an_alert(rig: Rig, expect: Expect) -> None:
    """The alert is silent while all is well, fires within 2 minutes of a refused connection, and falls silent."""
    alert = rig.telemetry.alert()
    rig.prove_healthy()
    before = rig.telemetry.scrape()

    with rig.broken(Refused(), prove=False):
        exchange = rig.get("/items")
    after = rig.telemetry.scrape()

    expect.failed(exchange, "refused")
    well, past = 10 * MINUTE_S, 30 * MINUTE_S
    fired = [at for at, _ in alert.fires(history((before, well), (after, past)))]
    expect.equal("alerts while all was well", [], [at for at in fired if at < well])
    expect.that(bool(fired), f"{alert.name} to fire", "it did not")
    expect.between("fires after", 0, 2 * MINUTE_S, fired[0] - well, " s")
    expect.that(fired[-1] < well + past - MINUTE_S, "silence once it is over", f"firing at {fired[-1] - well:g} s")
    expect.equal("alerts of a target that stays well", [], alert.fires(history((after, past))))


@pytest.mark.error_path("metrics-cardinality")
def test_no_client_can_make_series(rig: Rig, expect: Expect) -> None:
    """However many paths, methods, hosts and ids clients think of, the number of series stays small."""
    limit = rig.metrics.series_limit
    if limit is None:
        raise NotPromised("metrics.series_limit is not in the target's contract")
    rig.prove_healthy()
    token = new_key()

    for number in range(20):
        rig.get(
            f"/{token}/{number}?q={number}", headers={"User-Agent": f"{token}{number}", "Origin": f"http://{token}"}
        )
        method = f"{token[:4].upper()}{number}".translate(str.maketrans("0123456789", "ABCDEFGHIJ"))
        line = f"{method} {rig.target.file.routes.base}/{token} HTTP/1.1\r\nHost: {token}{number}\r\n\r\n"
        raw.ask(rig.target.host, rig.target.port, line.encode())

    scrape = rig.telemetry.scrape()
    expect.between("series", 1, limit, len(scrape.samples))
    told = [labels for _, labels in scrape.samples if any(token[:8] in value for _, value in labels)]
    expect.equal("series that carry what a client said", [], told)
