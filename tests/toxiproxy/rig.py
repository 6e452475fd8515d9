"""Both ends of a link in the test's own hands, and the server's API in between."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic
from typing import Any
from uuid import uuid4

import httpx

from harness.environment.processes import Owned

PATIENCE_S = 10.0  # for what must happen; reaching it fails the test
EARLY_S = 0.002  # the two ends and the server read the clock at different moments
SLACK_S = 2.0  # what a busy machine may add


@dataclass(frozen=True)
class Api:
    """A running server: ``kind`` as the client names it, and its API."""

    kind: str
    endpoint: str
    process: Owned
    http: httpx.Client

    def ask(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        """Status, and the body as JSON where it is JSON, else as text."""
        content = body if isinstance(body, bytes | None) else json.dumps(body).encode()
        answer = self.http.request(method, path, content=content)
        try:
            return answer.status_code, answer.json()
        except ValueError:
            return answer.status_code, answer.text

    def ok(self, method: str, path: str, body: Any = None) -> Any:
        """The answer's JSON; the status must be a success."""
        status, answer = self.ask(method, path, body)
        assert 200 <= status < 300, (status, answer)
        return answer


class Upstream:
    """A listening socket whose connections the test accepts and speaks for; closing it closes those as well.

    What a test that fails leaves open would fail the test in which it is collected, which is another one.
    """

    def __init__(self) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0), backlog=1024)
        self._socket.settimeout(PATIENCE_S)
        self._accepted: list[socket.socket] = []
        self.port: int = self._socket.getsockname()[1]
        self.address = f"127.0.0.1:{self.port}"

    def accept(self) -> socket.socket:
        sock, _ = self._socket.accept()
        self._accepted.append(sock)
        sock.settimeout(PATIENCE_S)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return sock

    def close(self) -> None:
        for sock in (self._socket, *self._accepted):
            sock.close()

    def __enter__(self) -> Upstream:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class Wire:
    """A proxy on the server, with a client end and an upstream end for each connection."""

    def __init__(self, api: Api, upstream: Upstream) -> None:
        self.api = api
        self.upstream = upstream
        self.name = f"wire-{uuid4().hex}"
        self.path = f"/proxies/{self.name}"
        made = api.ok("POST", "/proxies", {"name": self.name, "listen": "127.0.0.1:0", "upstream": upstream.address})
        host, port = made["listen"].rsplit(":", 1)
        self.address = (host, int(port))
        self._open: list[socket.socket] = []

    def connect(self) -> socket.socket:
        """The client end of a new connection."""
        sock = socket.create_connection(self.address, timeout=PATIENCE_S)
        self._open.append(sock)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return sock

    def pair(self) -> tuple[socket.socket, socket.socket]:
        """The client end and the upstream end of a new connection that a byte has crossed both ways."""
        client = self.connect()
        server = self.upstream.accept()
        for sender, receiver in ((client, server), (server, client)):
            sender.sendall(b"!")
            assert receiver.recv(1) == b"!"
        return client, server

    def add(self, type_: str, stream: str = "downstream", toxicity: float = 1.0, **attributes: int) -> str:
        """Put a toxic on it; its path."""
        toxic = {"type": type_, "stream": stream, "toxicity": toxicity, "attributes": attributes}
        return f"{self.path}/toxics/{self.api.ok('POST', f'{self.path}/toxics', toxic)['name']}"

    def remove(self, toxic_path: str) -> None:
        assert self.api.ask("DELETE", toxic_path)[0] == 204

    def report(self) -> list[dict[str, Any]]:
        """Our server's report of the connections."""
        connections: list[dict[str, Any]] = self.api.ok("GET", f"{self.path}/connections")["connections"]
        return connections

    def close(self) -> None:
        for sock in self._open:
            sock.close()
        self.upstream.close()
        self.api.ask("DELETE", self.path)


def read_exactly(sock: socket.socket, size: int) -> bytes:
    """``size`` bytes, fewer if the stream ends."""
    got = bytearray()
    while len(got) < size:
        piece = sock.recv(min(size - len(got), 1 << 18))
        if not piece:
            break
        got += piece
    return bytes(got)


def read_to_end(sock: socket.socket) -> bytes:
    """Everything until the stream ends."""
    got = bytearray()
    while piece := sock.recv(1 << 18):
        got += piece
    return bytes(got)


def ends(wire: Wire, stream: str) -> tuple[socket.socket, socket.socket]:
    """Sender and receiver of a stream, on a new connection."""
    client, server = wire.pair()
    return (client, server) if stream == "upstream" else (server, client)


def took(action: Callable[[], object]) -> float:
    """Seconds."""
    started = monotonic()
    action()
    return monotonic() - started


def crossed(sender: socket.socket, receiver: socket.socket) -> float:
    """Seconds from before one byte is sent until it is received."""

    def cross() -> None:
        sender.sendall(b"x")
        receiver.recv(1)

    return took(cross)
