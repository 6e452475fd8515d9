"""Take the port, before anything expensive is imported."""

from __future__ import annotations

import contextlib
import socket
import sys

BACKLOG = 2_048  # connections the kernel holds while the loop is busy; it caps this at net.core.somaxconn


def allow_many_connections() -> None:
    """Raise the soft limit of open files to the hard one: each client takes one, and often another upstream.

    Many a shell allows 1,024, which a thousand clients that only wait use up.
    """
    if sys.platform == "win32":
        return
    import resource

    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(OSError, ValueError):  # a system that says "unlimited" and means less
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


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
