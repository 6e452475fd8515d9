"""Production Considerations, "Monitor API health": counters that agree with what clients saw, and an alert."""

from __future__ import annotations

from string import ascii_lowercase

import pytest

from harness.errors import NotPromised
from harness.faults.link import Refused
from harness.faults.origin import Probe, Route
from harness.rig import Rig
from harness.telemetry import history
from harness.traffic.client import new_key
from harness.traffic.replies import ok, reset, unhealthy
from harness.verdicts.expect import Expect
from scenarios.failures import FAILURES, Failure, fail, met

MINUTE_S = 60
SERVED = 20  # requests that are no reason for an alert

HANDFUL = 5  # series that may come up meanwhile: the first request of some status, method or cause
LETTERS = str.maketrans("0123456789", "ghijklmnop", "-")  # a method of letters alone is one to every parser
# Parsers know them, RFC 9110 does not: OpenTelemetry's conventions call all of them _OTHER.
RARE: tuple[str, ...] = ("ACL", "BIND", "CHECKOUT", "COPY", "LINK", "LOCK", "MERGE", "MKCALENDAR", "MKCOL", "MOVE")
RARE += ("NOTIFY", "PROPFIND", "PROPPATCH", "REBIND", "REPORT", "SEARCH", "UNBIND", "UNLINK", "UNLOCK")


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
        words = rig.journal.words(met(rig, failure.happened))
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
    expect.equal("retries", dict.fromkeys(rig.journal.words(met(rig, "reset")), 2.0), retried)
    count = f"{names.duration.name}_count"
    expect.equal("requests in the histogram", 1.0, after.value(count) - before.value(count))
    total = after.value(f"{names.duration.name}_sum") - before.value(f"{names.duration.name}_sum")
    # A proxy stops its watch after its last write, and by then the client may have read it all.
    least_s, most_s = sum(rig.retries.waits_s[:2]), rig.clock.target(exchange.took_s)
    expect.lasted("in the histogram", total, least_s, most_s, since=exchange.started)


@pytest.mark.error_path("metrics-health")
@pytest.mark.expiring_health
def test_what_is_known_of_the_backend_is_a_metric(rig: Rig, expect: Expect) -> None:
    """One series is 1: the one that says so while the backend is well, and the other once its health check fails."""
    series = rig.metrics.health
    if series is None or not (series.label and series.good and series.bad):
        raise NotPromised("metrics.health and its words are not in the target's contract")

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
    expect.one_of("what is 1 while it is well", [[word] for word in series.good], good)
    expect.one_of("what is 1 while its health check fails", [[word] for word in series.bad], bad)


@pytest.mark.error_path("metrics-alert")
def test_connection_failures_raise_an_alert(rig: Rig, expect: Expect) -> None:
    """The alert is silent while all are served, fires within 2 minutes of a refused connection, and falls silent."""
    alert = rig.telemetry.alert()
    rig.prove_healthy()
    before = rig.telemetry.scrape()
    for _ in range(SERVED):
        expect.served(rig.get("/items"))
    served = rig.telemetry.scrape()

    with rig.broken(Refused(), prove=False):
        exchange = rig.get("/items")
    after = rig.telemetry.scrape()

    expect.failed(exchange, "refused")
    well, past = 20 * MINUTE_S, 30 * MINUTE_S
    fired = [at for at, _ in alert.fires(history((before, well / 2), (served, well / 2), (after, past)))]
    expect.equal("alerts while all was well", [], [at for at in fired if at < well])
    expect.that(bool(fired), f"{alert.name} to fire", "it did not")
    expect.between("fires after", 0, 2 * MINUTE_S, fired[0] - well, " s")
    expect.that(fired[-1] < well + past - MINUTE_S, "silence once it is over", f"firing at {fired[-1] - well:g} s")
    expect.equal("alerts of a target that stays well", [], alert.fires(history((after, past))))


def _invent(rig: Rig, word: str, rare: str) -> None:
    """One request with all that a client may choose, one of a method of its own, one of a method that is seldom."""
    named = {"User-Agent": word, "Origin": f"http://{word}", "X-Request-ID": word}
    rig.get(f"/{word}?q={word}", headers=named)
    for method in (word.upper(), rare):
        rig.tell(rig.line(method, rig.path(f"/{word}"), f"Host: {word}"))


@pytest.mark.error_path("metrics-cardinality")
def test_no_client_can_make_series(rig: Rig, expect: Expect) -> None:
    """However many paths, methods, hosts and ids clients think of, the number of series stays small."""
    limit = rig.metrics.series_limit
    if limit is None:
        raise NotPromised("metrics.series_limit is not in the target's contract")
    rig.prove_healthy()
    word = new_key().translate(LETTERS)
    _invent(rig, word, "SOURCE")  # what there is one of for all clients is there now
    before = rig.telemetry.scrape()

    for letter, rare in zip(ascii_lowercase, RARE, strict=False):
        _invent(rig, word + letter, rare)

    after = rig.telemetry.scrape()
    more = len(after.samples) - len(before.samples)
    expect.that(more <= HANDFUL, f"at most {HANDFUL} series more", f"{more} series more")
    expect.between("series", 1, limit, len(after.samples))
    told = [labels for _, labels in after.samples if any(word[:8] in value.lower() for _, value in labels)]
    expect.equal("series that carry what a client said", [], told)
