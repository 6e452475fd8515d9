"""What containers promise: the official images or others, this machine alone, nothing left."""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from harness.clock import poll_until
from harness.environment.chosen import Environment
from harness.environment.endpoints import for_worker, postgres_version, redis_version
from harness.environment.leaks import left_behind
from harness.environment.preflight import prove_links, prove_refusing
from harness.environment.rundir import RunDirectory
from harness.errors import EnvironmentUnavailable
from harness.toxiproxy.client import LinkServer
from tests.environment.published import Published

pytest.importorskip("testcontainers")
from harness.environment.containers import DIRECTORY, HOST, IMAGES, RUN, _host, _image

ROOT = Path(__file__).parents[2]
WITHIN_S = 20.0  # wall seconds; a daemon on a busy machine takes its time


def of_run(daemon: Any, run_id: str) -> list[Any]:
    found: list[Any] = daemon.containers.list(all=True, filters={"label": f"{RUN}={run_id}"}, ignore_removed=True)
    return found


def test_the_servers_are_real_ones_on_this_machine_alone(daemon: Any, run: RunDirectory) -> None:
    """PostgreSQL, Redis and Toxiproxy answer, say what they are, and are published on 127.0.0.1 only."""
    environment = Environment("containers", "container")
    endpoints = environment.start(run)
    share = for_worker(endpoints, "gw0")
    published = [
        binding["HostIp"]
        for container in of_run(daemon, run.id)
        for bindings in container.attrs["NetworkSettings"]["Ports"].values()
        for binding in bindings or ()
    ]

    assert postgres_version(endpoints.postgres)
    assert redis_version(endpoints.redis)
    assert share.database_url.startswith("postgresql://postgres:")
    assert published == ["127.0.0.1"] * 2
    assert {"postgres", "redis", "toxiproxy"} == endpoints.versions.keys()
    assert (endpoints.kind, endpoints.toxiproxy_kind) == ("containers", "container")

    environment.stop()
    assert of_run(daemon, run.id) == []


def test_a_killed_run_leaves_no_container(daemon: Any, open_place: Path) -> None:
    """After SIGKILL the remover takes the containers away, and goes itself."""
    run_id = secrets.token_hex(4)
    command = [sys.executable, "-m", "tests.environment.owner", str(open_place), run_id, "containers", "container"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as owner:
        assert owner.stdout is not None
        assert json.loads(owner.stdout.readline())["kind"] == "containers"
        assert len(of_run(daemon, run_id)) == 3

        owner.kill()

    poll_until(lambda: not of_run(daemon, run_id), within_s=WITHIN_S, what="the containers to go")
    poll_until(lambda: not left_behind(run_id), within_s=WITHIN_S, what="the run to leave nothing")


def test_a_later_run_sweeps_what_even_the_remover_left(daemon: Any, run: RunDirectory) -> None:
    """A container whose run is gone goes with the next start; one of a run that lives stays."""
    dead, alive = [
        daemon.containers.create(_image("toxiproxy"), labels={RUN: name, HOST: _host(), DIRECTORY: directory})
        for name, directory in (("dead", "/nowhere/errorpath-0-dead"), (f"{run.id}-other", str(run.path)))
    ]
    environment = Environment("embedded", "container")

    environment.start(run)
    left = {container.id for container in of_run(daemon, "dead") + of_run(daemon, f"{run.id}-other")}
    environment.stop()

    alive.remove()
    assert left == {alive.id}
    assert dead.id not in left


@pytest.fixture
def bridged(daemon: Any) -> Iterator[dict[int, int]]:
    """Toxiproxy in a container with a network of its own: where the ports of its API and of a link are published."""
    published = {f"{port}/tcp": ("127.0.0.1", None) for port in (8474, 8666)}
    container = daemon.containers.run(_image("toxiproxy"), ["-host=0.0.0.0"], detach=True, ports=published)
    try:
        container.reload()
        bound = container.attrs["NetworkSettings"]["Ports"]
        yield {port: int(bound[f"{port}/tcp"][0]["HostPort"]) for port in (8474, 8666)}
    finally:
        container.remove(force=True)


def test_toxiproxy_behind_published_ports_is_found_out(bridged: dict[int, int], run: RunDirectory) -> None:
    """The real thing: a container with a network of its own does not reach this machine's loopback."""
    with pytest.raises(EnvironmentUnavailable, match="--network host"):
        poll_until(lambda: proved(f"127.0.0.1:{bridged[8474]}", run), within_s=WITHIN_S, what="Toxiproxy to answer")


def test_dockers_port_proxy_accepts_for_nobody_and_is_found_out(bridged: dict[int, int]) -> None:
    """The real thing: a connect to the published port of a disabled link is accepted, which is no ECONNREFUSED."""
    server = poll_until(
        lambda: answering(f"127.0.0.1:{bridged[8474]}"), within_s=WITHIN_S, what="Toxiproxy to answer"
    )
    made = server.create("link", "127.0.0.1:1", listen="0.0.0.0:8666")

    with pytest.raises(EnvironmentUnavailable, match=r"met accepted, not ECONNREFUSED.*--network host"):
        prove_refusing(Published(server, made.name, bridged[8666]))


def answering(endpoint: str) -> LinkServer | None:
    """None while its API does not answer yet."""
    try:
        return LinkServer(endpoint)
    except EnvironmentUnavailable:
        return None


def proved(endpoint: str, run: RunDirectory) -> str | None:
    """None while its API does not answer yet."""
    try:
        return prove_links(endpoint, run)
    except EnvironmentUnavailable as exc:
        if "no Toxiproxy server answers" in str(exc):
            return None
        raise


def test_an_image_that_cannot_be_had_is_a_reason(
    daemon: Any, run: RunDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The image and the variable that names another are in the message, and nothing is left."""
    monkeypatch.setenv(IMAGES["redis"][0], "errorpath-ci/no-such-image@sha256:" + "0" * 64)

    with pytest.raises(EnvironmentUnavailable, match=r"no-such-image.*ERRORPATH_REDIS_IMAGE"):
        Environment("containers").start(run)

    assert of_run(daemon, run.id) == []


def test_no_daemon_is_a_reason(run: RunDirectory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a daemon the choice is not replaced by another, and the message says what to do."""
    monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere/docker.sock")

    with pytest.raises(EnvironmentUnavailable, match=r"no Docker daemon answers.*--env embedded"):
        Environment("containers").start(run)


@pytest.mark.parametrize("choice", [("--env", "containers"), ("--toxiproxy", "container")], ids=" ".join)
def test_the_command_ends_with_3_without_a_daemon(choice: tuple[str, str], tmp_path: Path) -> None:
    """One line says why, and no verdict is given."""
    errorpath = Path(sys.executable).with_name("errorpath")
    environment = {**os.environ, "DOCKER_HOST": "unix:///nowhere/docker.sock"}

    done = subprocess.run(
        [errorpath, "check", *choice, "--only", "cors-vary", "--out", tmp_path],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 3
    assert "no Docker daemon answers" in done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    assert list(tmp_path.iterdir()) == []
