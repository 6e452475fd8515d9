"""What an operator sees: logs, metrics, the sink; and what production keeps to itself."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from harness.clock import poll_until
from harness.traffic import raw, replies
from harness.traffic.client import Client
from harness.traffic.origin import Origin
from tests.proxy.running import RunningProxy, running

SECRETS = {"Authorization": "Bearer s3cret", "Cookie": "sid=s3cret", "X-Api-Key": "s3cret"}


@pytest.fixture(scope="module")
def sink() -> Iterator[Origin]:
    with Origin.start() as origin:
        yield origin


@pytest.fixture(scope="module")
def settings(sink: Origin) -> dict[str, object]:
    return {"ERROR_WEBHOOK_URL": f"{sink.url}/errors?key=s3cret"}


def test_a_request_is_logged_at_its_start_and_end(proxy: RunningProxy, client: Client) -> None:
    """Method, path, target, status, duration, attempts, bytes; names of headers, no values."""
    path = "/api/proxy/x;sid=s3cret?token=s3cret&q=1"
    exchange = client.post(path, content=b"four", headers=SECRETS)

    request_id = exchange.headers.get("x-request-id") or ""
    end = proxy.ended(request_id)
    start = next(line for line in proxy.lines(request_id) if line["event"] == "request started")
    assert (start["method"], start["path"], start["query"]) == (
        "POST",
        "/api/proxy/x;sid=[redacted]",
        "token=[redacted]&q=1",
    )
    assert start["target"].endswith("/api/x;sid=[redacted]")
    assert {"authorization", "cookie", "x-api-key"} <= set(start["headers"])
    assert (end["status"], end["attempts"], end["bytes_in"], end["outcome"]) == (200, 1, 4, "served")
    assert end["bytes_out"] == exchange.body_length
    assert end["duration_ms"] > 0
    assert "s3cret" not in proxy.text()


def test_a_body_without_a_length_is_reported_as_such(proxy: RunningProxy, upstream: Origin, client: Client) -> None:
    """A close-delimited body that was cut off looks whole to everybody; the log says that it may not be."""
    upstream.script(route=[replies.close_delimited(b"perhaps all")])

    exchange = client.get("/api/proxy/x")

    request_id = exchange.headers.get("x-request-id") or ""
    proxy.ended(request_id)
    assert exchange.body == b"perhaps all"
    assert "unverifiable body" in [line["event"] for line in proxy.lines(request_id)]


def test_a_retry_is_logged_once_with_its_cause(proxy: RunningProxy, upstream: Origin, client: Client) -> None:
    """Number, wait and cause of each."""
    upstream.script(route=[replies.reset(), replies.empty_reply(), replies.ok()])

    exchange = client.get("/api/proxy/x")

    request_id = exchange.headers.get("x-request-id") or ""
    proxy.ended(request_id)
    retries = [line for line in proxy.lines(request_id) if line["event"] == "retry"]
    assert [(line["retry"], line["wait_ms"], line["cause"]) for line in retries] == [
        (1, 50, "reset"),
        (2, 100, "closed"),
    ]
    told = [try_["outcome"] for try_ in proxy.ended(request_id)["tries"]]
    assert told == ["reset", "closed", 200]


def test_a_request_cannot_forge_a_log_line(proxy: RunningProxy, client: Client) -> None:
    """Whatever bytes a target has, each line stays one JSON object."""
    target = b"/api/proxy/%0a{}\x1b[2J" + b"x" * 5_000
    raw.send("127.0.0.1", proxy.port, b"GET " + target + b" HTTP/1.1\r\nHost: p\r\n\r\n", within_s=0.3)
    request_id = client.get("/api/proxy/after").headers.get("x-request-id") or ""
    proxy.ended(request_id)

    lines = [line for line in proxy.text().splitlines() if line.startswith("{")]

    assert all(isinstance(json.loads(line), dict) and len(line) < 8_000 for line in lines)


def test_metrics_count_requests_retries_and_failures(proxy: RunningProxy, upstream: Origin, client: Client) -> None:
    """The families an alert on connection failures needs, with bounded labels."""
    upstream.script(route=[replies.reset()])
    client.get("/api/proxy/x")

    text = client.get("/metrics").text

    for family in (
        'proxy_requests_total{method="GET",status="502"}',
        'proxy_retries_total{cause="reset"}',
        'proxy_failures_total{cause="reset"}',
        'proxy_backend_health{state="up"} 1.0',
        "proxy_request_duration_seconds_bucket",
        'proxy_upstream_tries_bucket{le="4.0"}',
        "proxy_upstream_connections_idle",
        "proxy_asyncio_tasks",
    ):
        assert family in text


def test_an_error_reaches_the_sink(proxy: RunningProxy, upstream: Origin, client: Client, sink: Origin) -> None:
    """Proxy errors also go to the external service, one by one."""
    upstream.script(route=[replies.garbage()])
    exchange = client.get("/api/proxy/x")
    request_id = exchange.headers.get("x-request-id")

    def delivered() -> list[dict[str, object]]:
        errors = [json.loads(attempt.body or b"{}") for attempt in sink.attempts()]
        return [error for error in errors if error.get("request_id") == request_id]

    error = poll_until(delivered, within_s=5, what="the error at the sink")
    assert [(one["level"], str(one["timestamp"])[-1]) for one in error] == [("error", "Z")]


def test_a_sink_that_is_down_harms_no_request(
    proxy: RunningProxy, upstream: Origin, client: Client, sink: Origin
) -> None:
    """Its failure is logged and counted, and the client's answer is the same."""
    upstream.script(route=[replies.garbage()])
    with sink.refusing():
        exchange = client.get("/api/proxy/x")
        poll_until(lambda: "error sink failed" in proxy.text(), within_s=5, what="the sink's failure in the log")

    assert (exchange.status, exchange.took_s < 0.5) == (502, True)


@pytest.fixture(scope="module")
def production(upstream: Origin) -> Iterator[RunningProxy]:
    with running(upstream.url, NODE_ENV="production") as proxy:
        yield proxy


@pytest.mark.parametrize("mode", ["development", "production"])
def test_development_tells_more_than_production(
    proxy: RunningProxy, production: RunningProxy, upstream: Origin, mode: str
) -> None:
    """Stack, address and suggestion are for development; the class of the error is for both."""
    upstream.script(route=[replies.reset()])
    with Client((production if mode == "production" else proxy).url, within_s=10) as client:
        exchange = client.post("/api/proxy/x", content=b"1")

    error = exchange.json()
    told = {"stack", "apiUrl", "suggestion"} & error["details"].keys()
    assert (exchange.status, error["error"], error["details"]["errorCode"]) == (
        502,
        "Proxy Request Failed",
        "ECONNRESET",
    )
    assert told == (set() if mode == "production" else {"stack", "apiUrl", "suggestion"})
    shown = exchange.text + str(exchange.headers.items)
    assert (str(upstream.port) in shown) == (mode == "development")
