"""TLS to the upstream: what can go wrong is told apart, nothing is retried without verification."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
import trustme

from proxy_under_test.causes import Cause, UpstreamFailure
from proxy_under_test.transport import Outgoing, Transport, Try
from proxy_under_test.transport.pool import Pool
from proxy_under_test.transport.upstream import Bounds, Upstream
from proxy_under_test.transport.with_httpx2 import Httpx2Transport

Make = Callable[[Upstream, Bounds], Transport]
BOUNDS = Bounds(connect_timeout_s=1.0)
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


@pytest.fixture(params=[Pool, Httpx2Transport], ids=["httptools", "httpx2"])
def make(request: pytest.FixtureRequest) -> Make:
    chosen: Make = request.param
    return chosen


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


def server_tls(authority: trustme.CA, name: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(name).configure_cert(context)
    return context


def client_tls(authority: trustme.CA | None) -> ssl.SSLContext:
    context = ssl.create_default_context()
    if authority is not None:
        authority.configure_trust(context)
    return context


@asynccontextmanager
async def serving(tls: ssl.SSLContext | None, first: bytes = b"") -> AsyncIterator[tuple[int, list[int]]]:
    """A server that counts connections; says ``first`` unasked, else answers each head with OK."""
    connections = [0]

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connections[0] += 1
        try:
            writer.write(first)
            while not first and await reader.readuntil(b"\r\n\r\n"):
                writer.write(OK)
        except (asyncio.IncompleteReadError, OSError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0, ssl=tls)
    async with server:
        yield server.sockets[0].getsockname()[1], connections


async def outcome(transport: Transport, attempt: Try) -> Cause | int:
    try:
        response = await transport.send(Outgoing("GET", b"/api/x", [(b"host", b"localhost")], attempt=attempt))
        while not response.finished:
            await response.read()
        await response.aclose()
    except UpstreamFailure as failure:
        return failure.cause
    else:
        return response.status
    finally:
        await transport.aclose()


def upstream(port: int, tls: ssl.SSLContext) -> Upstream:
    return Upstream("localhost", port, b"localhost", tls=tls)


def test_a_trusted_certificate_is_served(make: Make, authority: trustme.CA) -> None:
    """TLS with a certificate that fits is just another connection."""

    async def act() -> Cause | int:
        async with serving(server_tls(authority, "localhost")) as (port, _):
            return await outcome(make(upstream(port, client_tls(authority)), BOUNDS), Try())

    assert asyncio.run(act()) == 200


@pytest.mark.parametrize("trusted", [False, True], ids=["unknown authority", "wrong name"])
def test_a_bad_certificate_is_named_and_nothing_is_sent(make: Make, authority: trustme.CA, trusted: bool) -> None:
    """A certificate that is not trusted, or is another host's, ends the try before a byte of the request."""
    attempt = Try()
    tls = server_tls(authority, "elsewhere.test" if trusted else "localhost")

    async def act() -> tuple[Cause | int, int]:
        async with serving(tls) as (port, connections):
            transport = make(upstream(port, client_tls(authority if trusted else None)), BOUNDS)
            return await outcome(transport, attempt), connections[0]

    cause, connections = asyncio.run(act())

    assert (cause, attempt.sent) == (Cause.TLS_CERTIFICATE, False)
    assert connections <= 1


@pytest.mark.parametrize("first", [b"HTTP/1.1 400 Bad Request\r\n\r\n"], ids=["plain answer"])
def test_tls_to_a_plain_port_is_a_protocol_error(make: Make, first: bytes) -> None:
    """An upstream that does not speak TLS is told apart from one that is down, after one connection."""

    async def act() -> tuple[Cause | int, int]:
        async with serving(None, first) as (port, connections):
            return await outcome(make(upstream(port, client_tls(None)), BOUNDS), Try()), connections[0]

    assert asyncio.run(act()) == (Cause.TLS_PROTOCOL, 1)


def test_tls_to_a_silent_plain_port_ends_with_the_connect_timeout(make: Make) -> None:
    """A handshake that gets no answer is bounded as a connect is."""
    attempt = Try()

    async def act() -> Cause | int:
        async with serving(None) as (port, _):
            return await outcome(make(upstream(port, client_tls(None)), Bounds(connect_timeout_s=0.3)), attempt)

    assert asyncio.run(act()) == Cause.CONNECT_TIMEOUT
    assert attempt.sent is False
