"""What a proxy must not break while it retries, gates and times out."""

from __future__ import annotations

import gzip
import hashlib
import itertools
from collections.abc import Iterable

import pytest

from harness.faults.origin import Route
from harness.rig import Rig
from harness.traffic.pattern import pattern_sha256
from harness.traffic.replies import big, ok, stream
from harness.verdicts.aftermath import NEXT
from harness.verdicts.expect import Expect
from scenarios.forwarded import forwarded_for

MIB = 1 << 20
LARGE = 100 * MIB
HOP_BY_HOP = {
    "Connection": "x-named, keep-alive",
    "Keep-Alive": "timeout=5",
    "Proxy-Connection": "keep-alive",
    "TE": "trailers",
    "Upgrade": "h2c",
    "Proxy-Authorization": "Basic c2VjcmV0",
}


def members(values: Iterable[str]) -> list[str]:
    """The members of a list field: its lines may be joined on the way, in order (RFC 9110 section 5.3)."""
    return [member.strip() for value in values for member in value.split(",")]


@pytest.mark.error_path("forward-query")
@pytest.mark.parametrize("query", ["a=1&a=2&b=", "q=%C3%A9%20+%2B&r=%2F%3F", "b&a&b", "x=[1]&y=a;b", "u=~-._!$'()*,"])
def test_the_query_arrives_as_it_was_sent(rig: Rig, expect: Expect, query: str) -> None:
    """A query string reaches the upstream byte for byte, in order, with its escapes."""
    exchange = rig.get(f"/items?{query}")

    expect.served(exchange)
    expect.equal("target", f"{rig.upstream_base}/items?{query}", rig.only_try(exchange).target)


@pytest.mark.error_path("forward-path")
@pytest.mark.parametrize(
    "path", ["/a%2Fb", "/a%20b", "/caf%C3%A9", "/a:b@c", "/a/;v=1/b", "/%7Euser", "/a//b", "/a/"]
)
def test_the_path_arrives_as_it_was_sent(rig: Rig, expect: Expect, path: str) -> None:
    """An escaped slash, a space or UTF-8 in the path reaches the upstream as it was sent."""
    exchange = rig.get(path)

    expect.served(exchange)
    expect.equal("target", f"{rig.upstream_base}{path}", rig.only_try(exchange).target)


@pytest.mark.error_path("forward-methods")
@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
def test_every_method_passes(rig: Rig, expect: Expect, method: str) -> None:
    """Every method reaches the upstream as it is, and its answer comes back."""
    allowed = rig.request(method, "/items")
    expect.served(allowed)  # what is not even passed on meets no answer of ours

    with rig.broken(Route(ok(headers=(("X-Answer", method),)))):
        exchange = rig.request(method, "/items")

    expect.served(exchange)
    expect.equal("method", method, rig.only_try(exchange).method)
    expect.header(exchange, "x-answer", method)


@pytest.mark.error_path("forward-binary-body")
@pytest.mark.parametrize("size", [0, 1, 256, 64 * 1024, 3 * MIB])
def test_bytes_pass_both_ways_untouched(rig: Rig, expect: Expect, size: int) -> None:
    """Every byte value passes both ways, in bodies of any size."""
    body = (bytes(range(256)) * (size // 256 + 1))[:size]

    with rig.broken(Route(ok(body, headers=(("Content-Type", "application/octet-stream"),)))):
        exchange = rig.request("PUT", "/items/1", content=body)

    expect.served(exchange)
    expect.equal("SHA-256 upstream", hashlib.sha256(body).hexdigest(), rig.only_try(exchange).body_sha256)
    expect.equal("SHA-256 downstream", hashlib.sha256(body).hexdigest(), exchange.body_sha256)


@pytest.mark.error_path("forward-large-body")
def test_a_large_download_is_streamed(rig: Rig, expect: Expect) -> None:
    """100 MiB pass down without being held: the proxy's resident memory grows by less than the contract's bound."""
    rig = rig.variant(request_timeout=rig.clock.target(rig.deadline_s))  # bytes move at the wall's pace

    with rig.broken(Route(big(LARGE))), rig.memory() as memory:
        exchange = rig.download("/items")

    expect.served(exchange)
    expect.equal("bytes", LARGE, exchange.body_length)
    expect.equal("SHA-256", pattern_sha256(LARGE), exchange.body_sha256)
    expect.growth(memory)


@pytest.mark.error_path("forward-large-body")
def test_a_large_upload_is_streamed(rig: Rig, expect: Expect) -> None:
    """100 MiB pass up without being held."""
    rig = rig.variant(request_timeout=rig.clock.target(rig.deadline_s))
    rig.prove_healthy()
    rig.forget()

    with rig.memory() as memory:
        exchange = rig.upload("/items/1", LARGE)

    expect.served(exchange)
    expect.equal("bytes", LARGE, rig.only_try(exchange).body_length)
    expect.equal("SHA-256", pattern_sha256(LARGE), rig.only_try(exchange).body_sha256)
    expect.growth(memory)


@pytest.mark.error_path("forward-events")
def test_events_are_not_held_back(rig: Rig, expect: Expect) -> None:
    """Every server-sent event reaches the client before the upstream has sent the next."""
    events = [b"data: %d\n\n" % number for number in range(4)]
    every_s = 0.3  # wall seconds, more than this machine may hold us up; the proxy's clock plays no part in it

    with rig.broken(Route(stream(events, every_s))):
        exchange = rig.get("/events")

    expect.served(exchange)
    expect.equal("events", b"".join(events), exchange.body)
    come = list(itertools.accumulate(size for _, size in exchange.pieces))
    for number, size in enumerate(itertools.accumulate(map(len, events))):
        arrived = next(at for (at, _), so_far in zip(exchange.pieces, come, strict=True) if so_far >= size)
        due_s = rig.clock.target(number * every_s)
        took_s = arrived - exchange.started
        expect.lasted(f"event {number}, before the next is sent, after", took_s, 0, due_s, since=exchange.started)


@pytest.mark.error_path("forward-set-cookie")
def test_every_cookie_is_set(rig: Rig, expect: Expect) -> None:
    """Several Set-Cookie fields pass one by one and in order; they cannot be joined (RFC 6265 section 3)."""
    cookies = ["a=1; Path=/; HttpOnly", "b=2; Expires=Wed, 09 Jun 2027 10:18:14 GMT", "a=3; Path=/x"]

    with rig.broken(Route(ok(headers=tuple(("Set-Cookie", cookie) for cookie in cookies)))):
        exchange = rig.get("/items")

    expect.served(exchange)
    expect.equal("Set-Cookie", cookies, exchange.headers.get_all("set-cookie"))


@pytest.mark.error_path("forward-headers")
def test_headers_pass_both_ways(rig: Rig, expect: Expect) -> None:
    """Repeated, empty and 8-bit field values pass both ways, in order, line by line or joined."""
    sent = [("X-Many", "1"), ("X-Many", "2"), ("X-Empty", ""), ("X-Latin", "caf\xe9"), ("Accept", "text/x, */*")]

    with rig.broken(Route(ok(headers=tuple(sent)))):
        exchange = rig.get("/items", headers=sent)

    expect.served(exchange)
    for name, values in {"X-Many": ["1", "2"], "X-Empty": [""], "X-Latin": ["caf\xe9"]}.items():
        expect.equal(f"{name} upstream", values, members(rig.fields_upstream(exchange, name)))
        expect.equal(f"{name} downstream", values, members(exchange.headers.get_all(name)))


@pytest.mark.error_path("forward-statuses")
@pytest.mark.parametrize("status", [201, 204, 301, 302, 304, 307, 404, 418, 429, 500, 503])
def test_a_status_passes_as_it_is(rig: Rig, expect: Expect, status: int) -> None:
    """A status passes as it is; a redirect is the client's to follow."""
    with rig.broken(Route(ok(b"" if status in (204, 304) else b"x", status, (("Location", "/elsewhere"),)))):
        exchange = rig.get("/items")

    expect.status(exchange, status)
    expect.header(exchange, "location", "/elsewhere")
    expect.tries(exchange, 1)


@pytest.mark.error_path("forward-gzip")
def test_a_compressed_body_is_left_alone(rig: Rig, expect: Expect) -> None:
    """A gzip body passes with its bytes and its Content-Encoding untouched, framed by its length or in chunks."""
    body = gzip.compress(b"compressed " * 1000, mtime=0)
    headers = (("Content-Encoding", "gzip"), ("Content-Type", "text/plain"), ("ETag", '"abc"'))

    with rig.broken(Route(ok(body, headers=headers))):
        exchange = rig.get("/items", headers={"Accept-Encoding": "gzip"})

    expect.served(exchange)
    expect.equal("body", body, exchange.body)
    expect.header(exchange, "content-encoding", "gzip")
    expect.one_of("content-length", ([], [str(len(body))]), exchange.headers.get_all("content-length"))
    expect.header(exchange, "etag", '"abc"')


@pytest.mark.error_path("forward-head")
def test_head_tells_the_length_and_sends_nothing(rig: Rig, expect: Expect) -> None:
    """HEAD is answered with the Content-Length of the GET and without a body (RFC 9110 section 9.3.2)."""
    whole = ok(b"x" * 1234)

    with rig.broken(Route(whole, NEXT)):
        expect.alone(rig, "HEAD", 200)
    with rig.broken(Route(whole)):
        exchange = rig.request("HEAD", "/items")

    expect.served(exchange)
    expect.header(exchange, "content-length", "1234")
    expect.equal("body", b"", exchange.body)


@pytest.mark.error_path("forward-hop-by-hop")
def test_hop_by_hop_headers_end_here(rig: Rig, expect: Expect) -> None:
    """Connection, Keep-Alive, Proxy-Connection, TE, Upgrade and their like are not passed on, either way."""
    hop = {name: value for name, value in HOP_BY_HOP.items() if name != "Connection"}

    with rig.broken(Route(ok(headers=tuple(hop.items())))):
        exchange = rig.get("/items", headers=HOP_BY_HOP | {"X-Named": "1"})

    expect.served(exchange)
    for name, value in hop.items():
        expect.equal(f"{name} upstream", [], [v for v in rig.fields_upstream(exchange, name) if v == value])
        if name != "Keep-Alive":  # the proxy may tell its own client how long it keeps the connection
            expect.equal(f"{name} downstream", [], exchange.headers.get_all(name))


@pytest.mark.error_path("forward-connection-named")
def test_headers_named_by_connection_end_here(rig: Rig, expect: Expect) -> None:
    """A field that Connection names belongs to one hop, either way."""
    headers = (("Connection", "X-Named, close"), ("X-Named", "hop"), ("X-Other", "end"))

    with rig.broken(Route(ok(headers=headers))):
        exchange = rig.get("/items", headers=[("Connection", "X-Named"), ("X-Named", "hop"), ("X-Other", "end")])

    expect.served(exchange)
    expect.equal("X-Named upstream", [], rig.fields_upstream(exchange, "X-Named"))
    expect.equal("X-Other upstream", ["end"], rig.fields_upstream(exchange, "X-Other"))
    expect.equal("X-Named downstream", [], exchange.headers.get_all("x-named"))
    expect.equal("X-Other downstream", ["end"], exchange.headers.get_all("x-other"))


@pytest.mark.error_path("forward-forwarded-for")
def test_the_client_is_named_after_those_before_it(rig: Rig, expect: Expect) -> None:
    """X-Forwarded-For and Forwarded name the client after what was there (RFC 7239 section 4)."""
    exchange = rig.get("/items", headers={"X-Forwarded-For": "192.0.2.1", "Forwarded": "for=192.0.2.1"})

    expect.served(exchange)
    named = ", ".join(rig.fields_upstream(exchange, "X-Forwarded-For"))
    expect.equal("X-Forwarded-For", "192.0.2.1, 127.0.0.1", named)
    forwarded = rig.fields_upstream(exchange, "Forwarded")
    expect.equal(f"in Forwarded {forwarded}: for", ["192.0.2.1", "127.0.0.1"], forwarded_for(forwarded))


@pytest.mark.error_path("forward-via")
def test_the_proxy_names_itself_in_via(rig: Rig, expect: Expect) -> None:
    """Via is appended to on the request; on the answer it is as it was, or appended to (RFC 9110 7.6.3)."""
    with rig.broken(Route(ok(headers=(("Via", "1.1 behind"),)))):
        exchange = rig.get("/items", headers={"Via": "1.0 before"})

    expect.served(exchange)
    upstream = ", ".join(rig.fields_upstream(exchange, "Via"))
    downstream = ", ".join(exchange.headers.get_all("via"))
    expect.that(upstream.startswith("1.0 before, 1.1 "), "Via upstream 1.0 before, 1.1 …", f"Via upstream {upstream}")
    held = downstream == "1.1 behind" or downstream.startswith("1.1 behind, 1.1 ")
    expect.that(held, "Via downstream 1.1 behind, or 1.1 behind, 1.1 …", f"Via downstream {downstream}")


@pytest.mark.error_path("forward-max-forwards")
@pytest.mark.parametrize("granted", [0, 1, 12])
def test_max_forwards_counts_the_hops_of_options(rig: Rig, expect: Expect, granted: int) -> None:
    """OPTIONS goes on with a forward less, or more of them less; with none left it is answered where it is."""
    exchange = rig.request("OPTIONS", "/items", headers={"Max-Forwards": str(granted)})

    if granted == 0:
        expect.tries(exchange, 0)
        expect.that(exchange.status in (200, 204), "answered by the proxy: 200 or 204", f"status {exchange.status}")
        return
    expect.served(exchange)
    left = ", ".join(rig.fields_upstream(exchange, "Max-Forwards"))
    known = left.isascii() and left.isdecimal() and int(left) < granted
    expect.that(known, f"Max-Forwards upstream {granted - 1} or less", f"Max-Forwards upstream {left!r}")
