"""A Toxiproxy server that is not ours: proved before it is used, left as it was found."""

from __future__ import annotations

import contextlib
import json
import secrets
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from harness.clock import poll_until
from harness.environment import preflight, servers
from harness.environment.chosen import Environment
from harness.environment.leaks import left_behind
from harness.environment.preflight import prove_links, prove_refusing
from harness.environment.rundir import RunDirectory
from harness.errors import EnvironmentUnavailable, HarnessError
from harness.faults.link import Refused
from harness.toxiproxy.client import LinkServer
from tests.environment.published import Published

ROOT = Path(__file__).parents[2]


@pytest.fixture
def running(run: RunDirectory) -> LinkServer:
    """A server that somebody else uses: a disabled link, and one with a toxic."""
    server = LinkServer(f"127.0.0.1:{servers.toxiproxy(run).port}")
    server._call(
        "post", "/proxies", json={"name": "off", "listen": "127.0.0.1:0", "upstream": "u:1", "enabled": False}
    )
    server.create("slow", "u:1")
    server._call("post", "/proxies/slow/toxics", json={"type": "latency", "attributes": {"latency": 7}})
    return server


def found(server: LinkServer) -> Any:
    return server._call("get", "/proxies").json()


def test_a_server_that_runs_is_left_as_it_was(running: LinkServer, run: RunDirectory) -> None:
    """The links of a run are gone after it; all others are as they were, disabled or with their toxics."""
    before = found(running)
    environment = Environment(toxiproxy=running.endpoint)
    endpoints = environment.start(run)
    LinkServer(endpoints.toxiproxy, endpoints.tap).create(f"{run.id}-origin", "127.0.0.1:1")

    environment.stop()

    assert endpoints.toxiproxy_kind == running.endpoint
    assert found(running) == before


def test_a_killed_run_leaves_a_server_as_it_was(running: LinkServer, open_place: Path) -> None:
    """Also after SIGKILL the run's links go, and nothing else of the server."""
    before = found(running)
    run_id = secrets.token_hex(4)
    command = [sys.executable, "-m", "tests.environment.owner", str(open_place), run_id, "embedded", running.endpoint]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as owner:
        assert owner.stdout is not None
        assert json.loads(owner.stdout.readline())["toxiproxy_kind"] == running.endpoint
        assert f"{run_id}-link" in running.names()

        owner.kill()

    poll_until(lambda: found(running) == before, within_s=5, what="the links of the run to go")
    poll_until(lambda: not left_behind(run_id), within_s=5, what="the run to leave nothing")


def test_nobody_there_is_a_reason(run: RunDirectory) -> None:
    """A HOST:PORT at which nobody answers makes the environment unavailable; what was started is stopped."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        nowhere = f"127.0.0.1:{taken.getsockname()[1]}"

    with pytest.raises(EnvironmentUnavailable, match=f"no Toxiproxy server answers at {nowhere}"):
        Environment(toxiproxy=nowhere).start(run)

    left = [line for line in left_behind(run.id) if "warden" not in line and "directory" not in line]
    assert left == []


def test_a_missing_binary_is_a_reason(run: RunDirectory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a toxiproxy-server on PATH the choice is not replaced by another."""
    monkeypatch.delenv(servers.BINARY, raising=False)
    monkeypatch.setenv("PATH", "/nowhere")

    with pytest.raises(EnvironmentUnavailable, match="no toxiproxy-server on PATH"):
        Environment(toxiproxy="binary").start(run)


def test_a_binary_that_is_none_is_a_reason(run: RunDirectory, monkeypatch: pytest.MonkeyPatch) -> None:
    """A program that cannot be executed, or ends, is named."""
    for program in ("/nowhere/toxiproxy-server", "/bin/false"):
        monkeypatch.setenv(servers.BINARY, program)

        with pytest.raises(EnvironmentUnavailable, match=f"--toxiproxy binary .{program}."):
            Environment(toxiproxy="binary").start(run)


@pytest.fixture
def published(running: LinkServer) -> Iterator[Published]:
    """A link whose port somebody publishes who accepts whether the link does or not, as Docker's port proxy does."""
    made = running.create(f"link-{secrets.token_hex(4)}", "u:1")
    with socket.create_server(("127.0.0.1", 0)) as port_proxy:
        link = Published(running, made.name, port_proxy.getsockname()[1])
        thread = threading.Thread(target=publish, args=(port_proxy, made.listen))
        thread.start()
        yield link
        port_proxy.shutdown(socket.SHUT_RDWR)
        thread.join()
    link.remove()


def publish(port_proxy: socket.socket, to: tuple[str, int]) -> None:
    """Accept, connect on, and close what nobody takes."""
    with contextlib.ExitStack() as open_:
        while True:
            try:
                open_.enter_context(port_proxy.accept()[0])
            except OSError:
                return
            with contextlib.suppress(ConnectionRefusedError):
                open_.enter_context(socket.create_connection(to))


def test_what_accepts_in_place_of_a_link_is_found_out(published: Published) -> None:
    """A disabled link behind a port proxy accepts: the run does not begin, and the message says what to do."""
    with pytest.raises(EnvironmentUnavailable, match=r"met accepted, not ECONNREFUSED.*--network host"):
        prove_refusing(published)


def test_a_refusal_that_a_port_proxy_swallows_is_no_fault(published: Published) -> None:
    """Nor is the fault believed in a scenario: a connect of our own must be refused."""
    stage = SimpleNamespace(link=lambda _hop: published)

    with pytest.raises(HarnessError, match=r"accepted|open port"), Refused().inject(stage):
        pass


def test_a_server_that_cannot_reach_us_is_found_out(running: LinkServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """A link that leads to somewhere else than this machine's loopback is found by one connection."""
    monkeypatch.setattr(preflight, "ARRIVE_S", 0.2)
    link = running.create(f"link-{secrets.token_hex(4)}", "127.0.0.1:1")

    with socket.create_server(("127.0.0.1", 0)) as upstream:
        upstream.settimeout(0.2)

        with pytest.raises(EnvironmentUnavailable, match=r"did not arrive.*--network host"):
            preflight.prove_passing(link, upstream)


def test_a_server_that_is_ours_serves_links(running: LinkServer, run: RunDirectory) -> None:
    """What passes the proof tells its version, and nothing of the proof is left."""
    before = found(running)

    assert prove_links(running.endpoint, run) == running.version
    assert found(running) == before
