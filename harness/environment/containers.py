"""PostgreSQL, Redis and Toxiproxy in containers, from the official images; only this file knows testcontainers.

Its own reaper (Ryuk) is not used: it wants an image and rights of its own, and takes 10 s.  Containers carry the
run's id, `harness.environment.afterwards` removes them with the run, and a later run sweeps what even that left.
Ports are published on 127.0.0.1 alone.  Toxiproxy has the machine's network: behind a published port a disabled link
would not refuse, for Docker's port proxy accepts for it.
"""

from __future__ import annotations

import contextlib
import gc
import os
import platform
import secrets
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import docker
from docker.errors import APIError, DockerException
from testcontainers.core.config import testcontainers_config
from testcontainers.core.container import DockerContainer
from testcontainers.core.exceptions import ContainerStartException
from testcontainers.core.wait_strategies import ContainerStatusWaitStrategy

from harness.clock import poll_until
from harness.environment import ports
from harness.environment.afterwards import Remover
from harness.environment.endpoints import postgres_version, redis_version
from harness.environment.rundir import RunDirectory, gone
from harness.environment.servers import POSTGRES_EVERYWHERE, REDIS_SETTINGS
from harness.errors import EnvironmentUnavailable, HarnessError
from harness.toxiproxy.client import LinkServer

try:
    from testcontainers.community.postgres import PostgresContainer
    from testcontainers.community.redis import RedisContainer
except ImportError:  # testcontainers before 4.15
    from testcontainers.postgres import PostgresContainer
    from testcontainers.redis import RedisContainer

# The variable that names another image, and the official one.  A digest is of the list of all platforms; where there
# is one Docker does not look at the tag, which says to the reader what it is: PostgreSQL 16.14, Redis 7.4.9.
IMAGES = {
    "postgres": (
        "ERRORPATH_POSTGRES_IMAGE",
        "postgres:16-alpine@sha256:57c72fd2a128e416c7fcc499958864df5301e940bca0a56f58fddf30ffc07777",
    ),
    "redis": (
        "ERRORPATH_REDIS_IMAGE",
        "redis:7-alpine@sha256:6ab0b6e7381779332f97b8ca76193e45b0756f38d4c0dcda72dbb3c32061ab99",
    ),
    "toxiproxy": (
        "ERRORPATH_TOXIPROXY_IMAGE",
        "ghcr.io/shopify/toxiproxy:2.12.0@sha256:9378ed52a28bc50edc1350f936f518f31fa95f0d15917d6eb40b8e376d1a214e",
    ),
}
START_S = 120.0  # an image that is there starts in 3 s; one that is not is fetched before this time runs
LOOK_S = 0.1
DAEMON_S = 30  # wall seconds for one answer of the daemon
RUN, HOST, DIRECTORY = "errorpath.run", "errorpath.host", "errorpath.directory"
TROUBLE = (DockerException, ContainerStartException, HarnessError, OSError, TimeoutError)


@dataclass(frozen=True)
class Inside:
    """A server in a container: where it is, by its form in `harness.environment.endpoints.Endpoints`, and what."""

    address: str
    version: str


Start = Callable[[RunDirectory], Inside]


class Containers:
    """PostgreSQL and Redis (``data``), Toxiproxy (``toxiproxy``), or both, for one run."""

    def __init__(self, *, data: bool, toxiproxy: bool) -> None:
        wanted: dict[str, Start] = {"postgres": _postgres, "redis": _redis} if data else {}
        self._starts: dict[str, Start] = {**wanted, **({"toxiproxy": _toxiproxy} if toxiproxy else {})}
        self._inside: dict[str, Inside] = {}
        self._remover: Remover | None = None

    def start(self, run: RunDirectory) -> None:
        """Start all at once and wait until each answers.

        Raises EnvironmentUnavailable when no Docker daemon answers, an image cannot be had, or a server is not ready.
        """
        with _daemon() as client:
            _sweep(client)
        testcontainers_config.ryuk_disabled = True
        testcontainers_config.sleep_time, testcontainers_config.max_tries = LOOK_S, int(START_S / LOOK_S)
        self._remover = Remover(run, "--containers")
        with ThreadPoolExecutor(len(self._starts)) as pool:
            pending = {name: pool.submit(start, run) for name, start in self._starts.items()}
        for name, future in pending.items():
            try:
                self._inside[name] = future.result()
            except TROUBLE as exc:
                variable = IMAGES[name][0]
                raise EnvironmentUnavailable(
                    f"no container of {_image(name)} could be started: {exc} ({variable} names another image)"
                ) from exc

    def addresses(self) -> dict[str, str]:
        """Where each server is."""
        return {name: inside.address for name, inside in self._inside.items()}

    def versions(self) -> dict[str, str]:
        """What each server says it is."""
        return {name: inside.version for name, inside in self._inside.items()}

    def stop(self) -> None:
        """Remove the containers; a second time does nothing."""
        if self._remover is not None:
            self._remover.remove()


def remove_labelled(run: str) -> bool:
    """Remove the containers of a run with their volumes; whether there were none.  HarnessError without a daemon."""
    with _daemon() as client:
        found = client.containers.list(all=True, filters={"label": f"{RUN}={run}"}, ignore_removed=True)
        for container in found:
            _remove(container)
        return not found


def _sweep(client: Any) -> None:
    """Remove what runs of this machine and account left that no longer live."""
    labels = [RUN, f"{HOST}={_host()}"]
    for container in client.containers.list(all=True, filters={"label": labels}, ignore_removed=True):
        if gone(Path(container.labels.get(DIRECTORY, ""))):
            _remove(container)


def _remove(container: Any) -> None:
    with contextlib.suppress(APIError):  # somebody else is at it; whoever waits for the end looks again
        container.remove(force=True, v=True)


@contextlib.contextmanager
def _daemon() -> Iterator[Any]:
    """The Docker daemon.  EnvironmentUnavailable, with the reason, when none answers or it fails in the block."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)  # docker leaves the socket of a failed connect open
        client, reason = _asked()
        gc.collect()
    if client is None:
        raise EnvironmentUnavailable(
            f"no Docker daemon answers ({reason}); start one, set DOCKER_HOST, or choose --env embedded"
        )
    try:
        yield client
    except (DockerException, OSError) as exc:
        raise EnvironmentUnavailable(f"the Docker daemon does not do its part: {exc}") from exc
    finally:
        client.close()


def _asked() -> tuple[Any, str]:
    """A client whose daemon has answered; else None and the reason, without the exception that holds the socket."""
    try:
        client = docker.from_env(timeout=DAEMON_S)
        client.ping()
    except (DockerException, OSError) as exc:
        return None, str(exc)
    return client, ""


def _host() -> str:
    return f"{platform.node()}/{os.geteuid()}"


def _image(name: str) -> str:
    variable, official = IMAGES[name]
    return os.environ.get(variable) or official


def _labels(run: RunDirectory) -> dict[str, str]:
    return {RUN: run.id, HOST: _host(), DIRECTORY: str(run.path)}


def _postgres(run: RunDirectory) -> Inside:
    password = secrets.token_hex(12)
    container = PostgresContainer(
        _image("postgres"), username="postgres", password=password, dbname="postgres", driver=None
    )
    settings = [part for key, value in POSTGRES_EVERYWHERE.items() for part in ("-c", f"{key}={value}")]
    port = _published(container.with_command(["postgres", *settings]), 5432, run)
    url = f"postgresql://postgres:{password}@127.0.0.1:{port}"
    version = _answered(container, lambda: postgres_version(url), "PostgreSQL")
    return Inside(url, f"PostgreSQL {version} ({_image('postgres')})")


def _redis(run: RunDirectory) -> Inside:
    container = RedisContainer(_image("redis")).waiting_for(ContainerStatusWaitStrategy())
    port = _published(container.with_command(["redis-server", *REDIS_SETTINGS]), 6379, run)
    url = f"redis://127.0.0.1:{port}"
    version = _answered(container, lambda: redis_version(url), "Redis")
    return Inside(url, f"Redis {version} ({_image('redis')})")


def _toxiproxy(run: RunDirectory) -> Inside:
    for _ in range(ports.TRIES):
        served = _toxiproxy_on(ports.choose(), run)
        if served is not None:
            return served
    raise HarnessError(f"{ports.TRIES} ports were taken, one after the other")


def _toxiproxy_on(port: int, run: RunDirectory) -> Inside | None:
    """None when somebody was faster: Toxiproxy says so and goes on without its API."""
    flags = ["-host=127.0.0.1", f"-port={port}", "-proxy-metrics"]
    container = DockerContainer(_image("toxiproxy")).with_command(flags)
    container.with_kwargs(labels=_labels(run), network_mode="host").start()
    address = f"127.0.0.1:{port}"

    def version() -> str | None:
        return "taken" if ports.says_taken(_says(container)) else _toxiproxy_version(address)

    found = _answered(container, version, "Toxiproxy")
    return None if found == "taken" else Inside(address, f"Toxiproxy {found} ({_image('toxiproxy')})")


def _toxiproxy_version(address: str) -> str | None:
    try:
        return LinkServer(address).version
    except EnvironmentUnavailable:
        return None


def _published(container: Any, port: int, run: RunDirectory) -> int:
    """Start with ``port`` published on 127.0.0.1; the port there."""
    inside = f"{port}/tcp"
    container.ports = {inside: ("127.0.0.1", None)}
    container.with_kwargs(labels=_labels(run)).start()
    wrapped = container.get_wrapped_container()
    wrapped.reload()
    return int(wrapped.attrs["NetworkSettings"]["Ports"][inside][0]["HostPort"])


def _answered(container: Any, ask: Callable[[], str | None], what: str) -> str:
    """What the server answers, once it does.  HarnessError, with its last words, when its container has ended."""

    def answer() -> str | None:
        answered = ask()
        wrapped = container.get_wrapped_container()
        wrapped.reload()
        if not answered and wrapped.status != "running":
            raise HarnessError(f"its container is {wrapped.status}; its last words:\n{_says(container)[-2000:]}")
        return answered

    version = poll_until(answer, within_s=START_S, what=f"{what} in a container to answer on 127.0.0.1")
    assert version is not None
    return version


def _says(container: Any) -> str:
    """All it has written so far."""
    return "".join(part.decode("utf-8", "replace") for part in container.get_logs())
