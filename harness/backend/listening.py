"""The backend's address: taken before anything else is loaded, so that a port in use is said at once."""

from __future__ import annotations

import errno
import socket

BACKLOG = 2048


class CannotListen(Exception):
    """The address cannot be had; the message says how to find out why, and what else to do."""


def listen(host: str, port: int) -> socket.socket:
    """Return a socket that listens on ``host`` and ``port`` (0 takes a free one); raises CannotListen."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except socket.gaierror as error:
        raise CannotListen(f"HOST={host}: {error.strerror}; HOST=127.0.0.1 listens on this machine only") from None
    taken = socket.socket(family, kind, protocol)
    try:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taken.bind(address)
        taken.listen(BACKLOG)
    except OSError as error:
        taken.close()
        raise CannotListen(_advice(error, host, port)) from None
    taken.setblocking(False)
    return taken


def url(host: str, listener: socket.socket) -> str:
    """Return the address as a browser on this machine takes it."""
    name = {"127.0.0.1": "localhost", "0.0.0.0": "localhost", "::": "localhost"}.get(host, host)
    return f"http://{f'[{name}]' if ':' in name else name}:{listener.getsockname()[1]}"


def _advice(error: OSError, host: str, port: int) -> str:
    other = f"PORT={port + 1 if port < 65535 else 3102} python -m harness.backend"
    if error.errno == errno.EADDRINUSE:
        return (
            f"EADDRINUSE: address already in use {host}:{port}\n"
            f"  which process holds it:  lsof -i :{port}   (or: ss -ltnp 'sport = :{port}')\n"
            f"  stop it:                 kill <PID>\n"
            f"  or use another port:     {other}"
        )
    if error.errno == errno.EACCES:
        return f"EACCES: PORT={port} needs privileges; use one above 1023:  PORT=3101 python -m harness.backend"
    return f"cannot listen on HOST={host} PORT={port}: {error.strerror}"
