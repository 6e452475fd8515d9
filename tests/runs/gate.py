"""Stands in front of a real Toxiproxy server and, once told to, answers some requests with an error of its own."""

from __future__ import annotations

import http.client
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx


@dataclass
class Gate:
    """``broken`` maps a pattern of "METHOD /path" to the status that such a request is answered with."""

    behind: str
    endpoint: str = ""
    broken: dict[str, int] = field(default_factory=dict)

    @contextmanager
    def answering(self, status: int, to: str) -> Iterator[None]:
        """In the block, requests of this pattern do not reach the server."""
        self.broken[to] = status
        try:
            yield
        finally:
            del self.broken[to]

    def heal(self, link: str) -> None:
        """Free a link of toxics, past this gate; one that is gone stays so."""
        state = httpx.get(f"http://{self.behind}/proxies/{link}")
        for toxic in state.json().get("toxics", ()):
            httpx.delete(f"http://{self.behind}/proxies/{link}/toxics/{toxic['name']}")
        self.enable(link, True)

    def enable(self, link: str, enabled: bool) -> None:
        """As somebody else would do it, past this gate."""
        httpx.post(f"http://{self.behind}/proxies/{link}", json={"enabled": enabled})

    def pass_on(self, what: str, body: bytes) -> tuple[int, bytes, str]:
        """Status, body and ``Server`` of the answer."""
        for pattern, status in self.broken.items():
            if re.fullmatch(pattern, what):
                return status, b"broken inside", ""
        connection = http.client.HTTPConnection(self.behind, timeout=10)
        try:
            method, path = what.split()
            connection.request(method, path, body, {"Content-Type": "application/json"})
            answer = connection.getresponse()
            return answer.status, answer.read(), answer.headers.get("Server", "")
        finally:
            connection.close()


def gate_before(endpoint: str) -> Gate:
    """A gate before the server at ``endpoint``; it lasts as long as its process, which removes its links last."""
    gate = Gate(endpoint)

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            status, said, self.server_name = gate.pass_on(f"{self.command} {self.path}", body)
            self.send_response(status)
            self.send_header("Content-Length", str(len(said)))
            self.end_headers()
            self.wfile.write(said)

        do_GET = do_POST = do_DELETE = answer  # noqa: N815  the base class looks for these names

        def version_string(self) -> str:
            return getattr(self, "server_name", "")

        def log_message(self, format: str, *args: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    gate.endpoint = f"127.0.0.1:{server.server_address[1]}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return gate
