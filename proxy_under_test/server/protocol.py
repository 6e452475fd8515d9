"""uvicorn's httptools protocol, with what it lacks for a proxy.

What is added: the request target's exact bytes, limits on a head while it arrives and on the time it takes, errors
in the application's envelope instead of plain text, and the cancelling of a request's task as soon as its client is
gone.
"""

from __future__ import annotations

import asyncio
from typing import Any, ClassVar, cast
from urllib.parse import unquote

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from proxy_under_test.causes import Cause, Refusal
from proxy_under_test.door import HEAD_BYTES, TARGET, Door
from proxy_under_test.frontdoor import Limits
from proxy_under_test.server.cycle import App, Cycle

# Line ends, method and version come on top of what the limits count.
HEAD_ALLOWANCE = 1_024


class ClientProtocol(HttpToolsProtocol):
    """A client's connection.  The class variables are set by ``configured``."""

    door: ClassVar[Door]
    limits: ClassVar[Limits]
    header_timeout_s: ClassVar[float]

    _head_bytes = 0
    _in_head = True
    _head_timer: asyncio.TimerHandle | None = None
    _running: Cycle | None = None
    _idle_since: float | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """A client connected."""
        super().connection_made(transport)
        self._start_head_timer()

    def data_received(self, data: bytes) -> None:
        """Bytes of requests came."""
        if self._in_head:
            self._head_bytes += len(data)
        super().data_received(data)
        if self._in_head and not self.transport.is_closing():
            self._judge_partial_head()

    def on_message_begin(self) -> None:
        """A request begins."""
        super().on_message_begin()
        self._in_head = True

    def on_headers_complete(self) -> None:
        """A head is complete: start its request, or queue it behind the one before."""
        self._in_head = False
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None
        version = self.parser.get_http_version()
        self._fill_scope(version)
        self._head_bytes = 0
        cycle = Cycle(
            cast("dict[str, Any]", self.scope),
            self.transport,
            self.flow,
            self.loop,
            expect_continue=self.expect_100_continue,
            keep_alive=version == "1.1" and self.parser.should_keep_alive(),
            on_complete=self.on_response_complete,
        )
        waits = self.cycle is not None and not self.cycle.response_complete
        self.cycle = cast("Any", cycle)
        if waits:
            self.flow.pause_reading()
            self.pipeline.appendleft((self.cycle, self.app))
        else:
            self._start_asgi_task(self.cycle, self.app)

    def on_response_complete(self) -> None:
        """A response is out: start the next request, or wait for one."""
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            return
        self.flow.resume_reading()
        if self.pipeline:
            cycle, app = self.pipeline.pop()
            self._start_asgi_task(cycle, app)
        else:
            self._idle_since = self.loop.time()
            if self.timeout_keep_alive_task is None:
                self._watch_idleness(self.timeout_keep_alive)

    def timeout_keep_alive_handler(self) -> None:
        """Close where nothing came for the whole time; one timer watches many requests, and is not set for each."""
        self.timeout_keep_alive_task = None
        if self._idle_since is None or self.transport.is_closing():
            return
        left = self._idle_since + self.timeout_keep_alive - self.loop.time()
        if left > 0:
            self._watch_idleness(left)
        else:
            self.transport.close()

    def _watch_idleness(self, seconds: float) -> None:
        self.timeout_keep_alive_task = self.loop.call_later(seconds, self.timeout_keep_alive_handler)

    def _unset_keepalive_if_required(self) -> None:
        self._idle_since = None

    def connection_lost(self, exc: Exception | None) -> None:
        """The client left: nothing more is done for it."""
        super().connection_lost(exc)
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None
        if self.timeout_keep_alive_task is not None:
            self.timeout_keep_alive_task.cancel()
            self.timeout_keep_alive_task = None
        self.pipeline.clear()
        running = self._running
        if running is not None and running.task is not None and not running.response_complete:
            running.disconnected = True
            running.task.cancel()

    def send_400_response(self, msg: str) -> None:
        """Answer what is no HTTP; a request in progress (a broken body) is given up first."""
        running = self._running
        if running is not None and not running.response_complete:
            running.disconnected = True
            if running.task is not None:
                running.task.cancel()
            if running.response_started:
                self.transport.abort()
                return
        method = self.parser.get_method() if self._in_head else b""
        self._refuse(Cause.METHOD_NOT_ALLOWED if method == b"CONNECT" else Cause.BAD_REQUEST, msg)

    def _fill_scope(self, version: str) -> None:
        scope = cast("dict[str, Any]", self.scope)
        path, _, query = self.url.partition(b"?")
        scope["method"] = self.parser.get_method().decode("ascii")
        scope["http_version"] = version
        scope["path"] = unquote(path.decode("latin-1"))
        scope["raw_path"] = path
        scope["query_string"] = query
        scope[TARGET] = self.url
        scope[HEAD_BYTES] = self._head_bytes

    def _start_asgi_task(self, cycle: Any, app: App) -> None:
        task = self.loop.create_task(cycle.run_asgi(app))
        cycle.task = task
        self._running = cycle
        task.add_done_callback(self.tasks.discard)
        self.tasks.add(task)

    def _start_head_timer(self) -> None:
        self._head_timer = self.loop.call_later(self.header_timeout_s, self._head_too_slow)

    def _judge_partial_head(self) -> None:
        if self._head_timer is None and self._head_bytes:
            self._start_head_timer()
        room = self.limits.headers + self.limits.target + HEAD_ALLOWANCE
        if not self.headers and len(self.url) > self.limits.target + HEAD_ALLOWANCE:
            self._refuse(Cause.TARGET_TOO_LONG, "")
        elif self._head_bytes > room:
            self._refuse(Cause.HEADERS_TOO_LARGE, "")

    def _head_too_slow(self) -> None:
        self._head_timer = None
        if self.transport.is_closing():
            return
        if self._head_bytes:
            self._refuse(Cause.HEADERS_TOO_SLOW, "")
        else:
            self.transport.close()

    def _refuse(self, cause: Cause, detail: str) -> None:
        """Answer with an error and close; nothing more is read from this connection."""
        scope = {
            "type": "http",
            "method": "-",
            "http_version": "1.1",
            "client": self.client,
            "headers": self.headers or [],
            TARGET: getattr(self, "url", b"") or b"-",
        }
        cycle = Cycle(
            scope, self.transport, self.flow, self.loop, expect_continue=False, keep_alive=False, on_complete=_ignored
        )
        self.cycle = cast("Any", cycle)
        self.flow.pause_reading()

        async def refuse(_: Any, __: Any, send: Any) -> None:
            await self.door.refuse(scope, send, Refusal(cause, detail))

        self._start_asgi_task(cycle, refuse)


def configured(door: Door, limits: Limits, header_timeout_s: float) -> type[ClientProtocol]:
    """The protocol class for one server."""
    attributes = {"door": door, "limits": limits, "header_timeout_s": header_timeout_s}
    return type("ConfiguredClientProtocol", (ClientProtocol,), attributes)


def _ignored() -> None:
    return None
