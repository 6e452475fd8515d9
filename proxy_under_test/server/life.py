"""From settings and a bound port to a serving process, and back."""

from __future__ import annotations

import asyncio
import gc
import logging
import socket
import sys

from uvicorn import Config

from proxy_under_test.app import make_app, make_limits, make_parts
from proxy_under_test.lines import LineWriter
from proxy_under_test.logs import JsonLogger, make_log
from proxy_under_test.metrics import Metrics
from proxy_under_test.server.listen import BACKLOG
from proxy_under_test.server.protocol import configured
from proxy_under_test.server.run import ProxyServer
from proxy_under_test.settings import Settings

# Long-lived objects are frozen out of the collector; what a request leaves is freed by reference counts, so that
# collecting seldom costs little and spares the slowest percent of requests a pause.
GC_THRESHOLDS = (50_000, 20, 100)

# Free memory at the heap's end that glibc keeps, in bytes.  It would give back all above 128 KiB, so that a body of
# 64 KiB grew the heap again, page fault by page fault: a fifth of what such a response costs.
HEAP_KEPT = 8 << 20


def serve(settings: Settings, listener: socket.socket) -> None:
    """Serve on ``listener`` until a signal."""
    log, writer = make_log(settings.log_level)
    try:
        with asyncio.Runner(loop_factory=_loop_factory()) as runner:
            writer.loop = runner.get_loop()
            runner.run(_serve(settings, listener, log))
    finally:
        _say_goodbye(log, writer)


async def _serve(settings: Settings, listener: socket.socket, log: JsonLogger) -> None:
    metrics = Metrics()
    parts = make_parts(settings, log, metrics)
    limits = make_limits(settings)
    app = make_app(parts, limits, metrics)
    # What uvicorn would report is reported by the application, in its own words and once.
    logging.getLogger("uvicorn").disabled = logging.getLogger("uvicorn.error").disabled = True
    config = Config(
        app,
        http=configured(app.door, limits, settings.seconds("client_header_timeout")),
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        date_header=False,
        proxy_headers=False,
        backlog=BACKLOG,
        timeout_keep_alive=settings.seconds("client_keep_alive"),  # type: ignore[arg-type]
        timeout_graceful_shutdown=settings.seconds("shutdown_grace"),  # type: ignore[arg-type]
    )

    def stop() -> None:
        parts.stopping = True

    server = ProxyServer(config, stop)
    metrics.gauges["proxy_client_connections_open"] = (
        "Connections of clients.",
        lambda: len(server.server_state.connections),
    )
    _banner(settings, listener, log)
    keep_heap()
    gc.freeze()
    gc.set_threshold(*GC_THRESHOLDS)
    gc.enable()
    await server.serve(sockets=[listener])


def keep_heap() -> None:
    """Have glibc keep ``HEAP_KEPT``: twice the largest block it has seen mapped and freed (mallopt(3)).

    And grow the heap by most of that at once, so that resident memory tells from the start what is kept, and later
    growth is what requests hold.  Elsewhere this allocates and frees some blocks.
    """
    bytes(HEAP_KEPT // 2)
    grown = [b"\1" * (HEAP_KEPT // 8) for _ in range(7)]  # written to, or no page of them would be resident
    del grown


def _banner(settings: Settings, listener: socket.socket, log: JsonLogger) -> None:
    host, port = listener.getsockname()[:2]
    shown = "localhost" if host in ("127.0.0.1", "::1", "0.0.0.0", "::") else host
    url = f"http://{shown}:{port}"
    sys.stderr.write(
        f"🚀 Proxy is running on {url}  ({url}/api/proxy/…)\n→  Backend API: {settings.next_public_api_url}\n"
    )
    sys.stderr.flush()
    log.info(
        "listening", url=url, host=host, port=port, upstream=settings.next_public_api_url, mode=settings.node_env
    )


def _loop_factory() -> type[asyncio.AbstractEventLoop] | None:
    try:
        import uvloop
    except ImportError:  # not on Windows
        return None
    return uvloop.Loop


def _say_goodbye(log: JsonLogger, writer: LineWriter) -> None:
    log.info("stopped")
    writer.finish()
