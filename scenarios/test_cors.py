"""CORS support for credentials: configured origins only, on every answer, by the proxy itself."""

from __future__ import annotations

import pytest

from harness.errors import NotPromised
from harness.faults.link import Refused
from harness.faults.origin import Route
from harness.rig import Rig
from harness.traffic.exchange import Headers
from harness.traffic.raw import RawExchange
from harness.traffic.replies import ok, reset
from harness.verdicts.expect import Expect

FETCH = "Fetch standard, CORS protocol"
FOREIGN = "https://evil.example"


@pytest.mark.error_path("cors-allowed")
def test_a_configured_origin_may_send_credentials(rig: Rig, expect: Expect) -> None:
    """A request from a configured origin is answered with that origin and credentials allowed."""
    origin = rig.allowed_origin

    exchange = rig.get("/items", headers={"Origin": origin})

    expect.served(exchange)
    expect.header(exchange, "access-control-allow-origin", origin)
    expect.header(exchange, "access-control-allow-credentials", rig.allow_credentials)


@pytest.mark.error_path("cors-preflight")
def test_a_preflight_is_answered_by_the_proxy(rig: Rig, expect: Expect) -> None:
    """A preflight is answered by the proxy itself, also while the backend is down, and nothing goes upstream."""
    asked = {
        "Origin": rig.allowed_origin,
        "Access-Control-Request-Method": "PUT",
        "Access-Control-Request-Headers": "content-type",
    }

    with rig.broken(Refused()):
        exchange = rig.request("OPTIONS", "/items", headers=asked)

    expect.one_of("status", (200, 204), exchange.status)
    expect.header(exchange, "access-control-allow-origin", rig.allowed_origin)
    expect.header(exchange, "access-control-allow-credentials", rig.allow_credentials)
    expect.has_token(exchange, "access-control-allow-methods", "PUT")
    expect.has_token(exchange, "access-control-allow-headers", "content-type")
    expect.tries(exchange, 0)
    expect.took(exchange, 0, rig.clock.target(0.05))  # it waits for nothing, so no speed changes it


@pytest.mark.error_path("cors-other-origin")
@pytest.mark.parametrize("alter", ["https://evil.example", "null", "{}.evil.example", "{}9", "HTTPS", "upper"])
def test_another_origin_is_never_reflected(rig: Rig, expect: Expect, alter: str) -> None:
    """Any other origin (foreign, null, a lookalike, another scheme) gets no CORS headers."""
    allowed = rig.allowed_origin
    variants = {"HTTPS": allowed.replace("http://", "https://"), "upper": allowed.upper()}
    origin = variants.get(alter, alter.format(allowed))

    exchange = rig.get("/items", headers={"Origin": origin})

    expect.served(exchange)
    kept = origin not in exchange.headers.get_all("access-control-allow-origin")
    expect.rule("an answer that this page cannot read", FETCH, holds=kept)
    expect.header(exchange, "access-control-allow-origin", None)
    expect.header(exchange, "access-control-allow-credentials", None)


LIKE = "https://app.example.com"


@pytest.mark.error_path("cors-other-origin")
def test_a_lookalike_of_a_host_with_dots_is_another_origin(rig: Rig, expect: Expect) -> None:
    """A configured host's dots are no wildcards, and its prefix, suffix, scheme and port are not enough."""
    rig = rig.variant(allowed_origins=LIKE)
    lookalikes = [
        "https://appXexample.com", f"{LIKE}.evil.example", f"https://evil.example/?{LIKE}", "http://app.example.com",
        f"{LIKE}:8443", "https://sub.app.example.com", "https://APP.example.com", f"{LIKE}, {LIKE}", "null",
    ]  # fmt: skip

    answers = {origin: rig.get("/items", headers={"Origin": origin}) for origin in [LIKE, *lookalikes]}

    expect.header(answers.pop(LIKE), "access-control-allow-origin", LIKE)
    for origin, exchange in answers.items():
        expect.equal(f"allowed for {origin}", [], exchange.headers.get_all("access-control-allow-origin"))
        expect.equal("credentials", [], exchange.headers.get_all("access-control-allow-credentials"))


LONG = 20_000  # bytes of a target that one segment of loopback takes: its Origin is there when it is refused


def _fields(expect: Expect, exchange: RawExchange) -> Headers:
    """The fields of the answer to what a proxy may refuse at its door, or else serve or redirect."""
    reply = exchange.reply
    if reply is None or not reply.complete or reply.status >= 400:
        expect.answered(exchange, (400, 403, 404, 405, 414, 431, 501))
    return reply.headers if reply else Headers()


@pytest.mark.error_path("cors-on-error")
@pytest.mark.parametrize("refused", ["GET /../secret", "TRACE /items", "GET /" + "x" * LONG])
def test_a_refusal_at_the_door_can_be_read_by_the_page_that_asked(rig: Rig, expect: Expect, refused: str) -> None:
    """What the proxy itself refuses, before anything goes upstream, carries the CORS headers too."""
    method, _, path = refused.partition(" ")
    if len(path) > LONG and rig.most("target") >= LONG:
        raise NotPromised(f"limits.target.most of the target's contract is not below {LONG}")

    exchange = rig.tell(rig.head(method, path, f"Origin: {rig.allowed_origin}"))

    fields = _fields(expect, exchange)
    expect.equal("allowed origins", [rig.allowed_origin], fields.get_all("access-control-allow-origin"))
    credentials = [rig.allow_credentials] if rig.allow_credentials else []
    expect.equal("credentials", credentials, fields.get_all("access-control-allow-credentials"))


@pytest.mark.error_path("cors-on-error")
def test_the_refusal_of_a_body_can_be_read_by_the_page_that_sent_it(rig: Rig, expect: Expect) -> None:
    """A body that turns out to be no HTTP when its request is on its way is refused with the CORS headers, too."""
    head = rig.head("POST", "/items", f"Origin: {rig.allowed_origin}", "Transfer-Encoding: chunked")

    exchange = rig.provoke(head + b"2\r\nhi\r\n", b"no size\r\n\r\n", closed=True)

    expect.answered(exchange, (400, 502))
    fields = exchange.reply.headers if exchange.reply else Headers()
    expect.equal("allowed origins", [rig.allowed_origin], fields.get_all("access-control-allow-origin"))


@pytest.mark.error_path("cors-on-error")
def test_an_error_can_be_read_by_the_page_that_asked(rig: Rig, expect: Expect) -> None:
    """An error carries the CORS headers too, so that the page can read what went wrong."""
    with rig.broken(Route(reset())):
        exchange = rig.post("/items", content=b"{}", headers={"Origin": rig.allowed_origin})

    expect.error(exchange, "failed")
    readable = exchange.headers.get("access-control-allow-origin") == rig.allowed_origin
    expect.rule("an error that the page can read", FETCH, holds=readable)
    expect.header(exchange, "access-control-allow-origin", rig.allowed_origin)
    expect.header(exchange, "access-control-allow-credentials", rig.allow_credentials)
    expect.has_token(exchange, "vary", "Origin")


@pytest.mark.error_path("cors-on-error")
def test_an_error_cannot_be_read_by_another_page(rig: Rig, expect: Expect) -> None:
    """An error for a page of another origin carries no CORS headers, whoever refused, and varies by origin."""
    refused = rig.tell(rig.head("TRACE", "/items", f"Origin: {FOREIGN}"))
    with rig.broken(Route(reset())):
        exchange = rig.post("/items", content=b"{}", headers={"Origin": FOREIGN})

    fields = _fields(expect, refused)
    expect.equal("allowed origins at the door", [], fields.get_all("access-control-allow-origin"))
    expect.error(exchange, "failed")
    kept = FOREIGN not in exchange.headers.get_all("access-control-allow-origin")
    expect.rule("an error that this page cannot read", FETCH, holds=kept)
    expect.header(exchange, "access-control-allow-origin", None)
    expect.header(exchange, "access-control-allow-credentials", None)
    expect.has_token(exchange, "vary", "Origin")


@pytest.mark.error_path("cors-vary")
@pytest.mark.parametrize("claimed", [["*"], ["https://evil.example"], ["*", "https://evil.example"]], ids=len)
def test_only_the_proxy_says_who_may_read(rig: Rig, expect: Expect, claimed: list[str]) -> None:
    """Answers vary by origin, and CORS headers of the backend add no second or foreign one."""
    origins = tuple(("Access-Control-Allow-Origin", origin) for origin in claimed)
    upstream = ok(headers=(*origins, ("Access-Control-Allow-Credentials", "true")))

    with rig.broken(Route(upstream)):
        ours = rig.get("/items", headers={"Origin": rig.allowed_origin})
        foreign = rig.get("/items", headers={"Origin": FOREIGN})

    expect.equal("allowed origins", [rig.allowed_origin], ours.headers.get_all("access-control-allow-origin"))
    expect.header(ours, "access-control-allow-credentials", rig.allow_credentials)
    expect.has_token(ours, "vary", "Origin")
    expect.equal("allowed origins", [], foreign.headers.get_all("access-control-allow-origin"))
    expect.header(foreign, "access-control-allow-credentials", None)
    expect.has_token(foreign, "vary", "Origin")


@pytest.mark.error_path("cors-vary")
def test_an_answer_to_no_origin_varies_by_it_too(rig: Rig, expect: Expect) -> None:
    """An answer to a request without Origin says that it varies: a cache would give it to a page that sends one."""
    exchange = rig.get("/items")

    expect.served(exchange)
    expect.header(exchange, "access-control-allow-origin", None)
    expect.has_token(exchange, "vary", "Origin")


@pytest.mark.error_path("cors-preflight-bounds")
@pytest.mark.parametrize("origin", ["", FOREIGN], ids=["ours", "another"])
def test_a_preflight_grants_no_more_than_is_offered(rig: Rig, expect: Expect, origin: str) -> None:
    """A preflight does not grant TRACE or a private network, nor anything to another origin; none goes upstream."""
    asked = {
        "Origin": origin or rig.allowed_origin,
        "Access-Control-Request-Method": "TRACE",
        "Access-Control-Request-Private-Network": "true",
    }

    exchange = rig.request("OPTIONS", "/items", headers=asked)

    expect.one_of("status", (200, 204, 400, 403), exchange.status)
    granted = ", ".join(exchange.headers.get_all("access-control-allow-methods"))
    expect.that("TRACE" not in granted and "*" not in granted, "TRACE not granted", f"methods {granted!r}")
    expect.header(exchange, "access-control-allow-private-network", None)
    if origin:
        expect.header(exchange, "access-control-allow-origin", None)
    expect.equal("tries upstream", 0, len(rig.origin_tries(exchange)))


@pytest.mark.error_path("cors-preflight-bounds")
@pytest.mark.parametrize("origin", [FOREIGN, "null"])
def test_a_preflight_allows_another_page_nothing(rig: Rig, expect: Expect, origin: str) -> None:
    """A preflight from another origin for a method that ours may use, PUT, is allowed nothing; none goes upstream."""
    asked = {
        "Origin": origin,
        "Access-Control-Request-Method": "PUT",
        "Access-Control-Request-Headers": "content-type",
    }

    exchange = rig.request("OPTIONS", "/items", headers=asked)

    expect.one_of("status", (200, 204, 400, 403), exchange.status)
    kept = not {origin, "*"} & set(exchange.headers.get_all("access-control-allow-origin"))
    expect.rule("a preflight that allows this page nothing", FETCH, holds=kept)
    expect.header(exchange, "access-control-allow-origin", None)
    expect.header(exchange, "access-control-allow-credentials", None)
    expect.equal("tries upstream", 0, len(rig.origin_tries(exchange)))


@pytest.mark.error_path("cors-preflight-bounds")
def test_options_that_is_no_preflight_is_forwarded(rig: Rig, expect: Expect) -> None:
    """OPTIONS without Access-Control-Request-Method is a request as any other, also from a page."""
    exchange = rig.request("OPTIONS", "/items", headers={"Origin": rig.allowed_origin})

    expect.served(exchange)
    expect.equal("method upstream", "OPTIONS", rig.only_try(exchange).method)
    expect.header(exchange, "access-control-allow-origin", rig.allowed_origin)
