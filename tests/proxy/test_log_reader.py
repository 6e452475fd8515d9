"""Who reads the proxy's log may leave: that is no failure of the proxy."""

from __future__ import annotations

import signal
import subprocess
import sys

import httpx

from harness.clock import poll_until
from harness.environment import ports

WITHIN_S = 15


def test_a_log_that_nobody_reads_any_more_changes_no_exit_code() -> None:
    """Requests are served, and SIGTERM ends the proxy with 0."""
    port = ports.choose()
    env = {"PORT": str(port), "NEXT_PUBLIC_API_URL": "http://127.0.0.1:9"}
    with subprocess.Popen(
        [sys.executable, "-m", "proxy_under_test"], env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as proxy:
        try:
            assert proxy.stdout is not None
            proxy.stdout.readline()
            proxy.stdout.close()
            poll_until(lambda: _status(port) == 200, within_s=WITHIN_S, what="the proxy to serve")
            unserved = httpx.get(f"http://127.0.0.1:{port}/api/proxy/x", timeout=WITHIN_S).status_code

            proxy.send_signal(signal.SIGTERM)
            code = proxy.wait(WITHIN_S)
        finally:
            proxy.kill()
        assert proxy.stderr is not None
        said = proxy.stderr.read().decode()

    assert (unserved, code) == (503, 0)
    assert "Exception" not in said, said


def _status(port: int) -> int:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/livez", timeout=WITHIN_S).status_code
    except httpx.TransportError:
        return 0
