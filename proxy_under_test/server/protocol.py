"""uvicorn's httptools protocol, with what it lacks for a proxy.

What is added: the request target's exact bytes, limits on a head while it arrives and on the time it takes, errors
in the application's envelope instead of plain text, the cancelling of a request's task as soon as its client is gone,
and bounds on what a client may ask without reading.

Law: answers go out in the order of the requests (RFC 9112 section 9.3.2), so a refusal waits its turn; and the next
request begins when the client has taken the answers before it.
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
from proxy_under_test.server.declined import parser_of_chunks
from proxy_under_test.server.flow import Flow

# Line ends, method and version come on top of what the limits count.
HEAD_ALLOWANCE = 1_024

# Requests that may wait behind the one that runs.  Of a connection with more of them no more are taken.
QUEUED = 32

LINGER_S = 1.0  # in which a client that still sends can read its response

_EXTENSIONS: dict[str, dict[str, object]] = {FUSED: {}}
_ASGI = {"version": "3.0", "spec_version": "2.3"}


class ClientProtocol(HttpToolsProtocol):
    """A client's connection.  The class variables are set by ``configured``."""

    door: ClassVar[Door]
    limits: ClassVar[Limits]
    header_timeout_s: ClassVar[float]

    _in_head = False
    _head_bytes = 0  # received after the read in which the parser last got on: of a head, trailers, a chunk's line
    _shared_bytes = 0  # of that read, which are partly of what came before
    _read_bytes = 0  # of the read that is being parsed
    _deaf = False  # whatever comes now is no request
    _head_timer: asyncio.TimerHandle | None = None
    _running: Cycle | None = None  # what the application works at
    _current: Cycle | None = None  # what the bytes that come belong to
    _idle_since: float | None = None
    _left_of_declined: int | None = None
    _flow: Flow

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """A client connected."""
        super().connection_made(transport)
        self.flow = self._flow = Flow(transport, self.loop, self.timeout_keep_alive)
        self._start_head_timer()

    def data_received(self, data: bytes) -> None:
        """Bytes of requests came."""
        if self._deaf:
            return
        if self._left_of_declined is not None:
            self._read_by_length(data)
            return
        self._read_bytes = len(data)
        self._head_bytes += self._read_bytes
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserError:
            self.send_400_response("Invalid HTTP request received.")
        except httptools.HttpParserUpgrade as exc:
            self._decline_upgrade(data[exc.args[0] :])
        if self._in_head:
            if not self._deaf and not self.transport.is_closing():
                self._judge_partial_head()
        elif self._head_bytes > self.limits.headers + HEAD_ALLOWANCE and self._arriving():
            self.send_400_response("a trailer section, or the line of a chunk, that does not end")

    def _arriving(self) -> Cycle | None:
        """The request whose body is on its way."""
        return self._current if self._current is not None and self._current.more_body else None

    def _got_on(self) -> None:
        self._head_bytes = 0
        self._shared_bytes = self._read_bytes

    def on_message_begin(self) -> None:
        """A request begins."""
        self.url = b""
        self.headers = []
        self._in_head = True
        self._idle_since = None

    def on_header(self, name: bytes, value: bytes) -> None:
        """One field of the head; those of a trailer nobody reads."""
        if self._in_head:
            self.headers.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        """A head is complete: start its request, or queue it behind the one before."""
        self._in_head = False
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None
        if self._deaf:
            return
        if len(self.pipeline) == QUEUED and self._current is not None:
            self._current.keep_alive = False  # its answer says that no later one comes
            self._deaf = True
            return
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
        self.headers = []
        self._got_on()
        self._begin(cycle, self.door)  # the door is what the application would do first

    def _begin(self, cycle: Cycle, app: App) -> None:
        """Start a request, or queue it behind those that came before and whose answers are not taken yet."""
        running = self._running
        waits = self.flow.write_paused or (running is not None and not running.response_complete)
        self._current = cycle
        self.cycle = cast("Any", cycle)  # for what is left of uvicorn's own methods
        if not waits:
            self._start_asgi_task(cycle, app)
            return
        self.pipeline.appendleft((self.cycle, cast("Any", app)))
        if len(self.pipeline) == QUEUED:
            self._flow.hold()

    def on_body(self, body: bytes) -> None:
        """Bytes of the body, undone of chunks."""
        self._got_on()
        cycle = self._current
        if cycle is None or not cycle.more_body or cycle.response_complete:
            return
        cycle.body += body
        if len(cycle.body) > HIGH_WATER_LIMIT:
            self.flow.pause_reading()
        cycle.tell()

    def on_message_complete(self) -> None:
        """The request is complete."""
        self._got_on()
        cycle = self._current
        if cycle is not None and cycle.more_body and not cycle.response_complete and not self.parser.should_upgrade():
            # A trailer with "Connection: close" shuts the parser, whatever the head said.
            cycle.keep_alive = cycle.keep_alive and self.parser.should_keep_alive()
            cycle.more_body = False
            cycle.tell()

    def _decline_upgrade(self, rest: bytes) -> None:
        """No upgrade is offered, so the request is one as any other; but the parser reads no further.

        Its body is read by its length or its chunks, and the connection ends with its response.  Java's client asks
        for h2c like this with every request, bodies included.
        """
        cycle = self._current
        if cycle is None or self._deaf:
            return
        cycle.keep_alive = False
        found = dict(cycle.scope["headers"])
        if b"transfer-encoding" in found:
            self.parser = parser_of_chunks(self.on_body, self._end_of_chunks)
            self.data_received(rest)
            return
        length = found.get(b"content-length", b"0")
        if not length.isdigit():
            self.send_400_response("an upgrade with a body of unknown length")
            return
        self._left_of_declined = int(length)
        self._read_by_length(rest)

    def _end_of_chunks(self) -> None:
        self.on_message_complete()
        self._deaf = True

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
        """A response is out: go on as soon as the client takes it."""
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            return
        if self._running is not None and not self._running.keep_alive:
            self._end()
        elif self.flow.write_paused:
            self._flow.watch_unread()
        else:
            self._go_on()

    def resume_writing(self) -> None:
        """The client takes what was written: go on where that was waited for."""
        super().resume_writing()
        if self.transport.is_closing():
            return
        running = self._running
        if running is not None and running.response_complete and running.keep_alive:
            self._go_on()

    def _go_on(self) -> None:
        """Start the next request, or wait for one."""
        if self.pipeline:
            cycle, app = self.pipeline.pop()
            self._start_asgi_task(cycle, app)
        elif not self._in_head:
            self._idle_since = self.loop.time()
            if self.timeout_keep_alive_task is None:
                self._watch_idleness(self.timeout_keep_alive)
        if not self.pipeline and not self._deaf:
            self._flow.release()

    def timeout_keep_alive_handler(self) -> None:
        """Close where nothing came for the whole time; one timer watches many requests, and is not set for each."""
        self.timeout_keep_alive_task = None
        if self._idle_since is None or self.transport.is_closing():
            return
        left = self._idle_since + self.timeout_keep_alive - self.loop.time()
        if left > 0:
            self._watch_idleness(left)
        else:
            self._flow.close()

    def shutdown(self) -> None:
        """The server stops: what was asked already is the last."""
        if self.cycle is None or self.cycle.response_complete:
            self._flow.close()
        else:
            self.cycle.keep_alive = False

    def _end(self) -> None:
        """The last response is out: close so that the client can read it."""
        self._deaf = True
        self.pipeline.clear()
        if not self.flow.read_paused and not self._arriving():
            self._flow.close()
            return
        # Closing with bytes unread sends a reset, which may overtake the response (RFC 9112 section 9.6): say FIN,
        # and throw away for a while what still comes.
        self.transport.write_eof()
        self._flow.release()
        self.loop.call_later(LINGER_S, self._flow.close)

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
        self._flow.stop()
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
        """Answer what is no HTTP."""
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
            HEAD_BYTES: self._head_bytes + self._shared_bytes,
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
        if self._head_timer is None:
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
        if self.flow.read_paused:  # it is we who do not read on
            self._start_head_timer()
        elif self._in_head:
            self._refuse(Cause.HEADERS_TOO_SLOW, "")
        else:
            self._flow.close()

    def _refuse(self, cause: Cause, detail: str) -> None:
        """Answer with an error, after what was asked before, and close; nothing more is read as a request.

        A request whose own body is what is refused gets the error for its answer.
        """
        if self._deaf:
            return
        self._deaf = True
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None
        refusal, arriving = Refusal(cause, detail), self._arriving()
        if arriving is not None and not self._give_up(arriving, refusal):
            return
        scope = arriving.scope if arriving is not None else self._scope_of_part()
        cycle = Cycle(
            scope, self.transport, self.flow, self.loop, keep_alive=False, on_complete=self.on_response_complete
        )
        self._flow.hold()

        async def refuse(_: Any, __: Any, send: Any) -> None:
            await self.door.refuse(scope, send, refusal)

        self._begin(cycle, refuse)

    def _scope_of_part(self) -> dict[str, Any]:
        return {
            "type": "http",
            "method": "-",
            "http_version": "1.1",
            "client": self.client,
            "headers": self.headers or [],
            TARGET: getattr(self, "url", b"") or b"-",
        }

    def _give_up(self, cycle: Cycle, refusal: Refusal) -> bool:
        """Give up the request whose body was arriving; False where it answers for itself, or cannot any more."""
        if cycle is not self._running:
            self.pipeline.popleft()
            return True
        if cycle.task is not None:
            cycle.task.cancel(refusal)
        if cycle.begun:
            return False
        cycle.disconnected = True
        self._running = None
        return True


def configured(door: Door, limits: Limits, header_timeout_s: float) -> type[ClientProtocol]:
    """The protocol class for one server."""
    attributes = {"door": door, "limits": limits, "header_timeout_s": header_timeout_s}
    return type("ConfiguredClientProtocol", (ClientProtocol,), attributes)
