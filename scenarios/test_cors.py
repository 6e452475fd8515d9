"""CORS support for credentials: configured origins only, on every answer, by the proxy itself."""

from __future__ import annotations

import pytest

from harness.faults.link import Refused
from harness.faults.origin import Route
from harness.rig import Rig
from harness.traffic.replies import ok, reset
from harness.verdicts.expect import Expect


@pytest.mark.error_path("cors-allowed")
def test_a_configured_origin_may_send_credentials(rig: Rig, expect: Expect) -> None:
    """A request from a configured origin is answered with that origin and credentials allowed."""
    origin = rig.allowed_origin

    exchange = rig.get("/items", headers={"Origin": origin})

    expect.served(exchange)
    expect.header(exchange, "access-control-allow-origin", origin)
    expect.header(exchange, "access-control-allow-credentials", "true")


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
    expect.header(exchange, "access-control-allow-credentials", "true")
    expect.has_token(exchange, "access-control-allow-methods", "PUT")
    expect.has_token(exchange, "access-control-allow-headers", "content-type")
    expect.equal("tries upstream", 0, len(rig.origin_tries(exchange)))


@pytest.mark.error_path("cors-other-origin")
@pytest.mark.parametrize("alter", ["https://evil.example", "null", "{}.evil.example", "{}9", "HTTPS", "upper"])
def test_another_origin_is_never_reflected(rig: Rig, expect: Expect, alter: str) -> None:
    """Any other origin (foreign, null, a lookalike, another scheme) gets no CORS headers."""
    allowed = rig.allowed_origin
    variants = {"HTTPS": allowed.replace("http://", "https://"), "upper": allowed.upper()}
    origin = variants.get(alter, alter.format(allowed))

    exchange = rig.get("/items", headers={"Origin": origin})

    expect.served(exchange)
    expect.header(exchange, "access-control-allow-origin", None)
    expect.header(exchange, "access-control-allow-credentials", None)


@pytest.mark.error_path("cors-on-error")
def test_an_error_can_be_read_by_the_page_that_asked(rig: Rig, expect: Expect) -> None:
    """An error carries the CORS headers too, so that the page can read what went wrong."""
    with rig.broken(Route(reset())):
        exchange = rig.post("/items", content=b"{}", headers={"Origin": rig.allowed_origin})

    expect.error(exchange, "failed")
    expect.header(exchange, "access-control-allow-origin", rig.allowed_origin)
    expect.header(exchange, "access-control-allow-credentials", "true")
    expect.has_token(exchange, "vary", "Origin")


@pytest.mark.error_path("cors-vary")
@pytest.mark.parametrize("claimed", ["*", "https://evil.example"])
def test_only_the_proxy_says_who_may_read(rig: Rig, expect: Expect, claimed: str) -> None:
    """Answers vary by origin, and CORS headers of the backend add no second or foreign one."""
    upstream = ok(headers=(("Access-Control-Allow-Origin", claimed), ("Access-Control-Allow-Credentials", "true")))

    with rig.broken(Route(upstream)):
        ours = rig.get("/items", headers={"Origin": rig.allowed_origin})
        foreign = rig.get("/items", headers={"Origin": "https://evil.example"})

    expect.equal("allowed origins", [rig.allowed_origin], ours.headers.get_all("access-control-allow-origin"))
    expect.has_token(ours, "vary", "Origin")
    expect.equal("allowed origins", [], foreign.headers.get_all("access-control-allow-origin"))
    expect.has_token(foreign, "vary", "Origin")
