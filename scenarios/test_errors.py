"""Detailed Error Messages: one shape, the documented titles, the right cause, and no secrets in production."""

from __future__ import annotations

import re

import pytest

from harness.faults.link import Refused
from harness.faults.origin import Probe, Route
from harness.faults.port import FullBacklog, OneAddress
from harness.rig import SETTLE_S, Rig
from harness.traffic.replies import (
    empty_reply,
    garbage,
    half_head,
    malformed,
    reset,
    reset_mid_head,
    says_at_once,
    silent,
    unhealthy,
)
from harness.traffic.steps import Behaviour
from harness.verdicts.expect import Expect
from scenarios.failures import FAILURES, Failure, fail

BOUNDS = ("connect_timeout", "request_timeout")
RESOLVED_S = 20.0  # wall seconds; resolv.conf(5): two tries of five seconds


@pytest.mark.error_path("error-refused")
def test_a_refused_connection_says_how_to_start_the_backend(rig: Rig, expect: Expect) -> None:
    """The refused error names address and cause, says how to start the backend, and counts retries and duration."""
    with rig.broken(Refused()):
        exchange = rig.get("/items")

    details = expect.error(exchange, "refused")
    if expect.promised("refused", "apiUrl"):
        expect.contains("apiUrl", details.get("apiUrl"), rig.upstream_address)
    if expect.promised("refused", "suggestion"):
        expect.contains("suggestion", str(details.get("suggestion")).lower(), "start")
    expect.retries_told("refused", details, rig.retries.max)
    if expect.promised("refused", "duration"):
        expect.duration(details, exchange, at_least_s=sum(rig.retries.waits_s))
    expect.backoff(exchange)


@pytest.mark.error_path("error-timeout")
@pytest.mark.lasts(30)
def test_a_timeout_says_how_long_was_waited(rig: Rig, expect: Expect) -> None:
    """The timeout error carries the limit and the time that passed, in milliseconds."""
    with rig.broken(Route(silent())):
        exchange = rig.get("/items")

    details = expect.error(exchange, "timeout")
    if expect.promised("timeout", "timeout"):
        expect.equal("timeout in ms", rig.milliseconds(rig.deadline_s), details.get("timeout"))
    if expect.promised("timeout", "duration"):
        expect.duration(details, exchange, at_least_s=rig.deadline_s)


@pytest.mark.error_path("error-unavailable")
@pytest.mark.expiring_health
def test_an_unavailable_backend_is_told_from_a_failed_request(rig: Rig, expect: Expect) -> None:
    """The health gate's error says that it was the health check, what to do, and when to come back."""
    rig.prove_healthy()
    rig.cold()

    with rig.broken(Probe(unhealthy(503)), prove=False):
        exchange = rig.get("/items")

    details = expect.error(exchange, "unavailable")
    if expect.promised("unavailable", "healthCheckFailed"):
        expect.equal("healthCheckFailed", True, details.get("healthCheckFailed"))
    if expect.promised("unavailable", "suggestion"):
        expect.that(bool(details.get("suggestion")), "a suggestion", repr(details.get("suggestion")))
    expect.backoff(exchange)


CAUSES = [
    pytest.param(reset(), ("ECONNRESET",), id="reset"),
    pytest.param(reset_mid_head(), ("ECONNRESET",), id="reset-mid-head"),
    pytest.param(empty_reply(), ("ECONNRESET",), id="empty-reply"),
    pytest.param(half_head(), ("ECONNRESET", "EPROTO", "HPE_"), id="half-head"),
    pytest.param(garbage(), ("EPROTO", "HPE_"), id="garbage"),
    pytest.param(malformed(b"HTTP/1.1 abc OK\r\n\r\n"), ("EPROTO", "HPE_"), id="bad-status-line"),
]


@pytest.mark.error_path("error-other")
@pytest.mark.parametrize(("behaviour", "codes"), CAUSES)
def test_every_other_failure_names_its_cause(
    rig: Rig, expect: Expect, behaviour: Behaviour, codes: tuple[str, ...]
) -> None:
    """A reset, cut-off or malformed answer is 502 "Proxy Request Failed", and errorCode names the cause."""
    with rig.broken(Route(behaviour)):
        exchange = rig.post("/items", content=b"{}")

    details = expect.error(exchange, "failed")
    expect.code_told("failed", details, codes)
    expect.tries(exchange, 1)


@pytest.mark.error_path("error-other")
def test_an_upstream_name_that_does_not_resolve_is_named(rig: Rig, expect: Expect) -> None:
    """An upstream name that does not resolve ends in a clear error, never in a hang."""
    path = rig.health.path  # asked before the start, which a proxy may refuse with such an upstream
    # To find out that there is no such name is the resolver's work, whose pace no speed changes.
    bounds = {name: rig.clock.target(RESOLVED_S) for name in BOUNDS if name in rig.target.file.settings}
    rig = rig.variant(upstream="http://no-such-host.invalid:3101", **bounds)

    exchange = rig.get(path)

    details = expect.error(exchange, "failed", types=("dns_error",))
    expect.code_told("failed", details, ("ENOTFOUND", "EAI_AGAIN"))
    expect.one_of("RFC 9209's type", (None, "dns_error"), expect.proxy_status(exchange))
    expect.that("Errno" not in str(exchange.json().get("message")), "no words of the resolver", exchange.text)


@pytest.mark.error_path("error-other")
def test_an_upstream_that_speaks_no_tls_is_named(rig: Rig, expect: Expect) -> None:
    """An https upstream whose port answers in plain text ends in a clear error, never in plain text."""
    path = rig.health.path
    rig = rig.variant(upstream=f"https://{rig.upstream_address}")

    with rig.broken(Route(says_at_once(b"220 not for you\r\n")), prove=False):
        exchange = rig.get(path)

    details = expect.error(exchange, "failed", types=("tls_protocol_error", "tls_alert_received"))
    expect.code_told("failed", details, ("EPROTO", "ETLS", "ERR_SSL", "ERR_TLS"))


@pytest.mark.error_path("error-development")
def test_development_shows_the_cause(rig: Rig, expect: Expect) -> None:
    """In development the error shows a stack or the underlying cause."""
    with rig.broken(Route(reset())):
        exchange = rig.post("/items", content=b"{}")

    details = expect.error(exchange, "failed")
    shown = str(details.get("stack") or details.get("cause") or "")
    expect.that(len(shown) > 20, "a stack or cause in the details", f"details {', '.join(details)}")


@pytest.mark.error_path("error-production")
@pytest.mark.parametrize("failure", FAILURES)
def test_production_tells_nothing_of_the_inside(rig: Rig, expect: Expect, failure: Failure) -> None:
    """In production no error carries a stack, a path, the upstream's address or a secret, in body or headers."""
    promise, rig = rig.error(failure.kind), rig.variant(environment="production")

    exchange = fail(rig, failure, headers={"Authorization": "Bearer tell-nobody", "Cookie": "session=tell-nobody"})

    expect.failed_as(exchange, failure.kind, types=failure.types)
    if promise.error is not None:
        expect.equal("error", promise.error, exchange.json().get("error"))
    production = rig.contract.production
    for name in production.hidden if production else ():
        expect.that(name not in exchange.json().get("details", {}), f"no {name}", f"details {exchange.text}")
    everything = exchange.text + repr(exchange.headers)
    for secret in (rig.upstream_address, "tell-nobody", "Traceback", ".py", "site-packages"):
        expect.that(secret not in everything, f"no {secret!r} in body or headers", everything)
    port = rf"(?<![0-9a-f]){rig.upstream_address.rpartition(':')[2]}(?![0-9a-f])"  # also written apart from its host
    expect.that(not re.search(port, everything), "the upstream's port nowhere in body or headers", everything)


@pytest.mark.error_path("error-shape")
@pytest.mark.parametrize("failure", FAILURES)
def test_every_error_has_the_same_shape(rig: Rig, expect: Expect, failure: Failure) -> None:
    """Every error is JSON of one schema and carries CORS headers and the request's id."""
    exchange = fail(rig, failure, headers={"Origin": rig.allowed_origin})

    expect.error(exchange, failure.kind, types=failure.types)
    expect.schema(exchange)
    expect.header(exchange, "access-control-allow-origin", rig.allowed_origin)
    expect.header_present(exchange, rig.identity.request_id or "")


@pytest.mark.error_path("error-proxy-status")
@pytest.mark.parametrize("failure", FAILURES)
def test_every_error_names_itself_by_the_standard(rig: Rig, expect: Expect, failure: Failure) -> None:
    """Every error carries Proxy-Status with the type RFC 9209 gives the failure."""
    exchange = fail(rig, failure)

    expect.error(exchange, failure.kind, types=failure.types)
    expect.one_of("Proxy-Status error", failure.types, expect.proxy_status(exchange))


@pytest.mark.error_path("error-proxy-status")
@pytest.mark.lasts(26)
def test_a_connect_that_timed_out_names_itself_by_the_standard(rig: Rig, expect: Expect) -> None:
    """A connect that nobody answers is connection_timeout."""
    rig = rig.variant(**rig.connect_within())

    with rig.broken(FullBacklog()):
        exchange = rig.get("/items")

    expect.error(exchange, "timeout")
    expect.one_of("Proxy-Status error", ("connection_timeout",), expect.proxy_status(exchange))


@pytest.mark.lasts(6)
@pytest.mark.error_path("error-dual-stack")
def test_a_name_that_is_refused_on_every_address_is_refused(rig: Rig, expect: Expect) -> None:
    """A backend whose name has two addresses, both of which refuse, ends in the refused error like any other."""
    rig = rig.variant(upstream=rig.upstream_by_name)

    with rig.broken(OneAddress()), rig.broken(Refused(), prove=False) as fault:
        exchange = rig.get("/items")

    details = expect.error(exchange, "refused")
    expect.retries_told("refused", details, rig.retries.max)
    expect.took(exchange, sum(rig.retries.waits_s), sum(rig.retries.waits_s) + 1)
    expect.refusals_at_most(fault, 2 * rig.retries.tries)
    expect.recovers(rig)


@pytest.mark.error_path("connect-dual-stack")
def test_the_address_that_answers_is_taken(rig: Rig, expect: Expect) -> None:
    """Of a name's two addresses one refuses and one answers: served at the first try, without a retry or its wait."""
    rig, waits = rig.with_waits_of(SETTLE_S, rig.upstream_by_name)

    with rig.broken(OneAddress(), prove=False) as fault:  # whether it serves at all by this name is what is asked
        exchange = rig.get("/items")

    expect.served(exchange)
    expect.tries(exchange, 1)
    expect.took(exchange, 0, waits[0] / 2)
    expect.note(fault.detail())
    if rig.journal.promised("retry"):
        expect.logged("retry", exchange, 0, rig=rig)
