"""One table for every transport: what happened upstream, what it is called, and what a raw origin really saw.

The counts are the point: a transport that tries again by itself makes a second connection or request, and fails here.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from typing import Any

import pytest

from harness.traffic import replies
from harness.traffic.origin import Origin
from harness.traffic.steps import Behaviour
from proxy_under_test.causes import Cause, UpstreamFailure
from proxy_under_test.transport import Outgoing, Transport, Try
from proxy_under_test.transport.pool import Pool
from proxy_under_test.transport.upstream import Bounds, Upstream, locate
from proxy_under_test.transport.with_httpx2 import Httpx2Transport

HEAD_LIMIT = 16_384
BOUNDS = Bounds(connect_timeout_s=9, head_limit=HEAD_LIMIT)  # a machine that is held up must not decide the outcome
IMPATIENT = replace(BOUNDS, connect_timeout_s=0.3)  # for the one row that is about this timeout
HEADERS = [(b"host", b"origin.test")]
DUAL_STACK = "http://dual-stack.test:{port}"  # localhost is a name with one address on many a machine

Make = Callable[[Upstream, Bounds], Transport]


@dataclass(frozen=True)
class Seen:
    """The outcome of one request, and what the origin saw of it."""

    outcome: Cause | int
    connections: int
    requests: int


@dataclass(frozen=True)
class Row:
    """One line of the table; ``sent`` and ``answered`` are what the policy judges by."""

    name: str
    behaviour: Behaviour | None
    expected: Seen
    sent: bool = True
    answered: bool = True
    url: str = "http://127.0.0.1:{port}"
    bounds: Bounds = BOUNDS
    fault: Callable[[Origin], AbstractContextManager[None]] = lambda _: nullcontext()


def said(name: str, data: bytes, cause: Cause) -> Row:
    return Row(name, replies.malformed(data, name), Seen(cause, 1, 1))


def head(*fields: bytes) -> bytes:
    return b"HTTP/1.1 200 OK\r\n" + b"".join(field + b"\r\n" for field in fields) + b"\r\n"


def unsent(name: str, cause: Cause, connections: int = 0, **where: object) -> Row:
    return Row(name, None, Seen(cause, connections, 0), sent=False, answered=False, **where)  # type: ignore[arg-type]


INTERIM_WITH_BODY = b"HTTP/1.1 150 X\r\nContent-Length: 5\r\n\r\nHELLO" + head(b"Content-Length: 3") + b"abc"

TABLE = [
    unsent("refused", Cause.REFUSED, fault=Origin.refusing),
    unsent("refused on a dual-stack name", Cause.REFUSED, url=DUAL_STACK, fault=Origin.refusing),
    unsent(
        "full backlog on a dual-stack name",
        Cause.CONNECT_TIMEOUT,
        url=DUAL_STACK,
        fault=Origin.unanswering,
        bounds=IMPATIENT,
    ),
    unsent("unknown name", Cause.DNS, url="http://no-such-host.invalid:{port}"),
    unsent("no possible name", Cause.DNS, url="http://no..name.test:{port}"),
    unsent("no possible label", Cause.DNS, url=f"http://{'a' * 64}.test:{{port}}"),
    unsent("full backlog", Cause.CONNECT_TIMEOUT, fault=Origin.unanswering, bounds=IMPATIENT),
    Row("reset", replies.reset(), Seen(Cause.RESET, 1, 1), answered=False),
    Row("empty reply", replies.empty_reply(), Seen(Cause.CLOSED, 1, 1), answered=False),
    Row("half a head, FIN", replies.half_head(), Seen(Cause.HEAD_CUT, 1, 1)),
    Row("half a head, RST", replies.reset_mid_head(), Seen(Cause.RESET, 1, 1)),
    Row("short body", replies.short_body(), Seen(Cause.BODY_CUT, 1, 1)),
    Row("reset mid-body", replies.reset_mid_body(), Seen(Cause.BODY_RESET, 1, 1)),
    Row("reset after the head", replies.reset_after_head(), Seen(Cause.BODY_RESET, 1, 1)),
    Row("chunked body cut", replies.chunked([b"part"], cut=True), Seen(Cause.BODY_CUT, 1, 1)),
    Row("garbage", replies.garbage(), Seen(Cause.HEAD_MALFORMED, 1, 1)),
    said("bad status line", b"HTTP/1.1 abc OK\r\n\r\n", Cause.HEAD_MALFORMED),
    said("a field without colon", head(b"X-Broken 2"), Cause.HEAD_MALFORMED),
    said("NUL in a value", head(b"X-A: a\x00b", b"Content-Length: 0"), Cause.HEAD_MALFORMED),
    said("switching protocols", b"HTTP/1.1 101 Switching\r\nUpgrade: x\r\n\r\n", Cause.HEAD_MALFORMED),
    said("an interim answer with a body", INTERIM_WITH_BODY, Cause.HEAD_MALFORMED),
    said("status 999", b"HTTP/1.1 999 No\r\nContent-Length: 0\r\n\r\n", Cause.HEAD_MALFORMED),
    said("large head", head(b"X-A: " + b"a" * (HEAD_LIMIT * 8)), Cause.HEAD_TOO_LARGE),
    said("large head, whole", head(b"X-A: " + b"a" * HEAD_LIMIT, b"Content-Length: 0"), Cause.HEAD_TOO_LARGE),
    said("length and chunks", head(b"Content-Length: 2", b"Transfer-Encoding: chunked"), Cause.BAD_LENGTH),
    said("an unknown coding", head(b"Transfer-Encoding: gzip, chunked"), Cause.BAD_CODING),
    Row(
        "a bad chunk size",
        replies.malformed(head(b"Transfer-Encoding: chunked") + b"zz\r\nno\r\n0\r\n\r\n"),
        Seen(Cause.BODY_MALFORMED, 1, 1),
    ),
    Row("an answer", replies.ok(), Seen(200, 1, 1)),
    Row("an answer from a dual-stack name", replies.ok(), Seen(200, 1, 1), url=DUAL_STACK),
    Row("an answer after interim ones", replies.interim(times=3), Seen(200, 1, 1)),
    Row("an error is an answer", replies.ok(status=503), Seen(503, 1, 1)),
    Row("a body that ends with its connection", replies.close_delimited(b"all"), Seen(200, 1, 1)),
]


@pytest.fixture(params=[Pool, Httpx2Transport], ids=["httptools", "httpx2"])
def make(request: pytest.FixtureRequest) -> Make:
    chosen: Make = request.param
    return chosen


@pytest.fixture
def origin() -> Iterator[Origin]:
    with Origin.start("localhost") as origin:
        yield origin


@pytest.fixture(autouse=True)
def dual_stack(monkeypatch: pytest.MonkeyPatch) -> None:
    """One name has an address of each family, and whoever asks for a number alone is not told (AI_NUMERICHOST)."""
    real = socket.getaddrinfo

    def found(host: Any, port: Any, *args: Any, **options: Any) -> Any:
        if host not in ("dual-stack.test", b"dual-stack.test"):
            return real(host, port, *args, **options)
        if options.get("flags", 0) & socket.AI_NUMERICHOST:
            raise socket.gaierror(socket.EAI_NONAME, "not a number")
        return [entry for address in ("::1", "127.0.0.1") for entry in real(address, port, *args, **options)]

    monkeypatch.setattr(socket, "getaddrinfo", found)


async def exchange(transport: Transport, attempt: Try, *, fresh: bool = False) -> Cause | int:
    try:
        response = await transport.send(Outgoing("GET", b"/api/x", HEADERS, fresh=fresh, attempt=attempt))
        try:
            while not response.finished:
                await response.read()
        finally:
            await response.aclose()
    except UpstreamFailure as failure:
        return failure.cause
    return response.status


def seen(origin: Origin, outcome: Cause | int) -> Seen:
    return Seen(outcome, len(origin.connections()), len(origin.attempts()))


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.name)
def test_each_failure_has_one_name_and_one_try(make: Make, origin: Origin, row: Row) -> None:
    """Whatever the upstream does, a transport tries once and calls it by the table's name."""
    if row.behaviour is not None:
        origin.script(route=[row.behaviour])
    attempt = Try()

    async def act() -> Cause | int:
        transport = make(locate(row.url.format(port=origin.port)), row.bounds)
        try:
            async with asyncio.timeout(10):
                return await exchange(transport, attempt)
        finally:
            await transport.aclose()

    with row.fault(origin):
        outcome = asyncio.run(act())

    assert seen(origin, outcome) == row.expected
    assert (attempt.sent, attempt.answered) == (row.sent, row.answered)


def test_silence_is_left_to_the_deadline_and_ends_the_connection(make: Make, origin: Origin) -> None:
    """A transport waits for a silent upstream; cancelled, it closes the connection at once."""
    origin.script(route=[replies.silent()])

    async def act() -> None:
        transport = make(locate(origin.url), BOUNDS)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.3):
                await exchange(transport, Try())
        for _ in range(500):
            if origin.attempts()[0].closed_by_peer_at is not None:
                break
            await asyncio.sleep(0.004)
        await transport.aclose()

    asyncio.run(act())

    assert origin.attempts()[0].closed_by_peer_at is not None
    assert (len(origin.connections()), len(origin.attempts())) == (1, 1)


def test_a_connection_gone_stale_is_one_failed_try(make: Make, origin: Origin) -> None:
    """An upstream that ends a kept-alive connection when it is used again is seen as that, and not tried again."""
    origin.script(route=[replies.close_on_reuse(replies.ok())])

    async def act() -> list[Cause | int]:
        transport = make(locate(origin.url), BOUNDS)
        try:
            return [await exchange(transport, Try()) for _ in range(2)]
        finally:
            await transport.aclose()

    assert asyncio.run(act()) == [200, Cause.CLOSED]
    assert (len(origin.connections()), len(origin.attempts())) == (1, 2)


def test_a_fresh_connection_is_never_a_stale_one(make: Make, origin: Origin) -> None:
    """A request that must not meet a stale connection gets a new one."""
    origin.script(route=[replies.close_on_reuse(replies.ok())])

    async def act() -> list[Cause | int]:
        transport = make(locate(origin.url), BOUNDS)
        try:
            return [await exchange(transport, Try(), fresh=True) for _ in range(3)]
        finally:
            await transport.aclose()

    assert asyncio.run(act()) == [200, 200, 200]
    assert len(origin.connections()) == 3


def test_an_idle_connection_that_ended_is_noticed_before_it_is_used(make: Make, origin: Origin) -> None:
    """What the upstream closed while idle is replaced without a failed try."""

    async def act() -> list[Cause | int]:
        transport = make(locate(origin.url), BOUNDS)
        try:
            first = await exchange(transport, Try())
            origin.close_idle_connections()
            return [first, await exchange(transport, Try())]
        finally:
            await transport.aclose()

    assert asyncio.run(act()) == [200, 200]
    assert (len(origin.connections()), len(origin.attempts())) == (2, 2)


@pytest.mark.parametrize(
    "surplus",
    [
        replies.extra_bytes(),
        replies.literal(b"HTTP/1.1 204 No Content\r\n\r\nsurplus"),
        replies.literal(b"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\nextra"),
    ],
    ids=["longer than its length", "after 204", "after 304"],
)
def test_surplus_bytes_never_become_the_next_answer(make: Make, origin: Origin, surplus: Behaviour) -> None:
    """Bytes after the end of a response are dropped with their connection."""
    origin.script(route=[surplus, replies.ok(status=201)])

    async def act() -> list[Cause | int]:
        transport = make(locate(origin.url), BOUNDS)
        try:
            return [await exchange(transport, Try()) for _ in range(2)]
        finally:
            await transport.aclose()

    outcomes = asyncio.run(act())

    assert outcomes[1] == 201
    assert len(origin.connections()) == 2


def test_connections_are_kept(make: Make, origin: Origin) -> None:
    """Requests one after the other share one connection."""

    async def act() -> list[Cause | int]:
        transport = make(locate(origin.url), BOUNDS)
        try:
            return [await exchange(transport, Try()) for _ in range(5)]
        finally:
            await transport.aclose()

    assert asyncio.run(act()) == [200] * 5
    assert len(origin.connections()) == 1
