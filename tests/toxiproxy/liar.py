"""A server that answers what it is told: for what a real one does only when it is broken."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Reply = tuple[int, Any]
PROXY = {"name": "a", "listen": "127.0.0.1:1", "upstream": "u:1", "enabled": True, "toxics": []}
TOXIC = {"name": "noop_downstream", "type": "noop", "stream": "downstream", "toxicity": 1, "attributes": {}}
HEALTHY: Mapping[str, Reply] = {
    "GET /version": (200, {"version": "2.12.0"}),
    "GET /proxies": (200, {"a": PROXY}),
    "GET /proxies/a": (200, PROXY),
    "POST /proxies": (201, PROXY),
    "POST /proxies/a": (200, PROXY),
    "POST /proxies/a/toxics": (200, TOXIC),
    "GET /proxies/a/toxics/noop_downstream": (200, TOXIC),
    "DELETE /proxies/a/toxics/noop_downstream": (204, None),
    "POST /reset": (204, None),
}


@dataclass
class Liar:
    """``replies`` by method and path; a reply may be a list, of which each request takes the next."""

    endpoint: str = ""
    replies: dict[str, Reply | list[Reply]] = field(default_factory=lambda: dict(HEALTHY))
    asked: list[str] = field(default_factory=list)

    def reply(self, what: str) -> Reply:
        self.asked.append(what)
        reply = self.replies.get(what, (404, {"error": "proxy not found", "status": 404}))
        if isinstance(reply, list):
            return reply.pop(0) if len(reply) > 1 else reply[0]
        return reply


@contextmanager
def lying() -> Iterator[Liar]:
    """A liar that answers like a healthy server until told otherwise."""
    liar = Liar()

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            status, value = liar.reply(f"{self.command} {self.path}")
            body = b"" if value is None else value if isinstance(value, bytes) else json.dumps(value).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = do_DELETE = do_PATCH = answer  # noqa: N815  the base class looks for these names

        def log_message(self, format: str, *args: Any) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        liar.endpoint = f"127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield liar
        server.shutdown()
        thread.join()
