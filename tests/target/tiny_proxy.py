"""Answers every request with its environment; behaves as MODE says."""

from __future__ import annotations

import json
import os
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        body = json.dumps({**os.environ, "ARGV": sys.argv[1:], "CWD": os.getcwd()}).encode()  # noqa: PTH109
        self.send_response(503 if os.environ.get("MODE") == "unavailable" else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        print(json.dumps({"event": "request", "path": self.path}), flush=True)


def main() -> None:
    if os.environ.get("MODE") == "broken":
        sys.exit("bad setting UPSTREAM: not today")
    print("listening", flush=True)
    ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()


if __name__ == "__main__":
    main()
