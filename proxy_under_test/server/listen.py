"""Take the port, before anything expensive is imported."""

from __future__ import annotations

import socket

BACKLOG = 2_048  # connections the kernel holds while the loop is busy; it caps this at net.core.somaxconn


def listen(host: str, port: int) -> socket.socket:
    """A listening socket.  Raises OSError, EADDRINUSE included."""
    family, kind, protocol, _, address = socket.getaddrinfo(
        host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )[0]
    listener = socket.socket(family, kind, protocol)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(BACKLOG)
        listener.setblocking(False)
    except OSError:
        listener.close()
        raise
    return listener
