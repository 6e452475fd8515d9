"""One worker's stack: client → proxy → link → origin, and proxy → link → backend → links → PostgreSQL, Redis.

Everything is started when it is first asked for and kept for the worker's next scenarios; a proxy with other
settings is a proxy of its own.  Links, database and key space belong to this worker alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from functools import cached_property

from harness.backend_process import FEW_SESSIONS, Backend
from harness.case import Case
from harness.clock import Clock
from harness.environment import ports
from harness.environment.endpoints import Endpoints, WorkerEndpoints, for_worker
from harness.environment.processes import Owned
from harness.environment.rundir import RunDirectory
from harness.environment.servers import Postgres, postgres
from harness.errors import NotPromised
from harness.plan import Plan
from harness.progress import Progress
from harness.rig import Rig
from harness.system import System
from harness.target.launch import RunningTarget, launch, reach, spawn
from harness.target.speed import promised_settings
from harness.toxiproxy.client import Link, LinkServer
from harness.traffic.client import Client
from harness.traffic.origin import Origin

PATIENT_S = (
    0.15  # wall seconds; three times what the delay is at speed 20, and the three waits are within its deadline
)
KEPT_VARIANTS = 10  # proxies with other settings kept running per worker; each costs 40 MB
OWN_SESSIONS = 20  # of a PostgreSQL that is to be filled: enough for the API, and taken in a moment
# What makes an upstream answer and changes nothing: PostgreSQL's SSLRequest, Redis' PING, a health probe.  The last
# keeps the connection, for its end would come through where no byte does.
QUESTIONS = {"postgres": bytes.fromhex("0000000804d2162f"), "redis": b"PING\r\n"}
HTTP_QUESTION = b"GET %s HTTP/1.1\r\nHost: canary\r\n\r\n"

Key = tuple[str, tuple[tuple[str, str], ...]]


@dataclass
class Stack:
    """What one worker has running; `close` ends it."""

    plan: Plan
    endpoints: Endpoints
    worker: str
    directory: RunDirectory
    progress: Progress
    sessions: int = FEW_SESSIONS  # of the API with PostgreSQL
    _closing: ExitStack = field(default_factory=ExitStack)
    _targets: dict[Key, RunningTarget] = field(default_factory=dict)
    _clients: dict[str, Client] = field(default_factory=dict)
    _backend_links: dict[str, Link] = field(default_factory=dict)

    @cached_property
    def servers(self) -> WorkerEndpoints:
        """This worker's database and key space."""
        return for_worker(self.endpoints, self.worker)

    @cached_property
    def link_server(self) -> LinkServer:
        """The Toxiproxy server of the run."""
        return LinkServer(self.endpoints.toxiproxy, self.endpoints.tap)

    @property
    def _health_path(self) -> str:
        """Where the upstream's health is."""
        health = self.plan.contract.health
        return self.plan.target.routes.upstream_base + (health.path if health else "/health")

    @cached_property
    def origin(self) -> Origin:
        """The scripted upstream."""
        return self._closing.enter_context(Origin.start(health_path=self._health_path))

    @cached_property
    def origin_link(self) -> Link:
        """Proxy → origin.  A proxy that was started elsewhere expects it on the port it was told to forward to."""
        return self._link("origin", self.origin.address, self.plan.choices.origin_port)

    @cached_property
    def external(self) -> Origin:
        """An external service that errors may be sent to."""
        return self._closing.enter_context(Origin.start())

    @cached_property
    def backend(self) -> Backend:
        """The real API on this worker's PostgreSQL and Redis, by way of links."""
        self.progress.say("starting the backend: migrations, then the API")
        links = self._postgres_link, self._redis_link
        backend = Backend.start(self.directory, self.servers, *links, self.plan.clock, self.sessions)
        self._closing.callback(backend.stop)
        return backend

    # Links of their own right: when the backend does not start, the next scenario has them and tries again.
    @cached_property
    def _postgres_link(self) -> Link:
        return self._link("postgres", "{}:{}".format(*self.servers.postgres_address))

    @cached_property
    def _redis_link(self) -> Link:
        return self._link("redis", "{}:{}".format(*self.servers.redis_address))

    @cached_property
    def own_postgres(self) -> Postgres:
        """A PostgreSQL that no other worker uses, which a scenario may therefore restart and fill."""
        self.progress.say("starting a PostgreSQL that is to be restarted and filled")
        server = postgres(self.directory, sessions=OWN_SESSIONS)
        self._closing.callback(lambda: server.process.stop())
        return server

    @cached_property
    def backend_on_own_postgres(self) -> Backend:
        """Another API, on that; its bounds are in our seconds, for none of them is what is examined there."""
        servers = for_worker(replace(self.endpoints, postgres=self.own_postgres.url), f"{self.worker}-own")
        links = self._link("own-postgres", "{}:{}".format(*servers.postgres_address)), self._redis_link
        backend = Backend.start(self.directory, servers, *links, Clock(), self.sessions)
        self._closing.callback(backend.stop)
        return backend

    def _link_to(self, backend: Backend) -> Link:
        """Proxy → backend; for a proxy that was started elsewhere, its one link leads there for a while."""
        upstream = f"127.0.0.1:{backend.port}"
        if self.plan.choices.url is not None:
            self.origin_link.point_at(upstream)
            return self.origin_link
        if upstream not in self._backend_links:
            self._backend_links[upstream] = self._link(f"backend-{backend.port}", upstream)
        return self._backend_links[upstream]

    def _link(self, name: str, upstream: str, port: int | None = None) -> Link:
        listen = f"127.0.0.1:{port or ports.choose()}"
        link = self.link_server.create(f"{self.directory.id}-{name}", upstream, listen=listen)
        link.question = QUESTIONS.get(name.removeprefix("own-")) or HTTP_QUESTION % self._health_path.encode()
        self._closing.callback(link.remove)
        return link

    def rig(
        self,
        case: Case,
        settings: Mapping[str, object] | None = None,
        upstream: str | None = None,
        *,
        expiring: bool = False,
    ) -> Rig:
        """A rig in front of the origin, with nothing scripted and nothing recorded.

        ``expiring``: a health result expires at the target's pace; else it is kept as long as at real speed, so that
        "while health is cached good" does not depend on a busy machine's being quick.
        """
        if self.plan.choices.url is not None:
            if upstream is not None:
                raise NotPromised(f"{self.plan.choices.url} was not started by us, so its upstream cannot be another")
            self.origin_link.point_at(self.origin.address)
        self.origin.forget()
        chosen = {**self._pace(expiring), **(settings or {})}
        target = self.target(upstream or url(self.origin_link), chosen, answers=upstream is None)
        if target.started:
            case.watch(target.pid)
        return Rig(
            contract=self.plan.contract,
            clock=self.plan.clock,
            target=target,
            client=self._client(target),
            origin=self.origin,
            links={"upstream": self.origin_link},
            case=case,
            progress=self.progress,
            variants=self,
            expiring=expiring,
        )

    def system(
        self, case: Case, *, expiring: bool = False, own_postgres: bool = False, unhurried: bool = False
    ) -> System:
        """A rig in front of the backend; ``expiring`` as for `rig`, ``own_postgres``: of the one on its own server.

        ``unhurried``: the proxy has its deadline in our seconds, for nothing is to be ended by it.  So it has with
        ``own_postgres``: restarting a server takes as long as it takes.
        """
        if self.plan.why_no_api is not None:
            raise NotPromised(self.plan.why_no_api)
        backend = self.backend_on_own_postgres if own_postgres else self.backend
        settings = {**self._pace(expiring), **self._patience()}
        if unhurried or own_postgres:
            timeout = self.plan.contract.timeout
            settings |= self._as_at_real_speed(request_timeout=timeout.request_s if timeout else None)
        link = self._link_to(backend)
        target = self.target(url(link), settings)
        case.watch(backend.owned.pid)
        if target.started:
            case.watch(target.pid)
        return System(
            contract=self.plan.contract,
            clock=self.plan.clock,
            target=target,
            client=self._client(target),
            origin=self.origin,
            links={"upstream": link, "postgres": backend.postgres, "redis": backend.redis},
            case=case,
            progress=self.progress,
            variants=self,
            expiring=expiring,
            backend=backend,
            fresh_servers=lambda: for_worker(self.endpoints, f"{self.worker}-fresh"),
            own_postgres=self.own_postgres if own_postgres else None,
        )

    def _pace(self, expiring: bool) -> dict[str, object]:
        """The settings that wait for a connect and a probe, and unless ``expiring`` keep a probe's result, as long as
        at real speed.

        What is to succeed must not depend on a busy machine's being quick; the scenario about a probe or a connect
        that takes too long sets its own bound.
        """
        health, timeout = self.plan.contract.health, self.plan.contract.timeout
        return self._as_at_real_speed(
            connect_timeout=timeout.connect_s if timeout else None,
            health_timeout=health.timeout_s if health else None,
            health_ttl=health.ttl_s if health and not expiring else None,
        )

    def _as_at_real_speed(self, **bounds: float | None) -> dict[str, object]:
        """Settings with as many of our seconds as they have of the target's, where they are promised and settable."""
        if self.plan.clock.speed == 1:
            return {}
        known = self.plan.target.settings
        return {name: self.plan.clock.target(bound) for name, bound in bounds.items() if bound and name in known}

    def _patience(self) -> dict[str, object]:
        """Retries so far apart that a fault can be healed between them: real servers and links take their time."""
        if self.plan.clock.speed == 1 or "retry_delay" not in self.plan.target.settings:
            return {}
        return {"retry_delay": max(1.0, self.plan.clock.target(PATIENT_S))}

    def target(self, upstream: str, settings: Mapping[str, object], *, answers: bool = True) -> RunningTarget:
        """The target in front of ``upstream`` with ``settings``, started when there is none yet.

        One whose upstream cannot answer is taken to serve once it accepts connections.
        """
        if self.plan.choices.url is not None:
            return self._reached(settings)
        key = (upstream, tuple(sorted((name, str(value)) for name, value in settings.items())))
        running = self._targets.get(key)
        if running is None or not running.process.alive():
            self._make_room()
            self.progress.say(f"starting {self.plan.target.name} {dict(settings) or ''}")
            running = launch(
                self.plan.target if answers else self.plan.target.unasked(),
                upstream=upstream,
                run=self.directory,
                clock=self.plan.clock,
                settings={**promised_settings(self.plan.target, self.plan.contract), **settings},
            )
            self._targets[key] = running
        return running

    def _reached(self, settings: Mapping[str, object]) -> RunningTarget:
        choices = self.plan.choices
        assert choices.url is not None
        assert choices.origin_port is not None
        if settings:
            raise NotPromised(f"{choices.url} was not started by us, so {', '.join(settings)} cannot be set")
        return reach(self.plan.target, url=choices.url, origin_port=choices.origin_port)

    def spawn(self, port: int, environment: Mapping[str, str]) -> Owned:
        """Start the target on ``port``, in front of the origin, with more environment variables; do not wait."""
        if self.plan.choices.url is not None:
            raise NotPromised(f"{self.plan.choices.url} was not started by us, so nothing can be said of its start")
        return spawn(
            self.plan.target,
            port=port,
            upstream=url(self.origin_link),
            run=self.directory,
            clock=self.plan.clock,
            settings=promised_settings(self.plan.target, self.plan.contract),
            extra_env=environment,
        )

    def _make_room(self) -> None:
        while len(self._targets) >= KEPT_VARIANTS:
            oldest = next(key for key in self._targets if key[1]) if any(k[1] for k in self._targets) else None
            self._targets.pop(oldest or next(iter(self._targets))).stop()

    def _client(self, target: RunningTarget) -> Client:
        if target.base_url not in self._clients:
            self._clients[target.base_url] = self._closing.enter_context(Client(target.base_url))
        return self._clients[target.base_url]

    def close(self) -> None:
        """Stop everything this worker started; calling it twice is harmless."""
        self._closing.close()
        for target in self._targets.values():
            target.stop()
        self._targets.clear()
        self.directory.remove()


def url(link: Link) -> str:
    """Where a proxy finds the hop's link."""
    host, port = link.listen
    return f"http://{host}:{port}"
