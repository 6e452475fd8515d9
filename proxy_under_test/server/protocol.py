"""uvicorn's httptools protocol, with what it lacks for a proxy.

What is added: the request target's exact bytes, limits on a head while it arrives and on the time it takes, errors
in the application's envelope instead of plain text, and the cancelling of a request's task as soon as its client is
gone.
"""

from __future__ import annotations

import asyncio
from typing import Any, ClassVar, cast
from urllib.parse import unquote

import httptools
from uvicorn.protocols.http.flow_control import HIGH_WATER_LIMIT
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from proxy_under_test.causes import Cause, Refusal
from proxy_under_test.door import HEAD_BYTES, TARGET, Door
from proxy_under_test.frontdoor import Limits
from proxy_under_test.reply import FUSED, LEFT
from proxy_under_test.server.cycle import App, Cycle

# Line ends, method and version come on top of what the limits count.
HEAD_ALLOWANCE = 1_024

_EXTENSIONS: dict[str, dict[str, object]] = {FUSED: {}}
_ASGI = {"version": "3.0", "spec_version": "2.3"}


class ClientProtocol(HttpToolsProtocol):
    """A client's connection.  The class variables are set by ``configured``."""

    door: ClassVar[Door]
    limits: ClassVar[Limits]
    header_timeout_s: ClassVar[float]

    _head_bytes = 0
    _in_head = True
    _head_timer: asyncio.TimerHandle | None = None
    _running: Cycle | None = None  # what the application works at
    _current: Cycle | None = None  # what the bytes that come belong to
    _idle_since: float | None = None
    _left_of_declined: int | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """A client connected."""
        super().connection_made(transport)
        self._start_head_timer()

    def data_received(self, data: bytes) -> None:
        """Bytes of requests came."""
        self._idle_since = None
        if self._current is not None and self._current.lingering:
            return
        if self._left_of_declined is not None:
            self._read_by_length(data)
            return
        if self._in_head:
            self._head_bytes += len(data)
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserError:
            self.send_400_response("Invalid HTTP request received.")
        except httptools.HttpParserUpgrade as exc:
            self._decline_upgrade(data[exc.args[0] :])
        if self._in_head and not self.transport.is_closing():
            self._judge_partial_head()

    def on_message_begin(self) -> None:
        """A request begins."""
        self.url = b""
        self.headers = []
        self._in_head = True

    def on_header(self, name: bytes, value: bytes) -> None:
        """One field of the head, or of a trailer that nobody reads."""
        self.headers.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        """A head is complete: start its request, or queue it behind the one before."""
        self._in_head = False
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None
        parser = self.parser
        version = parser.get_http_version()
        cycle = Cycle(
            self._make_scope(version),
            self.transport,
            self.flow,
            self.loop,
            keep_alive=version == "1.1" and parser.should_keep_alive(),
            on_complete=self.on_response_complete,
        )
        self._head_bytes = 0
        self.headers = []  # what comes now is a trailer, and must not look like part of the head
        waits = self._current is not None and not self._current.response_complete
        self._current = cycle
        self.cycle = cast("Any", cycle)  # for what is left of uvicorn's own methods
        if waits:
            self.flow.pause_reading()
            self.pipeline.appendleft((self.cycle, cast("Any", self.door)))
        else:
            self._start_asgi_task(cycle, self.door)  # what the application would do first

    def on_body(self, body: bytes) -> None:
        """Bytes of the body, undone of chunks."""
        cycle = self._current
        if cycle is None or cycle.response_complete:
            return
        cycle.body += body
        if len(cycle.body) > HIGH_WATER_LIMIT:
            self.flow.pause_reading()
        cycle.tell()

    def on_message_complete(self) -> None:
        """The request is complete."""
        cycle = self._current
        if cycle is not None and not cycle.response_complete and not self.parser.should_upgrade():
            cycle.more_body = False
            cycle.tell()

    def _decline_upgrade(self, rest: bytes) -> None:
        """No upgrade is offered, so the request is one as any other; but the parser reads no further.

        Its body is read by its length, and the connection ends with its response.  Java's client asks for h2c like
        this with every request, bodies included.
        """
        cycle = self._current
        if cycle is None:
            return
        found = dict(cycle.scope["headers"])
        length = found.get(b"content-length", b"0")
        if b"transfer-encoding" in found or not length.isdigit():
            self.send_400_response("an upgrade with a body of unknown length")
            return
        cycle.keep_alive = False
        self._left_of_declined = int(length)
        self._read_by_length(rest)

    def _read_by_length(self, data: bytes) -> None:
        body = data[: self._left_of_declined]
        self._left_of_declined = (self._left_of_declined or 0) - len(body)
        cycle = self._current
        if body:
            self.on_body(body)
        if cycle is not None and not self._left_of_declined and cycle.more_body:
            cycle.more_body = False
            cycle.tell()

    def on_response_complete(self) -> None:
        """A response is out: start the next request, or wait for one."""
        self.server_state.total_requests += 1
        if self.transport.is_closing() or (self._current is not None and self._current.lingering):
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

    def connection_lost(self, exc: Exception | None) -> None:
        """The client left: nothing more is done for it."""
        self.connections.discard(self)
        for timer in (self._head_timer, self.timeout_keep_alive_task):
            if timer is not None:
                timer.cancel()
        self._head_timer = self.timeout_keep_alive_task = None
        self.pipeline.clear()
        self.flow.resume_writing()
        running = self._running
        if running is not None and running.task is not None and not running.response_complete:
            running.disconnected = True
            running.tell()
            running.task.cancel(*LEFT)
        # The callbacks of this connection's objects form circles; nothing else would end them before a collection.
        self._running = self._current = None
        self.cycle = self.parser = None  # type: ignore[assignment]

    def send_400_response(self, msg: str) -> None:
        """Answer what is no HTTP; a request in progress (a broken body) is given up first."""
        running = self._running
        if running is not None and not running.response_complete:
            running.disconnected = True
            if running.task is not None:
                running.task.cancel(*LEFT)
            if running.response_started:
                self.transport.abort()
                return
        method = self.parser.get_method() if self._in_head else b""
        self._refuse(Cause.METHOD_NOT_ALLOWED if method == b"CONNECT" else Cause.BAD_REQUEST, msg)

    def _make_scope(self, version: str) -> dict[str, Any]:
        target = self.url
        path, _, query = target.partition(b"?")
        text = path.decode("latin-1")
        return {
            "type": "http",
            "asgi": _ASGI,
            "http_version": version,
            "server": self.server,
            "client": self.client,
            "scheme": self.scheme,
            "root_path": "",
            "method": self.parser.get_method().decode("ascii"),
            "path": unquote(text) if "%" in text else text,
            "raw_path": path,
            "query_string": query,
            "headers": self.headers,
            "state": {},
            "extensions": _EXTENSIONS,
            TARGET: target,
            HEAD_BYTES: self._head_bytes,
        }

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
        cycle = Cycle(scope, self.transport, self.flow, self.loop, keep_alive=False, on_complete=_ignored)
        self._current = cycle
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
