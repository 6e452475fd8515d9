"""The servers under test, each started once per worker: ours always, the real one where its binary is."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Iterator

import httpx
import pytest

from harness.clock import poll_until
from harness.environment import ports
from harness.environment.processes import Owned, start
from harness.environment.rundir import RunDirectory
from tests.toxiproxy.rig import PATIENCE_S, Api, Upstream, Wire

BINARY_VARIABLE = "ERRORPATH_TOXIPROXY_BINARY"
READY = "listening on "


def real_binary() -> str | None:
    return os.environ.get(BINARY_VARIABLE) or shutil.which("toxiproxy-server")


@pytest.fixture(scope="session")
def link_run() -> Iterator[RunDirectory]:
    with RunDirectory.create() as run:
        yield run


def serve(run: RunDirectory, *flags: str) -> tuple[Owned, str]:
    """Our server, and where its API listens, once it has said so."""
    process = start([sys.executable, "-m", "harness.toxiproxy", "--port", "0", *flags], run=run, name="links")
    line = poll_until(
        lambda: next((line for line in process.output().splitlines() if line.startswith(READY)), None),
        within_s=PATIENCE_S,
        what="our server to be ready",
    )
    return process, line.removeprefix(READY)


@pytest.fixture(scope="session")
def embedded(link_run: RunDirectory) -> Iterator[Api]:
    process, endpoint = serve(link_run, "--seed", "1")
    with httpx.Client(base_url=f"http://{endpoint}", trust_env=False, timeout=PATIENCE_S) as http:
        yield Api("embedded", endpoint, process, http)
    process.stop()
    assert process.output() == f"{READY}{endpoint}\n"  # whatever the tests did, it had nothing to complain about


@pytest.fixture(scope="session")
def real(link_run: RunDirectory) -> Iterator[Api]:
    binary = real_binary()
    if binary is None:
        pytest.skip(f"no toxiproxy-server on PATH, and {BINARY_VARIABLE} is not set")
    port = ports.choose()
    command = [binary, "-host", "127.0.0.1", "-port", str(port), "-proxy-metrics"]
    process = start(command, run=link_run, name="toxiproxy-server")
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=PATIENCE_S) as http:
        poll_until(lambda: _answers(http), within_s=PATIENCE_S, what=f"{binary} to answer")
        yield Api("toxiproxy", f"127.0.0.1:{port}", process, http)
    process.stop()


def _answers(http: httpx.Client) -> bool:
    try:
        return http.get("/version").is_success
    except httpx.TransportError:
        return False


@pytest.fixture(params=["embedded", "toxiproxy"])
def api(request: pytest.FixtureRequest) -> Api:
    """Each server in turn: what a test asserts with it holds for both."""
    server: Api = request.getfixturevalue("embedded" if request.param == "embedded" else "real")
    return server


@pytest.fixture
def make_wire() -> Iterator[Callable[[Api], Wire]]:
    made: list[Wire] = []

    def make(server: Api) -> Wire:
        made.append(Wire(server, Upstream()))
        return made[-1]

    yield make
    for wire in made:
        wire.close()


@pytest.fixture
def wire(api: Api, make_wire: Callable[[Api], Wire]) -> Wire:
    """A wire on each server in turn."""
    return make_wire(api)


@pytest.fixture
def ours(embedded: Api, make_wire: Callable[[Api], Wire]) -> Wire:
    """A wire on our server: for what it does better."""
    return make_wire(embedded)
