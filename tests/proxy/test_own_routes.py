"""What the proxy answers by itself carries what every answer carries, and tells the truth."""

from __future__ import annotations

import pytest

from harness.traffic import raw
from harness.traffic.client import Client
from harness.traffic.origin import Origin
from tests.proxy.running import RunningProxy

ALLOWED = "http://localhost:3200"


@pytest.mark.parametrize("path", ["/livez", "/metrics", "/livez/"])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_an_own_answer_has_identity_cors_and_date(client: Client, method: str, path: str) -> None:
    """Once each; a path with one slash more is another, and nobody is sent to where the client's Host says."""
    exchange = client.request(method, path, headers={"X-Request-ID": "own-1"}, origin=ALLOWED)

    assert exchange.status == (404 if path.endswith("/") else 200)
    for name, value in (("x-request-id", "own-1"), ("access-control-allow-origin", ALLOWED)):
        assert exchange.headers.get_all(name) == [value]
    assert len(exchange.headers.get_all("date")) == 1
    assert "location" not in exchange.headers


def test_a_method_that_an_own_route_lacks_is_told_with_those_it_has(client: Client) -> None:
    """405 with the route's own Allow; that of a path which is forwarded names what is forwarded."""
    own = client.post("/livez", content=b"")

    assert (own.status, set((own.headers.get("allow") or "").split(", "))) == (405, {"GET", "HEAD"})


def test_a_preflight_is_recorded(proxy: RunningProxy, client: Client) -> None:
    """One line at its start, one at its end, and one count; its answer has a date."""
    asked = {"Access-Control-Request-Method": "PUT", "X-Request-ID": "preflight-1"}
    exchange = client.request("OPTIONS", "/api/proxy/x", headers=asked, origin=ALLOWED)

    end = proxy.ended("preflight-1")
    assert [line["event"] for line in proxy.lines("preflight-1")] == ["request started", "request finished"]
    assert (exchange.status, end["status"], end["outcome"]) == (204, 204, "served")
    assert "date" in exchange.headers
    assert 'proxy_requests_total{method="OPTIONS",status="204"}' in client.get("/metrics").text


MAX_FORWARDS = {
    "one": (["1"], ["0"]),
    "many": (["12"], ["11"]),
    "leading zeros": (["0000000000012"], ["11"]),
    "more than are passed on": (["1000"], ["255"]),
    "more than a number holds": (["9" * 5000], ["255"]),
    "no number": (["-1"], ["-1"]),
    "other digits": (["²"], ["²"]),
    "two of them": (["3", "4"], ["3", "4"]),
    "none": ([], []),
}


def max_forwards(upstream: Origin) -> list[str]:
    """The values that the only request upstream had."""
    (attempt,) = upstream.attempts()
    return [value.decode("latin-1") for name, value in attempt.headers if name.lower() == b"max-forwards"]


@pytest.mark.parametrize(("given", "passed"), MAX_FORWARDS.values(), ids=MAX_FORWARDS)
def test_max_forwards_of_options_is_counted(
    proxy: RunningProxy, upstream: Origin, given: list[str], passed: list[str]
) -> None:
    """One less goes on (RFC 9110 section 7.6.2); what says nothing that can be counted is passed as it is."""
    fields = "".join(f"Max-Forwards: {value}\r\n" for value in given)
    asked = f"OPTIONS /api/proxy/x HTTP/1.1\r\nHost: p\r\n{fields}\r\n".encode("latin-1")

    exchange = raw.ask("127.0.0.1", proxy.port, asked, methods=("OPTIONS",))

    assert [reply.status for reply in exchange.replies()] == [200]
    assert passed == max_forwards(upstream)


@pytest.mark.parametrize("value", ["0", "0" * 12])
def test_an_options_without_forwards_left_is_answered_here(
    proxy: RunningProxy, upstream: Origin, client: Client, value: str
) -> None:
    """With what is forwarded, and as any other answer: its record, its identity, what its origin may see."""
    asked = {"Max-Forwards": value, "X-Request-ID": f"last-{value}"}

    exchange = client.request("OPTIONS", "/api/proxy/x", headers=asked, origin=ALLOWED)

    assert (exchange.status, exchange.body, upstream.attempts()) == (204, b"", [])
    assert "PATCH" in (exchange.headers.get("allow") or "").split(", ")
    assert exchange.headers.get("access-control-allow-origin") == ALLOWED
    assert proxy.ended(f"last-{value}")["status"] == 204


def test_max_forwards_of_another_method_is_not_looked_at(upstream: Origin, client: Client) -> None:
    """It binds OPTIONS and TRACE alone, and TRACE is refused."""
    assert client.get("/api/proxy/x", headers={"Max-Forwards": "0"}).status == 200
    assert max_forwards(upstream) == ["0"]


def test_what_is_refused_for_what_it_asks_goes_on(proxy: RunningProxy) -> None:
    """A path that is refused, or unknown, was understood: the next request on its connection is served."""
    paths = (b"/api/proxy/../x", b"/nothing", b"/api/proxy/x")
    requests = b"".join(b"GET %b HTTP/1.1\r\nHost: p\r\n\r\n" % path for path in paths)

    exchange = raw.ask("127.0.0.1", proxy.port, requests, methods=("GET",) * 3)

    assert [reply.status for reply in exchange.replies()] == [400, 404, 200]
