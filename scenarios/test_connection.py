"""Testing the Connection: what the guide tells its reader to try."""

from __future__ import annotations

import datetime
from functools import partial

import pytest

from harness.rig import Rig
from harness.system import System
from harness.verdicts.expect import Expect


@pytest.mark.error_path("health-same-body")
@pytest.mark.own_postgres  # its API waits in our seconds: on a busy machine, too, nothing is told as degraded
def test_health_is_the_same_direct_and_through_the_proxy(system: System, expect: Expect) -> None:
    """Health has the documented body, asked directly and through the proxy."""
    direct = system.backend_get("/api/health")
    through = system.get("/health")

    for exchange in (direct, through):
        expect.served(exchange)
        expect.equal("fields", ["status", "timestamp"], sorted(exchange.json()))
        expect.equal("status", "ok", exchange.json()["status"])
        stamp = datetime.datetime.fromisoformat(exchange.json()["timestamp"])
        expect.that(stamp.tzinfo is not None, "a timestamp with its zone", exchange.json()["timestamp"])


@pytest.mark.error_path("api-docs")
def test_the_api_has_a_documentation_page(system: System, expect: Expect) -> None:
    """/api-docs of the backend is a page that documents the API."""
    exchange = system.backend_get("/api-docs")

    expect.served(exchange)
    expect.contains("content type", exchange.headers.get("content-type"), "text/html")
    expect.contains("page", exchange.text.lower(), "openapi")


@pytest.mark.error_path("startup-banner")
def test_the_proxy_says_where_it_listens_and_where_it_forwards(rig: Rig, expect: Expect) -> None:
    """The proxy's start-up banner names its own address and the backend's."""
    upstream = rig.external
    rig = rig.variant(upstream=upstream.url)  # which nobody asks for anything: a log of requests names it, too

    for part in (str(rig.target.port), upstream.address):
        expect.eventually(f"{part} in the banner", partial(_says, rig, part))


def _says(rig: Rig, part: str) -> bool:
    return part in rig.target.output()


@pytest.mark.error_path("startup-banner")
def test_the_backend_says_where_it_listens_and_where_its_docs_are(system: System, expect: Expect) -> None:
    """The backend's start-up banner names its own address and the documentation's."""
    banner = system.backend.owned.output()

    expect.contains("banner", banner, f"Server is running on http://localhost:{system.backend.port}")
    expect.contains("banner", banner, f"http://localhost:{system.backend.port}/api-docs")
