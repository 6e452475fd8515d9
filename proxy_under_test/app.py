"""The application: FastAPI with the door in front, made of parts that can be replaced one by one."""

from __future__ import annotations

import secrets
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI, HTTPException, Request, Response
from starlette.exceptions import HTTPException as StarletteHTTPException

from proxy_under_test.causes import Cause, Refusal
from proxy_under_test.cors import Cors
from proxy_under_test.deadlines import Deadlines
from proxy_under_test.door import Door
from proxy_under_test.errors import ErrorWriter
from proxy_under_test.forward import Forwarder, Parts, Timing
from proxy_under_test.frontdoor import Limits
from proxy_under_test.headers import Identity
from proxy_under_test.health import HealthGate
from proxy_under_test.logs import JsonLogger
from proxy_under_test.metrics import Metrics
from proxy_under_test.policy import Rules
from proxy_under_test.record import Journal
from proxy_under_test.settings import Settings
from proxy_under_test.sink import ErrorSink
from proxy_under_test.transport import Transport
from proxy_under_test.transport.upstream import Bounds, Upstream, locate

NAME = "errorpath-proxy"
HEALTH_TARGET = b"/api/health"


class ProxyApp(FastAPI):
    """FastAPI for our own routes; the door in front of it sends proxied requests straight to the forwarder."""

    def __init__(self, forwarder: Forwarder, limits: Limits, **options: Any) -> None:
        super().__init__(openapi_url=None, docs_url=None, redoc_url=None, redirect_slashes=False, **options)
        self.door = Door(super().__call__, forwarder, limits)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Pass the door first."""
        await self.door(scope, receive, send)


def make_transport(settings: Settings, upstream: Upstream) -> Transport:
    """The transport the settings name; only that one is imported."""
    bounds = Bounds(
        connect_timeout_s=settings.seconds("connect_timeout"),
        head_limit=settings.upstream_header_limit,
        connections=settings.upstream_connections,
        idle_connections=settings.upstream_idle_connections,
        idle_timeout_s=settings.seconds("upstream_idle_timeout"),
    )
    if settings.upstream_transport == "httpx2":
        from proxy_under_test.transport.with_httpx2 import Httpx2Transport

        return Httpx2Transport(upstream, bounds)
    from proxy_under_test.transport.pool import Pool

    return Pool(upstream, bounds)


def make_parts(settings: Settings, log: JsonLogger, metrics: Metrics) -> Parts:
    """The parts of the forwarder, from the settings.  Needs a running event loop."""
    upstream = locate(settings.next_public_api_url)
    transport = make_transport(settings, upstream)
    # The instance is part of the name: two proxies in a row are no loop, one that meets itself is.
    identity = Identity(upstream.authority, f"{NAME}-{secrets.token_hex(4)}".encode("ascii"))
    gate = HealthGate(
        transport,
        upstream.prefix + HEALTH_TARGET,
        [(b"host", upstream.authority), (b"accept", b"application/json"), (b"via", b"1.1 " + identity.via)],
        ttl_s=settings.seconds("health_check_ttl"),
        timeout_s=settings.seconds("health_check_timeout"),
        log=log,
        metrics=metrics,
        clock=time.monotonic,
    )
    _watch(metrics, gate, transport)
    return Parts(
        transport=transport,
        gate=gate,
        rules=Rules(
            settings.max_retries, settings.seconds("retry_delay"), settings.retry_unsent_writes, settings.retry_jitter
        ),
        timing=Timing(
            Deadlines(settings.seconds("request_timeout")), settings.body_buffer_limit, settings.body_limit
        ),
        identity=identity,
        cors=Cors(settings.origins),
        writer=ErrorWriter(
            settings.next_public_api_url, settings.production, settings.seconds("health_check_ttl"), NAME
        ),
        journal=Journal(log, metrics, make_sink(settings, log, metrics)),
        prefix=upstream.prefix,
        upstream_url=f"{'https' if upstream.tls else 'http'}://{upstream.authority.decode('ascii')}",
    )


def _watch(metrics: Metrics, gate: HealthGate, transport: Transport) -> None:
    metrics.health = lambda: gate.health.known
    metrics.gauges["proxy_upstream_connections_open"] = (
        "Connections to the upstream.",
        lambda: transport.open_connections,
    )
    metrics.gauges["proxy_upstream_connections_idle"] = (
        "Connections that wait for a request.",
        lambda: transport.idle_connections,
    )


def make_sink(settings: Settings, log: JsonLogger, metrics: Metrics) -> ErrorSink | None:
    """The error sink, where one is set."""
    if settings.error_webhook_url is None:
        return None
    from proxy_under_test.transport.pool import Pool

    timeout_s = settings.seconds("connect_timeout")
    transport = Pool(locate(settings.error_webhook_url), Bounds(connect_timeout_s=timeout_s, idle_connections=1))
    return ErrorSink(settings.error_webhook_url, transport, timeout_s=timeout_s, log=log, metrics=metrics)


def make_limits(settings: Settings) -> Limits:
    """The front door's limits."""
    return Limits(settings.target_limit, settings.header_limit, settings.header_count_limit, settings.body_limit)


def make_app(parts: Parts, limits: Limits, metrics: Metrics) -> ProxyApp:
    """The application.  It closes its parts when the server ends its lifespan."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        await parts.gate.aclose()
        await parts.transport.aclose()
        if parts.journal.sink is not None:
            await parts.journal.sink.aclose()

    app = ProxyApp(Forwarder(parts), limits, lifespan=lifespan)

    @app.api_route("/livez", methods=["GET", "HEAD"])
    async def livez() -> dict[str, str]:
        """Whether this process serves; says nothing of the backend."""
        return {"status": "ok"}

    @app.api_route("/metrics", methods=["GET", "HEAD"])
    async def exposition() -> Response:
        """Prometheus metrics."""
        text, content_type = metrics.exposition()
        return Response(text, headers={"content-type": content_type})

    @app.exception_handler(StarletteHTTPException)
    async def refused(request: Request, exc: HTTPException) -> None:
        cause = Cause.METHOD_NOT_ALLOWED if exc.status_code == 405 else Cause.NOT_FOUND
        allow = (exc.headers or {}).get("Allow", "").encode("ascii")
        await app.door.refuse(dict(request.scope), request._send, Refusal(cause), allow=allow)

    return app
