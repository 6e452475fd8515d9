"""Who reads the proxy's log may stop or leave: that is no failure of the proxy."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest

from harness.clock import poll_until
from harness.environment import ports

WITHIN_S = 15
LONG = "x" * 8_000  # a path; a line shows 1 kB of it and more
ENOUGH = 700  # requests of two such lines: more than 1 MiB and what the system holds besides

Ends = Callable[[], tuple[int, int]]


class Proxy:
    """A proxy whose standard output has its other end here."""

    def __init__(self, process: subprocess.Popen[bytes], port: int, log: int) -> None:
        self.process = process
        self.lines: list[dict[str, Any]] = []
        self._client = httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=WITHIN_S)
        self._log = open(log, "rb")  # noqa: SIM115 - it is closed when nobody is to read any more
        self._reader = threading.Thread(target=self._read)

    def get(self, path: str, **headers: str) -> int:
        """The status; 0 when there was none."""
        try:
            return self._client.get(path, headers=headers).status_code
        except httpx.TransportError:
            return 0

    def events(self) -> list[str]:
        """What the lines that were read tell."""
        return [line["event"] for line in self.lines]

    def read_on(self) -> None:
        """Read its log from now on, to the end."""
        self._reader.start()

    def nobody_reads(self) -> None:
        """Close our end of its log."""
        self._log.close()

    def terminated(self) -> int:
        """Its exit code after SIGTERM, once what it wrote was read by whoever reads."""
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(WITHIN_S)
        if self._reader.ident is not None:
            self._reader.join(WITHIN_S)
        return code

    def close(self) -> None:
        """Leave."""
        self._client.close()
        self.nobody_reads()

    def _read(self) -> None:
        for line in self._log:
            self.lines.append(json.loads(line))


def pipe() -> tuple[int, int]:
    """Our end of a log, and the proxy's."""
    return os.pipe()


def stream_socket() -> tuple[int, int]:
    """The same, as systemd's journal gives a service its end."""
    ours, theirs = socket.socketpair()
    return ours.detach(), theirs.detach()


@contextmanager
def logging_to(ends: Ends) -> Iterator[Proxy]:
    """A proxy that serves while nobody reads its log."""
    port = ports.choose()
    ours, theirs = ends()
    env = {"PORT": str(port), "NEXT_PUBLIC_API_URL": "http://127.0.0.1:9"}
    with subprocess.Popen(
        [sys.executable, "-m", "proxy_under_test"], env=env, stdout=theirs, stderr=subprocess.PIPE
    ) as process:
        os.close(theirs)
        proxy = Proxy(process, port, ours)
        try:
            poll_until(lambda: proxy.get("/livez") == 200, within_s=WITHIN_S, what="the proxy to serve")
            yield proxy
        finally:
            process.kill()
            process.wait(WITHIN_S)
            proxy.close()


def more_than_is_kept(proxy: Proxy) -> None:
    """Have so much logged that lines must be dropped; every request is served all the same."""
    assert {proxy.get(f"/{LONG}") for _ in range(ENOUGH)} == {404}


@pytest.mark.parametrize("ends", [pipe, stream_socket])
def test_a_log_that_nobody_reads_any_more_changes_no_exit_code(ends: Ends) -> None:
    """Requests are served, and SIGTERM ends the proxy with 0."""
    with logging_to(ends) as proxy:
        proxy.nobody_reads()
        unserved = proxy.get("/api/proxy/x")
        code = proxy.terminated()
        assert proxy.process.stderr is not None
        said = proxy.process.stderr.read().decode()

    assert (unserved, code) == (503, 0)
    assert "Exception" not in said, said


@pytest.mark.parametrize("ends", [pipe, stream_socket])
def test_a_log_whose_reader_stalls_is_kept_then_dropped_and_told(ends: Ends) -> None:
    """Every line is whole; each request's two are there or among those that are told to be dropped."""
    with logging_to(ends) as proxy:
        more_than_is_kept(proxy)
        proxy.read_on()
        poll_until(lambda: "log lines dropped" in proxy.events(), within_s=WITHIN_S, what="the dropped to be told")
        late = proxy.get("/late")
        code = proxy.terminated()

    dropped = [line["lines"] for line in proxy.lines if line["event"] == "log lines dropped"]
    told = proxy.events().count("request started") + proxy.events().count("request finished")
    assert (late, code, len(dropped)) == (404, 0, 1)
    assert told + dropped[0] == 2 * (ENOUGH + 1)
    assert proxy.lines[-1]["event"] == "stopped"
    assert "/late" in [line.get("path") for line in proxy.lines]


def test_a_log_that_is_never_read_again_does_not_hold_the_end_up() -> None:
    """SIGTERM ends the proxy with 0, whatever is left to be written."""
    with logging_to(pipe) as proxy:
        more_than_is_kept(proxy)

        assert proxy.terminated() == 0
