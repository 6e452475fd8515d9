"""One origin and one proxy for each test module, good again before each test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from harness.clock import poll_until
from harness.traffic.client import Client
from harness.traffic.origin import Origin
from tests.proxy.running import RunningProxy, running


@pytest.fixture(scope="module")
def upstream() -> Iterator[Origin]:
    """The origin of this module."""
    with Origin.start() as origin:
        yield origin


@pytest.fixture(scope="module")
def settings() -> dict[str, object]:
    """Settings of this module's proxy; a module may say others."""
    return {}


@pytest.fixture(scope="module")
def standing(upstream: Origin, settings: dict[str, object]) -> Iterator[RunningProxy]:
    """The proxy of this module."""
    with running(upstream.url, **settings) as proxy:
        yield proxy


@pytest.fixture
def proxy(standing: RunningProxy, upstream: Origin, client: Client) -> RunningProxy:
    """The proxy, proved healthy, in front of an origin that has forgotten what was before."""
    upstream.reset()
    poll_until(lambda: client.get("/api/proxy/ready").status == 200, within_s=10, what="the proxy to serve again")
    upstream.forget()
    return standing


@pytest.fixture(scope="module")
def client(standing: RunningProxy) -> Iterator[Client]:
    """A client of the proxy."""
    with Client(standing.url, within_s=10) as client:
        yield client
