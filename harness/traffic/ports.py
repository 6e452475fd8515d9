"""Ports that refuse and ports that do not answer, without a packet filter and without being root.

Law: a port of ours is held by a bound socket from beginning to end, so nobody else gets it while it refuses.
A bound socket that does not listen refuses (RST to every SYN).  A listener whose accept queue is full drops
the SYN, so the connect neither succeeds nor fails.
"""

from __future__ import annotations

import contextlib
import errno
import socket
from collections.abc import Iterator

from harness.errors import HarnessError
from harness.traffic.readiness import ready

MOST_FILLERS = 1024  # a backlog of 0 holds one connection on Linux and up to 128 elsewhere
SYN_ANSWERED_WITHIN_S = 0.1  # loopback answers a SYN in microseconds; a dropped one is sent again after 1 s
PORT_TRIES = 50

HOSTS = {"localhost": ("127.0.0.1", "::1")}


def addresses(host: str) -> tuple[str, ...]:
    """The loopback addresses behind ``host``; ``localhost`` is both families, as a dual-stack name is."""
    return HOSTS.get(host, (host,))


def bound(address: str, port: int) -> socket.socket:
    """A socket bound to ``address``, not listening; raises OSError when the port is taken."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        # With this, the socket that holds the port and the one that listens on it can stand side by side.
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.bind((address, port))
    except OSError:
        sock.close()
        raise
    return sock


def bound_together(host: str, port: int = 0) -> list[socket.socket]:
    """One bound socket per address of ``host``, all on the same port; HarnessError when none is free."""
    first, *others = addresses(host)
    for _ in range(PORT_TRIES if port == 0 else 1):
        sockets = [bound(first, port)]
        try:
            sockets += [bound(address, sockets[0].getsockname()[1]) for address in others]
        except OSError as exc:
            close_all(sockets)
            if exc.errno != errno.EADDRINUSE:
                raise HarnessError(f"cannot bind {host}: {exc}") from exc
        else:
            return sockets
    raise HarnessError(f"found no port that is free on every address of {host}")


def close_all(sockets: list[socket.socket]) -> None:
    """Close every socket."""
    for sock in sockets:
        sock.close()


@contextlib.contextmanager
def reserved(port: int, host: str = "127.0.0.1") -> Iterator[None]:
    """Hold ``port`` so that it refuses every connect and nobody else takes it.

    A server that sets SO_REUSEADDR (Go, asyncio, uvicorn) can listen on it again before this block is left.
    """
    sockets = _take(port, host)
    try:
        yield
    finally:
        close_all(sockets)


@contextlib.contextmanager
def full_backlog(port: int, host: str = "127.0.0.1") -> Iterator[None]:
    """Listen on ``port`` with a full accept queue: a SYN is not answered.

    Witnessed: the block is entered only after a SYN of our own went unanswered.  A connect begun inside and not yet
    given up is refused or served once the block is left and the SYN is sent again (Linux: 1, 3, 7 s after the first).
    """
    full = FullBacklog(port, host)
    try:
        yield
    finally:
        full.close()


class FullBacklog:
    """Listeners on ``port`` that no longer answer a SYN; HarnessError when the port is taken or cannot be filled."""

    def __init__(self, port: int, host: str = "127.0.0.1") -> None:
        self._sockets = _take(port, host)
        try:
            for listener in list(self._sockets):
                listener.listen(0)
                self._sockets += _fill(listener)
        except (OSError, HarnessError):
            self.close()
            raise

    def close(self) -> None:
        """Give the port back; what waited in the queue is reset."""
        close_all(self._sockets)
        self._sockets = []


def _take(port: int, host: str) -> list[socket.socket]:
    try:
        return bound_together(host, port)
    except (OSError, HarnessError) as exc:
        raise HarnessError(f"cannot hold port {port} of {host}: {exc}") from exc


def _fill(listener: socket.socket) -> list[socket.socket]:
    """Connections of our own that fill the queue of ``listener``; the first SYN without an answer ends it."""
    fillers: list[socket.socket] = []
    for _ in range(MOST_FILLERS):
        filler = socket.socket(listener.family, socket.SOCK_STREAM)
        filler.setblocking(False)
        filler.connect_ex(listener.getsockname())
        _, connected = ready(filler, SYN_ANSWERED_WITHIN_S, writing=True)
        if not connected:
            filler.close()
            return fillers
        fillers.append(filler)
    close_all(fillers)
    raise HarnessError(f"the backlog of {listener.getsockname()} is not full after {MOST_FILLERS} connections")
