"""Headers and targets: what a client or an upstream could use to mislead the other goes no further than the proxy."""

from __future__ import annotations

import pytest

from harness.faults.origin import Route
from harness.rig import Rig
from harness.traffic.replies import ok
from harness.verdicts.expect import Expect
from scenarios.forwarded import forwarded_for

ODD_TARGETS = [
    "/%7euser%2f",
    "/%zz",
    "/a%",
    "/caf\xe9",
    "/a?b?c",
    "/a?b=%zz&%",
    "/a?q=caf\xe9",
    "/a+b",
    "/a|b",
    "/a//",
]
CLIENT = "127.0.0.1"
SPOOFED = "203.0.113.9"


@pytest.mark.error_path("header-spoofed")
def test_a_client_cannot_say_who_it_is(rig: Rig, expect: Expect) -> None:
    """What a client claims of its address, scheme and host is replaced, or followed by what the proxy knows."""
    claims = {"X-Forwarded-For": SPOOFED, "X-Real-IP": SPOOFED, "Forwarded": f"for={SPOOFED};proto=https"}

    exchange = rig.get("/items", headers={**claims, "X-Forwarded-Proto": "https", "X-Forwarded-Host": "evil.example"})

    expect.served(exchange)
    for name in claims:
        told = ", ".join(rig.fields_upstream(exchange, name)).rpartition(",")[2]
        expect.that(not told or CLIENT in told, f"{CLIENT} or nothing last in {name}", f"{name} ends in {told!r}")
    for name, spoofed in {"X-Forwarded-Proto": "https", "X-Forwarded-Host": "evil.example"}.items():
        last = ", ".join(rig.fields_upstream(exchange, name)).rpartition(",")[2].strip()
        expect.that(last != spoofed, f"{name} not believed", f"{name} {last}")


@pytest.mark.error_path("header-spoofed")
def test_a_client_cannot_swallow_what_the_proxy_says(rig: Rig, expect: Expect) -> None:
    """A quotation mark that the client leaves open makes nothing that the proxy adds a part of what it claims."""
    exchange = rig.get("/items", headers={"Forwarded": f'for={SPOOFED};by="'})

    expect.one_of("status", (200, 400), exchange.status)
    told = rig.fields_upstream(exchange, "Forwarded") if exchange.status == 200 else []
    clients = forwarded_for(told)
    expect.that(not told or clients[-1:] == [CLIENT], f"{CLIENT} or nothing last in Forwarded", f"Forwarded {told}")


@pytest.mark.error_path("header-request-id")
@pytest.mark.parametrize("given", ["", "x" * 5000, "a b", "<script>", "a\x1b[31m", "caf\xe9"])
def test_a_request_id_is_a_sane_one(rig: Rig, expect: Expect, given: str) -> None:
    """A request id that is no identifier is refused, or replaced; the client and the upstream see the same."""
    name = rig.identity.request_id or ""
    rig.prove_healthy()
    rig.forget()

    exchange = rig.tell(rig.head("GET", "/items", f"{name}: {given}", key="named"))

    expect.answered(exchange, (200, 400))
    own = exchange.reply.headers.get(name) if exchange.reply else None
    if exchange.reply is not None and exchange.reply.status == 400:
        expect.equal("tries upstream", 0, len(rig.origin.attempts("named")))
        return
    expect.that(bool(own) and own != given, "another request id than that", repr(own))
    for attempt in rig.origin.attempts("named"):
        expect.equal("the id upstream", own, attempt.header(name))


@pytest.mark.error_path("header-connection-trick")
def test_connection_strips_nothing_the_proxy_answers_for(rig: Rig, expect: Expect) -> None:
    """A client that names X-Forwarded-For, Via and Host in Connection, in one field or two, does not strip them."""
    fields = [("Connection", "close, X-Forwarded-For"), ("Connection", "Via, Host"), ("X-Forwarded-For", SPOOFED)]

    exchange = rig.get("/items", headers=fields)

    expect.served(exchange)
    for name, part in {"X-Forwarded-For": CLIENT, "Via": "1.1", "Host": ":"}.items():
        expect.contains(f"{name} upstream", ", ".join(rig.fields_upstream(exchange, name)), part)
    expect.that("X-Forwarded-For" not in str(rig.fields_upstream(exchange, "Connection")), "no nomination", "one")


@pytest.mark.error_path("header-connection-trick")
def test_an_upstream_nominates_nothing_for_the_client(rig: Rig, expect: Expect) -> None:
    """What an upstream names in Connection is no business of the client's next hop, and the answer is whole."""
    named = (("Connection", "Set-Cookie, Content-Length, X-Frame-Options"), ("Set-Cookie", "a=1"), ("X-Other", "1"))

    with rig.broken(Route(ok(b"whole", headers=named))):
        exchange = rig.get("/items")

    expect.served(exchange)
    expect.equal("body", b"whole", exchange.body)
    expect.equal("X-Other downstream", ["1"], exchange.headers.get_all("x-other"))
    nominated = ", ".join(exchange.headers.get_all("connection")).lower()
    expect.that("set-cookie" not in nominated, "no nomination downstream", f"Connection {nominated!r}")


@pytest.mark.error_path("header-range")
def test_a_part_of_a_body_stays_a_part(rig: Rig, expect: Expect) -> None:
    """Range and If-Range reach the upstream; 206 comes back with its Content-Range, its validators and its bytes."""
    part = (("Content-Range", "bytes 4-7/10"), ("ETag", '"v1"'), ("Accept-Ranges", "bytes"))

    with rig.broken(Route(ok(b"4567", 206, part))):
        exchange = rig.get("/items", headers={"Range": "bytes=4-7", "If-Range": '"v1"'})

    expect.status(exchange, 206)
    expect.equal("body", b"4567", exchange.body)
    expect.one_of("content-length", ([], ["4"]), exchange.headers.get_all("content-length"))
    for name, value in part:
        expect.header(exchange, name, value)
    for name, value in {"Range": "bytes=4-7", "If-Range": '"v1"'}.items():
        expect.equal(f"{name} upstream", [value], rig.fields_upstream(exchange, name))


@pytest.mark.error_path("header-range")
def test_not_modified_stays_so(rig: Rig, expect: Expect) -> None:
    """If-None-Match reaches the upstream, and its 304 comes back with its validators and without a body."""
    with rig.broken(Route(ok(b"", 304, (("ETag", '"v1"'), ("Cache-Control", "max-age=60"))))):
        exchange = rig.get("/items", headers={"If-None-Match": '"v1"'})

    expect.status(exchange, 304)
    expect.equal("body", b"", exchange.body)
    expect.header(exchange, "etag", '"v1"')
    expect.header(exchange, "cache-control", "max-age=60")
    expect.equal("If-None-Match upstream", ['"v1"'], rig.fields_upstream(exchange, "If-None-Match"))


@pytest.mark.error_path("header-odd-target")
@pytest.mark.parametrize("path", ODD_TARGETS)
def test_an_odd_target_is_passed_as_it_is_or_refused(rig: Rig, expect: Expect, path: str) -> None:
    """Broken escapes, 8-bit bytes and other oddities in a target go upstream byte for byte, or not at all."""
    rig.prove_healthy()
    rig.forget()

    exchange = rig.tell(rig.head(path=path))

    expect.answered(exchange, (200, 400))
    served = exchange.reply is not None and exchange.reply.status == 200
    expected = [f"{rig.upstream_base}{path}"] if served else []
    expect.equal("targets upstream", expected, [attempt.target for attempt in rig.origin.attempts()])
