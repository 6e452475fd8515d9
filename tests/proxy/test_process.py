"""The process: settings, port, banner, signals."""

from __future__ import annotations

import resource
import signal
import socket
import subprocess
import sys

import psutil
import pytest

from harness.clock import now, poll_until
from harness.traffic import replies
from harness.traffic.client import Client
from harness.traffic.origin import Origin
from tests.patience import gone_within_s
from tests.proxy.running import environment, running

NOTHING = "http://127.0.0.1:9"
PATIENT = {"HEALTH_CHECK_TIMEOUT": 5000}  # whether the upstream is healthy is not the question here


def run(**settings: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "proxy_under_test"]
    return subprocess.run(
        command, env=environment(**settings), capture_output=True, text=True, timeout=20, check=False
    )


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PORT", "abc"), ("PORT", "70000"), ("NEXT_PUBLIC_API_URL", "localhost:3101"),
        ("NEXT_PUBLIC_API_URL", "http://u:s3cret@x"), ("NEXT_PUBLIC_API_URL", "http://x:99999"), ("NODE_ENV", "prod"),
        ("REQUEST_TIMEOUT", "0"), ("MAX_RETRIES", "-1"), ("RETRY_DELAY", "soon"), ("FRONTEND_URL", "*"),
        ("NEXT_PUBLIC_API_URL", "http://api..example.com"), ("NEXT_PUBLIC_API_URL", f"http://{'a' * 64}.test"),
        ("FRONTEND_URL", "http://x:65536"), ("UPSTREAM_TRANSPORT", "curl"), ("ERROR_WEBHOOK_URL", "ftp://x"),
        ("ERROR_WEBHOOK_URL", "http://x:99999"), ("ERROR_WEBHOOK_URL", "http://x:abc"),
        ("ERROR_WEBHOOK_URL", "http://user:s3cret@x"), ("ERROR_WEBHOOK_URL", "http://x..test"),
        ("FRONTEND_URL", "http://x, http://u:s3cret@x"), ("NEXT_PUBLIC_API_URL", "http://u:[s3cret]@x"),
        ("PORT", "u:s3cret@x"), ("HOST", "a..b"), ("HOST", "u:s3cret@x"), ("HOST", "no-such-host.invalid"),
    ],
)  # fmt: skip
def test_a_bad_setting_is_named_and_nothing_starts(name: str, value: str) -> None:
    """Exit code 2 and one line that names the setting."""
    ended = run(**{"NEXT_PUBLIC_API_URL": NOTHING, name: value})

    assert ended.returncode == 2
    assert ended.stdout == ""
    assert [line.split("=")[0].split(":")[0] for line in ended.stderr.splitlines()] == [f"bad setting {name}"]
    assert "s3cret" not in ended.stderr


def test_every_bad_setting_is_named_at_once() -> None:
    """Two mistakes, two lines."""
    ended = run(PORT="abc", NODE_ENV="prod")

    assert ended.returncode == 2
    assert sorted(line.split("=")[0] for line in ended.stderr.splitlines()) == [
        "bad setting NODE_ENV",
        "bad setting PORT",
    ]


def test_a_port_in_use_is_explained_at_once() -> None:
    """Exit code 1 within 2 s: the port, how to find its holder, how to choose another."""
    with socket.create_server(("127.0.0.1", 0)) as holder:
        port = holder.getsockname()[1]
        started = now()
        ended = run(NEXT_PUBLIC_API_URL=NOTHING, PORT=port)

    assert ended.returncode == 1
    assert now() - started < gone_within_s()
    assert f"address already in use 127.0.0.1:{port}" in ended.stderr
    assert f"lsof -i :{port}" in ended.stderr
    assert f"PORT={port + 1}" in ended.stderr


def test_the_banner_names_both_addresses() -> None:
    """Who started it sees where it is and where it forwards."""
    with running(NOTHING) as proxy:
        assert f"Proxy is running on http://localhost:{proxy.port}" in proxy.text()
        assert f"Backend API: {NOTHING}" in proxy.text()


@pytest.mark.parametrize("transport", ["httptools", "httpx2"])
def test_a_signal_finishes_what_is_in_flight(transport: str) -> None:
    """SIGTERM: the request that runs is answered, new ones are refused, exit code 0."""
    with (
        Origin.start() as origin,
        running(origin.url, UPSTREAM_TRANSPORT=transport, **PATIENT) as proxy,
        Client(proxy.url) as client,
    ):
        origin.script(route=[replies.delayed(0.6, replies.ok(b"finished"))])
        pending = client.begin("GET", "/api/proxy/x")
        poll_until(origin.attempts, within_s=5, what="the attempt")

        proxy.process.signal(signal.SIGTERM)
        exchange = pending.exchange()
        code = proxy.process.wait(5)

        assert (exchange.status, exchange.body, code) == (200, b"finished", 0)
        assert client.get("/api/proxy/x").error == "refused"


@pytest.mark.parametrize("transport", ["httptools", "httpx2"])
def test_a_client_that_leaves_within_the_grace_is_one_that_left(transport: str) -> None:
    """Whoever leaves while the proxy stops is recorded as at any other time; it is no error of the proxy's."""
    with (
        Origin.start() as origin,
        running(
            origin.url, UPSTREAM_TRANSPORT=transport, SHUTDOWN_GRACE=20_000, REQUEST_TIMEOUT=30_000, **PATIENT
        ) as proxy,
        Client(proxy.url) as client,
    ):
        origin.script(route=[replies.silent()])
        pending = client.begin("GET", "/api/proxy/x", headers={"X-Request-ID": "leaves"})
        poll_until(origin.attempts, within_s=5, what="the attempt")

        proxy.process.signal(signal.SIGTERM)
        poll_until(lambda: _refuses(proxy.port), within_s=5, what="the listener to close")
        pending.leave()
        code = proxy.process.wait(5)

        end = proxy.ended("leaves")
        assert (end["status"], end["outcome"], end["level"], code) == (499, "client-gone", "warning", 0)


def test_what_does_not_finish_within_the_grace_is_broken_off() -> None:
    """The grace over, the client is told, and the process ends by itself."""
    with (
        Origin.start() as origin,
        running(origin.url, SHUTDOWN_GRACE=300, **PATIENT) as proxy,
        Client(proxy.url) as client,
    ):
        origin.script(route=[replies.silent()])
        pending = client.begin("GET", "/api/proxy/x")
        poll_until(origin.attempts, within_s=5, what="the attempt")

        started = now()
        code = proxy.stop()

        assert code == 0
        assert 0.25 <= now() - started < 2.0
        assert pending.exchange().status == 503


def test_a_second_signal_ends_at_once() -> None:
    """Whoever asks twice does not want to wait."""
    with Origin.start() as origin, running(origin.url, **PATIENT) as proxy, Client(proxy.url) as client:
        origin.script(route=[replies.silent()])
        pending = client.begin("GET", "/api/proxy/x")
        poll_until(origin.attempts, within_s=5, what="the attempt")

        proxy.process.signal(signal.SIGTERM)
        poll_until(lambda: _refuses(proxy.port), within_s=2, what="the listener to close")
        started = now()
        proxy.process.signal(signal.SIGTERM)
        code = proxy.process.wait(5)

        assert code == 128 + signal.SIGTERM
        assert now() - started < 0.5
        assert not pending.exchange().complete


def _refuses(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return True
    return False


def test_the_proxy_takes_as_many_connections_as_the_system_allows() -> None:
    """A shell's soft limit of open files, which a thousand clients use up, is raised to the hard one."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(soft, 512), hard))
    try:
        with running(NOTHING) as proxy:
            allowed = psutil.Process(proxy.process.pid).rlimit(psutil.RLIMIT_NOFILE)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))

    assert (hard, hard) == allowed
