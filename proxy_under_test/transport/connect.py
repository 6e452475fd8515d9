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


async def connect(upstream: Upstream, make: Callable[[], P], timeout_s: float) -> P:
    """A connected protocol of ``make``.  Raises UpstreamFailure with the cause, within ``timeout_s`` seconds."""
    looking_up = True
    try:
        async with asyncio.timeout(timeout_s):
            addresses = await resolve(upstream.host, upstream.port)
            looking_up = False
            dials = [_dial(upstream, make, address, timeout_s) for address in addresses]
            return await race(dials, timeout_s * STAGGER_PART)
    except TimeoutError as exc:
        cause = Cause.DNS_TIMEOUT if looking_up else Cause.CONNECT_TIMEOUT
        raise UpstreamFailure(cause, f"nothing within {timeout_s:g} s") from exc
    except (OSError, ExceptionGroup) as exc:
        cause = classify.while_connecting(exc, tls=upstream.tls is not None)
        raise UpstreamFailure(cause, str(exc)) from exc


async def resolve(host: str, port: int) -> list[Address]:
    """The addresses of ``host``, families alternating.  Raises OSError (gaierror)."""
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


async def race(dials: Sequence[Callable[[], Coroutine[Any, Any, T]]], stagger_s: float) -> T:
    """The first result; the next of ``dials`` begins when one failed or ``stagger_s`` passed.

    Raises the only error, or an ExceptionGroup of all.  Losers are cancelled.
    """
    if len(dials) == 1:
        return await dials[0]()
    waiting = list(reversed(dials))
    running: set[asyncio.Task[T]] = set()
    errors: list[Exception] = []
    try:
        while waiting or running:
            if waiting:
                running.add(asyncio.ensure_future(waiting.pop()()))
            done, running = await asyncio.wait(
                running, timeout=stagger_s if waiting else None, return_when=asyncio.FIRST_COMPLETED
            )
            for task in done:
                error = task.exception()
                if error is None:
                    return task.result()
                if not isinstance(error, Exception):
                    raise error
                errors.append(error)
    finally:
        for task in running:
            task.cancel()
    raise ExceptionGroup("no address could be connected to", errors)
