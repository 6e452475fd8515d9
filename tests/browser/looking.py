"""A page as Chromium shows it: served to a headless browser, looked at from a frame around it."""

from __future__ import annotations

import html
import json
import re
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

LOOK = Path(__file__).with_name("look.html")
DARK = "--blink-settings=preferredColorScheme=0"
QUIET = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"),
    *("--disable-background-networking", "--disable-component-update", "--virtual-time-budget=5000", "--dump-dom"),
)
STARTS_WITHIN_S = 120.0  # a browser on a machine whose cores are all busy; 2 s on an idle one
SEEN = re.compile(r'<pre id="seen">(.*?)</pre>', re.DOTALL)


@dataclass
class Served:
    """The address of a page's server, and the paths that were asked of it."""

    address: str
    asked: list[str] = field(default_factory=list)


@contextmanager
def served(page: str, width: int) -> Iterator[Served]:
    """Serve ``page``, and the frame of so many pixels around it, on a loopback port."""
    texts = {"/load.html": page, "/look.html": LOOK.read_text("utf-8").replace("WIDTH", str(width))}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:  # the name is http.server's
            here.asked.append(self.path)
            body = texts.get(self.path, "").encode()
            self.send_response(200 if body else 404)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    here = Served(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield here
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def looked_at(chromium: str, page: str, folder: Path, *, width: int, dark: bool = False) -> dict[str, Any]:
    """What Chromium makes of ``page`` in a frame of ``width`` pixels; its profile is kept below ``folder``."""
    flags = [*QUIET, f"--user-data-dir={folder / 'profile'}", f"--window-size={width + 100},1000"]
    with served(page, width) as here:
        command = [chromium, *flags, *([DARK] if dark else []), f"{here.address}/look.html"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=STARTS_WITHIN_S, check=True)
    found = SEEN.search(done.stdout)
    assert found, f"nothing was seen; the browser said {done.stderr[-2000:]}"
    seen: dict[str, Any] = json.loads(html.unescape(found.group(1)))
    return seen | {"asked": [path for path in here.asked if path != "/favicon.ico"]}
