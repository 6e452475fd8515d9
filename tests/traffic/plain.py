"""A client of nothing but the standard library, so that the tools are not tested by themselves."""

from __future__ import annotations

import socket

GET = b"GET /api/x HTTP/1.1\r\nHost: o\r\nX-Errorpath-Request: k\r\n\r\n"
GET_AND_CLOSE = b"GET /api/x HTTP/1.1\r\nHost: o\r\nConnection: close\r\n\r\n"
HEALTH = b"GET /api/health HTTP/1.1\r\nHost: o\r\n\r\n"


def connected(port: int, host: str = "127.0.0.1") -> socket.socket:
    """A connection that gives up after 5 s."""
    return socket.create_connection((host, port), timeout=5)


def said_to(port: int, request: bytes, quiet_s: float = 0.05) -> tuple[bytes, str]:
    """What comes in answer to ``request``, and how it ends: fin, reset, or open after ``quiet_s`` of silence."""
    try:
        with connected(port) as client:
            client.sendall(request)
            return everything(client, quiet_s)
    except (ConnectionResetError, BrokenPipeError):
        return b"", "reset"


def everything(client: socket.socket, quiet_s: float = 0.05) -> tuple[bytes, str]:
    """All bytes until the end, and how it ends."""
    received = b""
    while True:
        client.settimeout(5 if not received else quiet_s)
        try:
            data = client.recv(1 << 16)
        except ConnectionResetError:
            return received, "reset"
        except TimeoutError:
            return received, "open"
        if not data:
            return received, "fin"
        received += data


def exactly(client: socket.socket, length: int) -> bytes:
    """The next ``length`` bytes."""
    received = b""
    while len(received) < length:
        data = client.recv(length - len(received))
        assert data, f"the connection ended after {received!r}"
        received += data
    return received
