"""A listening socket that can be closed so that connects are refused, without losing its port to somebody else."""

from __future__ import annotations

import asyncio
import errno
import socket
from collections.abc import Callable

from harness.toxiproxy.server.address import Address

BACKLOG = 4096  # the kernel lowers it to its own limit
ACCEPTS_PER_TURN = 64  # then the open connections get their turn
OUT_OF_DESCRIPTORS = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})
BREATHER_S = 0.1  # until accept is tried again when there are no descriptors left


class Listener:
    """Accepts on one address and hands each socket to ``accepted``."""

    def __init__(self, accepted: Callable[[socket.socket, str], None]) -> None:
        self._accepted = accepted
        self._socket: socket.socket | None = None
        self._reserved: tuple[Address, socket.socket] | None = None
        self._breather: asyncio.TimerHandle | None = None

    def open(self, address: Address) -> Address:
        """Listen; the address that comes back has the real port.

        Raises OSError, and then still keeps the port that it kept before.
        """
        kept = self._reserved[1] if self._reserved is not None and self._reserved[0] == address else None
        sock = kept or _bound(address)
        try:
            sock.listen(BACKLOG)
        except OSError:
            if sock is not kept:
                sock.close()
            raise
        if sock is not kept:
            self.release()
        self._reserved, self._socket = None, sock
        asyncio.get_running_loop().add_reader(sock, self._accept)
        return address.with_port(sock.getsockname()[1])

    def close(self, address: Address) -> None:
        """Refuse connects from now on; the port stays ours by a socket that is bound and does not listen."""
        self._stop()
        try:
            self._reserved = (address, _bound(address))
        except OSError:
            self._reserved = None  # somebody was faster; opening again will say so

    def release(self) -> None:
        """Let go of the port."""
        self._stop()
        if self._reserved is not None:
            self._reserved[1].close()
            self._reserved = None

    def _stop(self) -> None:
        if self._breather is not None:
            self._breather.cancel()
            self._breather = None
        if self._socket is not None:
            asyncio.get_running_loop().remove_reader(self._socket)
            self._socket.close()
            self._socket = None

    def _accept(self) -> None:
        for _ in range(ACCEPTS_PER_TURN):
            if self._socket is None:
                return
            try:
                sock, peer = self._socket.accept()
            except (BlockingIOError, ConnectionAbortedError, InterruptedError):
                return
            except OSError as error:
                if error.errno not in OUT_OF_DESCRIPTORS:
                    raise
                self._breathe()
                return
            sock.setblocking(False)
            self._accepted(sock, Address.of(sock.family, peer).text)

    def _breathe(self) -> None:
        loop = asyncio.get_running_loop()
        loop.remove_reader(self._socket)  # type: ignore[arg-type]  # called while it is open
        self._breather = loop.call_later(BREATHER_S, self._resume)

    def _resume(self) -> None:
        self._breather = None
        if self._socket is not None:
            asyncio.get_running_loop().add_reader(self._socket, self._accept)


def _bound(address: Address) -> socket.socket:
    sock = socket.socket(address.family, socket.SOCK_STREAM)
    try:
        sock.setblocking(False)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if address.family == socket.AF_INET6:
            # [::] takes IPv4 as well, as Go does it; on an address of its own IPv6 keeps to itself
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, address.sockaddr[0] != "::")
        sock.bind(address.sockaddr)
    except OSError:
        sock.close()
        raise
    return sock
