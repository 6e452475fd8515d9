"""A reference proxy of our own for one test module: a real process, twenty times as fast as the guide."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from harness.clock import poll_until
from harness.environment.processes import Owned, start
from harness.environment.rundir import RunDirectory

ROOT = Path(__file__).resolve().parents[2]
READY_WITHIN_S = 20.0
GONE_WITHIN_S = 10.0

# The guide's durations at speed 20, in milliseconds.
SCALED = {
    "REQUEST_TIMEOUT": "1500",
    "RETRY_DELAY": "50",
    "CONNECT_TIMEOUT": "250",
    "HEALTH_CHECK_TTL": "250",
    "HEALTH_CHECK_TIMEOUT": "150",
}


class RunningProxy:
    """A proxy process, its port and what it logged."""

    def __init__(self, process: Owned) -> None:
        self.process = process
        self.port = 0

    @property
    def url(self) -> str:
        """http://HOST:PORT."""
        return f"http://127.0.0.1:{self.port}"

    def text(self) -> str:
        """Standard output and standard error so far."""
        return self.process.output()

    def lines(self, request_id: str | None = None) -> list[dict[str, Any]]:
        """Log lines so far, of one request or of all."""
        lines = [json.loads(line) for line in self.text().splitlines() if line.startswith("{")]
        return [line for line in lines if request_id in (None, line.get("request_id"))]

    def ended(self, request_id: str) -> dict[str, Any]:
        """The line that ends the request, as soon as it is there."""

        def found() -> list[dict[str, Any]]:
            return [line for line in self.lines(request_id) if line["event"] == "request finished"]

        return poll_until(found, within_s=5, what=f"the end of request {request_id} in the log")[-1]

    def stop(self) -> int:
        """SIGTERM; the exit code."""
        self.process.signal(signal.SIGTERM)
        return self.process.wait(GONE_WITHIN_S)


def environment(**settings: object) -> dict[str, str]:
    """The environment for a proxy: what a process needs, the scaled durations, and ``settings``."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    return {**kept, **SCALED, "PORT": "0", **{name: str(value) for name, value in settings.items()}}


@contextlib.contextmanager
def running(upstream: str, **settings: object) -> Iterator[RunningProxy]:
    """A proxy in front of ``upstream``, ready; gone when the block is left.

    Beside its settings, ``program`` is the module to run, where it is not the proxy itself.
    """
    program = str(settings.pop("program", "proxy_under_test"))
    command = [sys.executable, "-m", program]
    env = environment(NEXT_PUBLIC_API_URL=upstream, **settings)
    with RunDirectory.create() as run:
        process = start(command, run=run, name="proxy", env=env, cwd=ROOT)
        proxy = RunningProxy(process)
        try:
            proxy.port = poll_until(lambda: _port(proxy), within_s=READY_WITHIN_S, what="the proxy to listen")
            poll_until(lambda: _answers(proxy.port), within_s=READY_WITHIN_S, what="the proxy to answer")
            yield proxy
        finally:
            process.stop(0.0)


def _port(proxy: RunningProxy) -> int:
    if not proxy.process.alive():
        raise RuntimeError(f"the proxy ended with {proxy.process.exit_code()}: {proxy.text()}")
    lines = [line for line in proxy.text().splitlines(keepends=True) if line.startswith("{") and line.endswith("\n")]
    ports = [json.loads(line).get("port", 0) for line in lines]
    return int(ports[0]) if ports else 0


def _answers(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1) as sock:
        sock.sendall(b"GET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        return sock.recv(64).startswith(b"HTTP/1.1 200")
    return False
