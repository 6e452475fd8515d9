"""The proxy's own front door: no request chooses its upstream, leaves the base, or writes a header of its own."""

from __future__ import annotations

import pytest

from harness.errors import NotPromised
from harness.faults.link import LeadsTo
from harness.faults.origin import Route
from harness.rig import Rig
from harness.traffic.origin import Origin
from harness.traffic.replies import ok
from harness.verdicts.expect import Expect

SANE = (200, 400, 403, 404, 405, 421, 501)  # refused, or served as an ordinary path
REFUSED = (400, 403, 404, 405, 421, 501)
LOOPS = (502, 508)  # RFC 9209 section 2.3 recommends 502; 508 is RFC 5842 section 7.2

ESCAPES = [
    "/../admin", "/..", "/x/../../admin", "/./../admin", "//../admin", "/%2e%2e/admin", "/.%2E/admin",
    "/..%2fadmin", "/%2e%2e%2fadmin", "/..;/admin", "/..;x=1/admin", "/..\\admin", "/\\..\\admin",
    "/..%5cadmin", "/x/..%2f..%2fadmin",
]  # fmt: skip


@pytest.mark.error_path("door-path-escape")
@pytest.mark.parametrize("path", ESCAPES)
def test_dot_segments_never_leave_the_base(rig: Rig, expect: Expect, path: str) -> None:
    """A path with dot segments, plain, encoded or behind a backslash, is refused or stays below the base upstream."""
    rig.prove_healthy()
    rig.forget()

    exchange = rig.tell(rig.head(path=path))

    expect.answered_here(exchange, SANE, rig.origin.attempts())
    expect.inside(rig.origin.attempts())
    expect.recovers(rig)


ELSEWHERE = {
    "double slash below the base": "{base}//{bait}/x",
    "user name": "{base}/@{bait}/x",
    "user name at once": "{base}@{bait}/x",
    "port and user name": "{base}/:80@{bait}/x",
    "URL in the path": "{base}/http://{bait}/x",
    "URL in the query": "{base}/x?url=http://{bait}/",
    "encoded CR LF": "{base}/%0d%0aHost:%20{bait}",
    "double slash": "//{bait}{base}/x",
    "backslash": "/\\{bait}{base}/x",
    "another scheme": "{base}/gopher://{bait}/x",
}


@pytest.mark.error_path("door-foreign-host")
@pytest.mark.parametrize("target", ELSEWHERE.values(), ids=ELSEWHERE)
def test_no_request_chooses_the_upstream(rig: Rig, expect: Expect, target: str) -> None:
    """Whatever host a target, a Host or a forwarding field names, only the configured upstream is asked."""
    rig.prove_healthy()
    rig.forget()

    with Origin.start() as bait:
        named = [f"{name}: {bait.address}" for name in ("Host", "X-Forwarded-Host", "X-Original-Host")]
        path = target.format(base=rig.path(""), bait=bait.address)
        exchange = rig.tell(rig.line("GET", path, *named, f"Forwarded: host={bait.address}"))

        expect.answered_here(exchange, SANE, rig.origin.attempts())
        expect.inside(rig.origin.attempts())
        expect.as_configured(rig.origin.attempts())
        expect.silent(bait)


@pytest.mark.error_path("door-target-form")
@pytest.mark.parametrize("method", ["GET", "POST", "OPTIONS"])
@pytest.mark.parametrize("form", ["http://{bait}{base}/x", "http://{bait}/", "{bait}", "*", "x"])
def test_only_a_path_is_a_target(rig: Rig, expect: Expect, method: str, form: str) -> None:
    """An absolute URL, an authority, an asterisk or a bare word is refused, or asked of the configured upstream."""
    rig.prove_healthy()
    rig.forget()

    with Origin.start() as bait:
        target = form.format(base=rig.path(""), bait=bait.address)
        exchange = rig.tell(rig.line(method, target, f"Host: {bait.address}", "Content-Length: 0"))

        expect.answered_here(exchange, (*SANE, 204), rig.origin.attempts())
        expect.inside(rig.origin.attempts())
        expect.as_configured(rig.origin.attempts())
        expect.silent(bait)


# The one asks for a tunnel (RFC 9110 section 9.3.6), the other is the preface of HTTP/2 (RFC 9113 section 3.4).
NEVER_FORWARDED = ("CONNECT", "PRI")


@pytest.mark.error_path("door-method")
@pytest.mark.parametrize("method", ["TRACE", "CONNECT", "GETS", "get", "PRI"])
def test_a_method_that_is_not_forwarded_is_refused(rig: Rig, expect: Expect, method: str) -> None:
    """CONNECT and PRI are refused, and so is, where it is promised, what the proxy does not know; nothing goes on.

    TRACE may be passed on, and so may a method that nobody has defined (RFC 9110 sections 9.1 and 9.3.8).
    """
    if method not in NEVER_FORWARDED and not rig.contract.promises("identity.known_methods"):
        raise NotPromised("identity.known_methods is not in the target's contract")
    rig.prove_healthy()
    rig.forget()

    with Origin.start() as bait:
        target = bait.address if method == "CONNECT" else rig.path("/items")
        exchange = rig.tell(rig.line(method, target, f"Host: {bait.address}", "Cookie: session=secret"))

        expect.answered(exchange, REFUSED)
        expect.that(b"secret" not in exchange.received, "the cookie not echoed", repr(exchange.received))
        expect.nothing_whole_upstream()
        expect.silent(bait)


INJECTIONS = [
    "/x%0d%0aX-Injected:%201", "/x%0aX-Injected:1", "/%0d%0a%0d%0aGET%20/api/hidden%20HTTP/1.1%0d%0a",
    "/x?q=%0d%0aX-Injected:%201", "/x?q=%E5%98%8D%E5%98%8AX-Injected:1", "/x%00%0d%0aX-Injected:%201",
]  # fmt: skip


@pytest.mark.error_path("door-header-injection")
@pytest.mark.parametrize("path", INJECTIONS)
def test_an_encoded_line_end_writes_no_header(rig: Rig, expect: Expect, path: str) -> None:
    """CR LF encoded in path or query stays encoded, or is refused; no header and no request comes of it."""
    rig.prove_healthy()
    rig.forget()

    with rig.broken(Route(ok(headers=(("Location", f"http://x.example{path}"),))), prove=False):
        control = rig.get("/items")
        exchange = rig.tell(rig.head(path=path))

    expect.served(control)
    attempts = rig.origin.attempts()[1:]
    expect.answered_here(exchange, SANE, attempts)
    for attempt in attempts:
        expect.equal("X-Injected upstream", None, attempt.header("X-Injected"))
        expect.equal("target upstream", f"{rig.upstream_base}{path}", attempt.target)
    fields = exchange.reply.headers if exchange.reply else ()
    expect.that("x-injected" not in fields, "no X-Injected downstream", repr(fields))


@pytest.mark.error_path("door-twin-fields")
@pytest.mark.parametrize("twin", ["x_forwarded_for", "X_Forwarded-For", "content_length", "AUTHORIZATION"])
def test_no_header_has_a_twin(rig: Rig, expect: Expect, twin: str) -> None:
    """Of a header and its twin, which a backend may take for it ("_" for "-", another case), at most one goes on."""
    rig.prove_healthy()
    rig.forget()
    own = twin.replace("_", "-")

    exchange = rig.tell(rig.head("GET", "/items", "Authorization: Bearer a", f"{own}: 0", f"{twin}: 203.0.113.9"))

    expect.answered_here(exchange, SANE, rig.origin.attempts())
    for attempt in rig.origin.attempts():
        names = [name.decode().lower().replace("_", "-") for name, _ in attempt.headers]
        expect.that(names.count(own.lower()) <= 1, f"at most one {own} upstream", f"{names.count(own.lower())}")


@pytest.mark.error_path("door-redirect")
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_the_clients_to_follow(rig: Rig, expect: Expect, status: int) -> None:
    """A redirect to an address of the inner network is passed on as it is, and not followed."""
    with Origin.start() as bait:
        where = f"http://{bait.address}/latest/meta-data"
        with rig.broken(Route(ok(b"", status, (("Location", where),)))):
            exchange = rig.get("/items")

        expect.status(exchange, status)
        expect.header(exchange, "location", where)
        expect.tries(exchange, 1)
        expect.silent(bait)


@pytest.mark.error_path("door-loop")
@pytest.mark.expiring_health
def test_a_proxy_in_front_of_itself_says_so(rig: Rig, expect: Expect) -> None:
    """A proxy whose upstream is itself says so at once, asks no further, and serves when it is led right.

    Where it is the health probe that meets itself, what it says is that the upstream is unavailable.
    """
    unavailable = rig.contract.errors.get("unavailable")
    rig = rig.variant(upstream=f"http://{rig.upstream_address}{rig.path('')}")
    before = rig.at_rest()

    with rig.broken(LeadsTo(rig.authority), prove=False):
        exchange = rig.get("/items")

    if unavailable is not None and unavailable.told(exchange.status, exchange.text):
        expect.error(exchange, "unavailable")
    else:
        expect.one_of("status", LOOPS, exchange.status)
        expect.named(exchange, ("proxy_loop_detected",))
    expect.took(exchange, 0, rig.health.timeout_s)
    expect.recovers(rig)
    expect.nothing_left(rig, before)
