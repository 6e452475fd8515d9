"""Whose fault a deadline is while a request's body is on its way: the client's that sends none, or the backend's."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from harness.traffic import raw, replies
from harness.traffic.client import Client
from harness.traffic.origin import Origin
from harness.traffic.steps import Behaviour, Silence
from tests.proxy.running import RunningProxy

LARGE = 32 << 20  # bytes; more than all buffers on the way hold


@pytest.fixture(scope="module")
def sink() -> Iterator[Origin]:
    with Origin.start() as origin:
        yield origin


@pytest.fixture(scope="module", params=["httptools", "httpx2"])
def settings(request: pytest.FixtureRequest, sink: Origin) -> dict[str, object]:
    return {"UPSTREAM_TRANSPORT": request.param, "ERROR_WEBHOOK_URL": sink.url, "REQUEST_TIMEOUT": 600}


@pytest.mark.parametrize("sent", [b"", b"half"], ids=["nothing", "half"])
@pytest.mark.parametrize("framing", [b"Content-Length: 10\r\n\r\n", b"Transfer-Encoding: chunked\r\n\r\n"])
def test_a_body_that_does_not_come_is_the_clients_doing(
    proxy: RunningProxy, sink: Origin, framing: bytes, sent: bytes
) -> None:
    """408 at the deadline, told as a refusal: nothing of it is an upstream's failure, and nobody is alarmed."""
    part = b"%x\r\n%b\r\n" % (len(sent), sent) if sent and b"chunked" in framing else sent
    name = f"slow-{len(framing + sent)}"
    head = b"POST /api/proxy/x HTTP/1.1\r\nHost: p\r\nX-Request-ID: " + name.encode()

    exchange = raw.send("127.0.0.1", proxy.port, head + b"\r\n" + framing + part, within_s=8)

    assert exchange.reply is not None
    error = json.loads(exchange.reply.body)
    assert (exchange.reply.status, error["error"]) == (408, "Request Body Timeout")
    assert "error=http_request_error" in (exchange.reply.headers.get("proxy-status") or "")
    assert exchange.end == "fin"
    end = proxy.ended(name)
    assert (end["outcome"], end["level"]) == ("body-too-slow", "warning")
    assert [posted for posted in sink.attempts() if name.encode() in (posted.body or b"")] == []


def test_a_body_that_the_backend_does_not_take_is_the_backends_doing(proxy: RunningProxy, upstream: Origin) -> None:
    """The client would send on: 504."""
    upstream.script(route=[Behaviour("unread", (Silence(),))])
    head = b"PUT /api/proxy/x HTTP/1.1\r\nHost: p\r\nContent-Length: %d\r\n\r\n" % LARGE

    exchange = raw.send("127.0.0.1", proxy.port, head + b"x" * LARGE, within_s=8)

    assert exchange.reply is not None
    assert exchange.reply.status == 504


def test_a_whole_body_without_an_answer_is_the_backends_doing(
    proxy: RunningProxy, upstream: Origin, client: Client
) -> None:
    """The request is complete, and nothing comes back: 504."""
    upstream.script(route=[replies.silent()])

    assert client.post("/api/proxy/x", content=b"whole").status == 504
