"""The second transport: httpx2, chosen by ``UPSTREAM_TRANSPORT=httpx2``.

httpx2 rather than httpx: httpx leaks a pool slot for each request that is cancelled while it waits for one, and a
proxy cancels whenever a client leaves.  Bytes are watched below it, because its exceptions do not say whether any
came.

Law: a connection is kept only after a response whose Content-Length came to an end exactly; h11 keeps surplus bytes
and would read them as the next response.
"""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextvars import ContextVar
from typing import Any

import httpcore2
import httpx2

from proxy_under_test.body import Body
from proxy_under_test.causes import Cause, UpstreamFailure
from proxy_under_test.transport import Header, Outgoing, Try, classify, framing
from proxy_under_test.transport.upstream import Bounds, Upstream

# A head and its interim ones may take this many times the limit of one head; a storm of 1xx answers ends there.
INTERIM_ROOM = 4

END_OF_HEAD = b"\r\n\r\n"
INTERIM = b"HTTP/1.1 1"  # how the head of a 1xx answer begins

_current: ContextVar[Try | None] = ContextVar("current try", default=None)


class _Stream(httpcore2.AsyncNetworkStream):
    """A connection that tells the current try what passed, and knows whether it may be used again."""

    def __init__(self, inner: httpcore2.AsyncNetworkStream, head_limit: int, on_close: Callable[[], None]) -> None:
        self._inner = inner
        self._on_close: Callable[[], None] | None = on_close
        self._room = head_limit * INTERIM_ROOM
        self.used = False
        self.reusable = True
        self.begin()

    def begin(self) -> None:
        """Count for a new exchange."""
        self._begin_head()
        self._head_bytes = 0
        self._head_done = False
        self.after_head = 0

    def _begin_head(self) -> None:
        self._opening = self._tail = b""

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """Bytes from the upstream, counted."""
        data = await self._inner.read(max_bytes, timeout)
        attempt = _current.get()
        if data and attempt is not None:
            attempt.answered = True
        self._count(data)
        return data

    def _count(self, data: bytes) -> None:
        if self._head_done:
            self.after_head += len(data)
            return
        self._head_bytes += len(data)
        rest = data
        while rest and not self._head_done:
            self._opening = (self._opening + rest[: len(INTERIM)])[: len(INTERIM)]
            seen = self._tail + rest
            end = seen.find(END_OF_HEAD)
            if end < 0:
                self._tail = seen[-3:]
                break
            rest = seen[end + len(END_OF_HEAD) :]
            if self._opening[-1:] == INTERIM[-1:]:  # another head follows
                self._begin_head()
            else:
                self._head_done = True
                self.after_head = len(rest)
        if self._head_bytes > self._room and not self._head_done:
            raise UpstreamFailure(Cause.HEAD_TOO_LARGE)

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Bytes to the upstream; the first ones begin an exchange."""
        attempt = _current.get()
        if attempt is not None and not attempt.sent:
            attempt.sent = attempt.connected = True
            attempt.reused, self.used = self.used, True
            self.begin()
        await self._inner.write(buffer, timeout)

    async def aclose(self) -> None:
        """Close."""
        on_close, self._on_close = self._on_close, None
        if on_close is not None:
            on_close()
        await self._inner.aclose()

    async def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore2.AsyncNetworkStream:
        """Speak TLS from here on."""
        try:
            self._inner = await self._inner.start_tls(ssl_context, server_hostname, timeout)
        except BaseException:
            await self.aclose()
            raise
        return self

    def get_extra_info(self, info: str) -> Any:
        """What is known of the connection; a spent one says that its peer has ended it."""
        if info == "is_readable" and not self.reusable:
            return True  # what httpcore takes for a connection that its peer has ended
        return self._inner.get_extra_info(info)


class _Backend(httpcore2.AnyIOBackend):
    """anyio's connections (with its Happy Eyeballs), watched, and at most ``most`` at a time."""

    def __init__(self, head_limit: int, most: int) -> None:
        self._head_limit = head_limit
        self._most = most
        self._open = 0

    @property
    def full(self) -> bool:
        """Whether there can be no further connection."""
        return self._open >= self._most

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        """A watched connection."""
        if self.full:
            raise UpstreamFailure(Cause.NO_CONNECTION_FREE)
        self._open += 1
        try:
            inner = await super().connect_tcp(host, port, timeout, local_address, socket_options)
        except BaseException:
            self._closed()
            raise
        return _Stream(inner, self._head_limit, self._closed)

    def _closed(self) -> None:
        self._open -= 1


class _Transport(httpx2.AsyncHTTPTransport):
    """httpx2's transport over watched connections."""

    def __init__(self, upstream: Upstream, bounds: Bounds, keep: int, backend: _Backend) -> None:
        tls = upstream.tls or ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        super().__init__(verify=tls, trust_env=False, retries=0)
        self._pool = httpcore2.AsyncConnectionPool(
            ssl_context=tls,
            max_connections=bounds.connections,
            max_keepalive_connections=keep,
            keepalive_expiry=bounds.idle_timeout_s,
            retries=0,
            network_backend=backend,
        )

    def counts(self) -> tuple[int, int]:
        """Open and idle connections."""
        connections = self._pool.connections
        return len(connections), sum(1 for connection in connections if connection.is_idle())

    async def close_an_idle_one(self) -> None:
        """Close the connection that has been idle for longest, if there is one."""
        for connection in self._pool.connections:
            if connection.is_idle():
                await connection.aclose()
                return


class Httpx2Response:
    """A response of httpx2."""

    def __init__(self, response: httpx2.Response, attempt: Try, method: str) -> None:
        self._response = response
        self._attempt = attempt
        self._stream: _Stream = response.extensions["network_stream"]
        self.status = response.status_code
        self.headers: Sequence[Header] = [(name.lower(), value) for name, value in response.headers.raw]
        self.length = framing.body_length(method, self.status, self.headers)
        self.until_close = self.length == framing.UNTIL_CLOSE
        self._parts: AsyncIterator[bytes] = response.stream.__aiter__()  # type: ignore[union-attr]
        self.finished = False
        self.ready = False

    async def read(self) -> bytes:
        """The next bytes of the body, b"" at its end."""
        token = _current.set(self._attempt)
        try:
            return await anext(self._parts)
        except StopAsyncIteration:
            self.finished = True
            return b""
        except (httpx2.TransportError, OSError) as exc:
            raise _failure(exc, self._attempt, head_done=True) from exc
        finally:
            _current.reset(token)

    async def aclose(self) -> None:
        """Give the connection back, or close it."""
        self._stream.reusable = self.finished and self.length >= 0 and self._stream.after_head == self.length
        await self._response.aclose()


class Httpx2Transport:
    """Two pools: one keeps connections, the other never does, for what must not meet a stale one.

    Both take from one number of connections; what the first keeps makes room for the second.
    """

    def __init__(self, upstream: Upstream, bounds: Bounds) -> None:
        self._upstream = upstream
        self._bounds = bounds
        self._backend = _Backend(bounds.head_limit, bounds.connections)
        self._kept = _Transport(upstream, bounds, bounds.idle_connections, self._backend)
        self._fresh = _Transport(upstream, bounds, 0, self._backend)
        host = f"[{upstream.host}]" if ":" in upstream.host else upstream.host
        self._url = f"{'https' if upstream.tls else 'http'}://{host}:{upstream.port}/"

    @property
    def open_connections(self) -> int:
        """Connections to the upstream, busy ones included."""
        return self._kept.counts()[0] + self._fresh.counts()[0]

    @property
    def idle_connections(self) -> int:
        """Connections that wait for a next request."""
        return self._kept.counts()[1] + self._fresh.counts()[1]

    async def send(self, request: Outgoing) -> Httpx2Response:
        """Send ``request`` once and wait for the head of its response."""
        attempt = request.attempt
        token = _current.set(attempt)
        try:
            if request.fresh and self._backend.full:
                await self._kept.close_an_idle_one()
            transport = self._fresh if request.fresh else self._kept
            response = await transport.handle_async_request(self._request(request))
        except (httpx2.TransportError, OSError) as exc:
            raise self._classified(exc, attempt) from exc
        finally:
            _current.reset(token)
        try:
            self._check_head(response)
            return Httpx2Response(response, attempt, request.method)
        except UpstreamFailure:
            await response.aclose()
            raise

    async def aclose(self) -> None:
        """Close every connection."""
        await self._kept.aclose()
        await self._fresh.aclose()

    def _request(self, request: Outgoing) -> httpx2.Request:
        headers = list(request.headers)
        body = request.body
        if body is not None and body.length is None and body.whole() is None:
            headers.append((b"transfer-encoding", b"chunked"))
        elif body is not None:
            whole = body.whole()
            length = len(whole) if whole is not None else body.length
            headers.append((b"content-length", b"%d" % (length or 0)))
        # Where every connection is in use, that is said at once, as `Pool` says it: a probe that waited for one of
        # ours until its time was over would call the backend dead.
        timeout = {"connect": self._bounds.connect_timeout_s, "pool": 0.0}
        extensions = {"target": request.target, "timeout": timeout}
        return httpx2.Request(request.method, self._url, headers=headers, stream=_Upload(body), extensions=extensions)

    def _classified(self, error: Exception, attempt: Try) -> UpstreamFailure:
        if isinstance(error, httpx2.PoolTimeout):
            return UpstreamFailure(Cause.NO_CONNECTION_FREE)
        if isinstance(error, httpx2.ConnectTimeout):
            return UpstreamFailure(Cause.CONNECT_TIMEOUT)
        if isinstance(error, httpx2.ConnectError) or not attempt.sent:
            return UpstreamFailure(classify.while_connecting(error, tls=self._upstream.tls is not None), str(error))
        return _failure(error, attempt, head_done=False)

    def _check_head(self, response: httpx2.Response) -> None:
        size = sum(len(name) + len(value) + 4 for name, value in response.headers.raw)
        if size > self._bounds.head_limit:
            raise UpstreamFailure(Cause.HEAD_TOO_LARGE)
        if not 200 <= response.status_code < 600:
            raise UpstreamFailure(Cause.HEAD_MALFORMED, f"unexpected status {response.status_code}")


class _Upload(httpx2.AsyncByteStream):
    def __init__(self, body: Body | None) -> None:
        self._body = body

    async def __aiter__(self) -> AsyncIterator[bytes]:
        if self._body is not None:
            async for chunk in self._body.chunks():
                yield chunk


# What h11 says, in the order in which it is looked for; it has no codes.
_SAYS: tuple[tuple[str, Cause, Cause], ...] = (
    ("disconnected", Cause.CLOSED, Cause.BODY_CUT),
    ("without sending complete message", Cause.CLOSED, Cause.BODY_CUT),
    ("too long", Cause.HEAD_TOO_LARGE, Cause.BODY_MALFORMED),
    ("Content-Length", Cause.BAD_LENGTH, Cause.BODY_MALFORMED),
    ("Transfer-Encoding", Cause.BAD_CODING, Cause.BODY_MALFORMED),
)


def _failure(error: Exception, attempt: Try, *, head_done: bool) -> UpstreamFailure:
    if isinstance(error, httpx2.RemoteProtocolError):
        for words, before, after in _SAYS:
            if words.lower() in str(error).lower():
                cause = after if head_done else before
                ended = cause is Cause.CLOSED and attempt.answered
                return UpstreamFailure(Cause.HEAD_CUT if ended else cause, str(error))
        return UpstreamFailure(Cause.BODY_MALFORMED if head_done else Cause.HEAD_MALFORMED, str(error))
    return UpstreamFailure(
        classify.connection_ended(error, answered=attempt.answered, head_done=head_done), str(error)
    )
