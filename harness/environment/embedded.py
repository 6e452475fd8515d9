"""The embedded environment: PostgreSQL and Valkey out of wheels, and our Toxiproxy server; nothing to set up."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, wait

from harness.environment import servers, wheels
from harness.environment.endpoints import Endpoints, WorkerEndpoints, for_worker
from harness.environment.rundir import GONE_S, STOP_S, RunDirectory
from harness.environment.servers import Server, Start
from harness.errors import EnvironmentUnavailable, HarnessError

__all__ = ["EmbeddedEnvironment", "Endpoints", "WorkerEndpoints", "for_worker"]

ALL = ("postgres", "valkey", "toxiproxy")


class EmbeddedEnvironment:
    """The servers of one run, or some of them by name, started together and stopped together."""

    def __init__(self, names: Sequence[str] = ALL) -> None:
        self._names = names
        self._servers: dict[str, Server] = {}

    def start(self, run: RunDirectory) -> Endpoints:
        """`start_servers` of an environment that has all of them; where they are."""
        self.start_servers(run)
        return self.endpoints()

    def start_servers(self, run: RunDirectory) -> None:
        """Start all servers at once and wait until each is ready (1 s in all on two idle cores).

        Raises EnvironmentUnavailable for the first that is not, with its last words; the others are stopped.
        """
        starts: dict[str, Start] = {
            "postgres": servers.postgres,
            "valkey": servers.valkey,
            "toxiproxy": servers.toxiproxy,
        }
        for name, find in {"postgres": wheels.postgres, "valkey": wheels.valkey}.items():
            if name in self._names:
                find()  # nothing is started for want of a wheel
        with ThreadPoolExecutor(len(starts)) as pool:
            try:
                pending = {name: pool.submit(starts[name], run) for name in self._names}
                wait(pending.values())
            except BaseException:
                run.cease()  # an interrupt does not wait until all are ready: what is starting ends, and its thread
                raise
        failures = []
        for name, future in pending.items():
            try:
                self._servers[name] = future.result()
            except HarnessError as exc:
                failures.append(exc)
        if failures:
            self.stop()
            raise EnvironmentUnavailable(str(failures[0])) from failures[0]

    def endpoints(self) -> Endpoints:
        """Where the servers are, of an environment that has all of them."""
        return Endpoints(**self.addresses(), kind="embedded", toxiproxy_kind="embedded", versions=self.versions())

    def addresses(self) -> dict[str, str]:
        """Where each server is, by its name in `Endpoints`."""
        forms = {
            "postgres": ("postgres", "postgresql://postgres@127.0.0.1:{}"),
            "valkey": ("redis", "redis://127.0.0.1:{}"),
            "toxiproxy": ("toxiproxy", "127.0.0.1:{}"),
        }
        return {forms[name][0]: forms[name][1].format(server.port) for name, server in self._servers.items()}

    def versions(self) -> dict[str, str]:
        """What each server says it is."""
        return {name: server.version for name, server in self._servers.items()}

    def stop(self) -> None:
        """Stop all servers at once; their data goes with the run directory."""
        stopping = [server.process for server in self._servers.values()]
        self._servers = {}
        for process in stopping:
            process.ask_to_stop(STOP_S)
        for process in stopping:
            process.await_end(STOP_S + GONE_S)

    def server(self, name: str) -> Server:
        """A server by name: "postgres", "valkey" or "toxiproxy"."""
        return self._servers[name]
