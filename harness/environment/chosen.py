"""The environment of a run as it was chosen: where PostgreSQL and Redis come from, and who serves the links."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Protocol

from harness.environment import servers
from harness.environment.afterwards import Remover
from harness.environment.embedded import ALL, EmbeddedEnvironment
from harness.environment.endpoints import Endpoints
from harness.environment.preflight import prove_links
from harness.environment.rundir import RunDirectory
from harness.errors import EnvironmentUnavailable
from harness.toxiproxy.client import LinkServer

__all__ = ["Environment"]


class Contained(Protocol):
    """What containers serve; keys as in `harness.environment.endpoints.Endpoints`."""

    def addresses(self) -> dict[str, str]:
        """Where each server is."""

    def versions(self) -> dict[str, str]:
        """What each server says it is."""


class Nothing:
    """No container."""

    def addresses(self) -> dict[str, str]:
        """None."""
        return {}

    def versions(self) -> dict[str, str]:
        """None."""
        return {}


class Environment:
    """The servers of one run.

    ``env`` is ``embedded`` or ``containers``; ``toxiproxy`` is ``embedded``, ``binary``, ``container`` or the
    HOST:PORT of a server that runs already, in which only our own links are made and removed.
    Law: what was chosen is started or the run does not begin; nothing is put in its place.
    """

    def __init__(self, env: str = "embedded", toxiproxy: str = "embedded") -> None:
        self._env, self._toxiproxy = env, toxiproxy
        self._stops = ExitStack()

    def start(self, run: RunDirectory) -> Endpoints:
        """Start everything; raises EnvironmentUnavailable, with the reason, when a part cannot be had."""
        try:
            return self._start(run)
        except BaseException:
            self.stop()
            raise

    def _start(self, run: RunDirectory) -> Endpoints:
        data = self._env == "containers"
        inside = self._contained(run, data=data, toxiproxy=self._toxiproxy == "container")
        embedded = EmbeddedEnvironment(("toxiproxy",) if data else ALL)
        self._stops.callback(embedded.stop)
        embedded.start_servers(run)
        addresses = {**embedded.addresses(), **inside.addresses()}
        versions = {**embedded.versions(), **inside.versions()}
        tap = None
        if self._toxiproxy != "embedded":
            tap = embedded.addresses()["toxiproxy"]
            addresses["toxiproxy"] = self._elsewhere(run) or inside.addresses()["toxiproxy"]
            versions["toxiproxy"] = f"Toxiproxy {prove_links(addresses['toxiproxy'], run)}"
        return Endpoints(**addresses, kind=self._env, toxiproxy_kind=self._toxiproxy, versions=versions, tap=tap)

    def _contained(self, run: RunDirectory, *, data: bool, toxiproxy: bool) -> Contained:
        if not data and not toxiproxy:
            return Nothing()
        try:
            from harness.environment.containers import Containers  # takes 0.4 s, and testcontainers is an extra
        except ModuleNotFoundError as exc:
            raise EnvironmentUnavailable(
                f"containers need testcontainers ({exc}); pip install -e '.[containers]' in the checkout, "
                "or choose embedded"
            ) from exc

        containers = Containers(data=data, toxiproxy=toxiproxy)
        self._stops.callback(containers.stop)
        containers.start(run)
        return containers

    def _elsewhere(self, run: RunDirectory) -> str | None:
        """Where the real Toxiproxy is that is no container; None where it is one."""
        if self._toxiproxy == "container":
            return None
        if self._toxiproxy == "binary":
            server = servers.toxiproxy_binary(run)
            self._stops.callback(server.process.stop)
            return f"127.0.0.1:{server.port}"
        LinkServer(self._toxiproxy)  # nobody there is told before a remover is sent there
        self._stops.callback(Remover(run, "--links", self._toxiproxy).remove)
        return self._toxiproxy

    def stop(self) -> None:
        """Stop everything that was started; a second time does nothing."""
        self._stops.close()
