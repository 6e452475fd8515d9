"""Open a TCP or TLS connection to a name with any number of addresses.

RFC 8305 ("Happy Eyeballs"): families alternate, and the next address is tried when one fails or has not answered for
a twentieth of the connect timeout (250 ms of 5 s, as section 8 recommends); the first to succeed wins.
"""

from __future__ import annotations

import asyncio
import itertools
import socket
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, TypeVar

from proxy_under_test.causes import Cause, UpstreamFailure
from proxy_under_test.transport import classify
from proxy_under_test.transport.upstream import Upstream

STAGGER_PART = 1 / 20

Address = tuple[socket.AddressFamily, str, int]
P = TypeVar("P", bound=asyncio.Protocol)
T = TypeVar("T")


async def connect(upstream: Upstream, make: Callable[[], P], timeout_s: float, discard: Callable[[P], None]) -> P:
    """A connected protocol of ``make``; connections that came too late are given to ``discard``.

    Raises UpstreamFailure with the cause, within ``timeout_s`` seconds.
    """
    looking_up = True
    try:
        async with asyncio.timeout(timeout_s):
            addresses = await resolve(upstream.host, upstream.port)
            looking_up = False
            dials = [_dial(upstream, make, address, timeout_s) for address in addresses]
            return await race(dials, timeout_s * STAGGER_PART, discard)
    except TimeoutError as exc:
        cause = Cause.DNS_TIMEOUT if looking_up else Cause.CONNECT_TIMEOUT
        raise UpstreamFailure(cause, f"nothing within {timeout_s:g} s") from exc
    except (OSError, ExceptionGroup, UnicodeError) as exc:
        cause = classify.while_connecting(exc, tls=upstream.tls is not None)
        raise UpstreamFailure(cause, str(exc)) from exc


async def resolve(host: str, port: int) -> list[Address]:
    """The addresses of ``host``, families alternating.  Raises OSError (gaierror), or UnicodeError for no name."""
    try:  # an address needs no lookup, and so no thread for it
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
    except socket.gaierror:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    families: dict[int, list[Address]] = {}
    for family, _, _, _, address in found:
        families.setdefault(family, []).append((family, str(address[0]), port))
    rounds = itertools.zip_longest(*families.values())
    return [address for round_ in rounds for address in round_ if address is not None]


def _dial(
    upstream: Upstream, make: Callable[[], P], address: Address, timeout_s: float
) -> Callable[[], Coroutine[Any, Any, P]]:
    async def dial() -> P:
        family, host, port = address
        tls: dict[str, Any] = {}
        if upstream.tls is not None:
            tls = {"ssl": upstream.tls, "server_hostname": upstream.host, "ssl_handshake_timeout": timeout_s}
        _, protocol = await asyncio.get_running_loop().create_connection(make, host, port, family=family, **tls)
        return protocol

    return dial


async def race(
    dials: Sequence[Callable[[], Coroutine[Any, Any, T]]], stagger_s: float, discard: Callable[[T], None]
) -> T:
    """The first result; the next of ``dials`` begins when one failed or ``stagger_s`` passed.

    Raises the only error, or an ExceptionGroup of all.  Losers are cancelled; what they got is given to ``discard``.
    """
    if len(dials) == 1:
        return await dials[0]()
    waiting = list(reversed(dials))
    running: set[asyncio.Task[T]] = set()
    started: list[asyncio.Task[T]] = []
    errors: list[Exception] = []
    winner: asyncio.Task[T] | None = None
    try:
        while winner is None and (waiting or running):
            if waiting:
                started.append(asyncio.ensure_future(waiting.pop()()))
                running.add(started[-1])
            done, running = await asyncio.wait(
                running, timeout=stagger_s if waiting else None, return_when=asyncio.FIRST_COMPLETED
            )
            winner = _first(done, errors)
    finally:
        for task in started:
            if task is not winner:
                _drop(task, discard)
    if winner is None:
        raise ExceptionGroup("no address could be connected to", errors)
    return winner.result()


def _first(done: set[asyncio.Task[T]], errors: list[Exception]) -> asyncio.Task[T] | None:
    """One of ``done`` that succeeded; the errors of the others are added to ``errors``."""
    winner = None
    for task in done:
        error = task.exception()
        if error is None:
            winner = task
        elif isinstance(error, Exception):
            errors.append(error)
        else:
            raise error
    return winner


def _drop(task: asyncio.Task[T], discard: Callable[[T], None]) -> None:
    def ended(task: asyncio.Task[T]) -> None:
        if not task.cancelled() and task.exception() is None:
            discard(task.result())

    task.cancel()
    task.add_done_callback(ended)
