"""The real API as a process of a run: migrated, started, asked directly, and read in its log."""

from __future__ import annotations

import re
import signal
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from harness.clock import Clock, now, poll_until
from harness.environment.endpoints import WorkerEndpoints
from harness.environment.processes import Owned, start
from harness.environment.rundir import RunDirectory
from harness.errors import ContractViolation, HarnessError
from harness.target.starts import Ended, ended
from harness.toxiproxy.client import Link
from harness.traffic.client import Client
from harness.traffic.exchange import Exchange

COMMAND = (sys.executable, "-m", "harness.backend")
BANNER = re.compile(r"Server is running on http://localhost:(\d+)")
MIGRATE = re.compile(r"python -m harness\.backend migrate")
START_S = 30.0  # wall seconds; 0.7 s on an idle machine, several workers start theirs at once
LOGIN = {"email": "demo@sora2.example", "password": "sora2-demo"}  # a seeded user of a development database
FEW_SESSIONS = 4  # of the API with PostgreSQL, so that a scenario can use all of them
GONE_S = 5.0  # wall seconds until the kernel has ended a killed process
LOGIN_S = 5.0  # wall seconds; a login takes 0.1 s on an idle machine

# The backend's bounds in target seconds: each ends before the proxy's, so that its own word is heard.
BOUNDS_S = {
    "DB_CONNECT_TIMEOUT": 4.0,
    "DB_ACQUIRE_TIMEOUT": 6.0,
    "DB_COMMAND_TIMEOUT": 10.0,
    "DB_OPERATION_TIMEOUT": 20.0,
    "REDIS_TIMEOUT": 2.0,
    "HEALTH_TIMEOUT": 2.5,
    "CACHE_TTL": 5.0,
}
MS = 1000


@dataclass
class Backend:
    """A running API on its own database and key space, behind links to both."""

    owned: Owned
    port: int
    servers: WorkerEndpoints
    postgres: Link
    redis: Link
    client: Client
    log_file: Path
    run: RunDirectory
    env: Mapping[str, str]

    @classmethod
    def start(
        cls,
        run: RunDirectory,
        servers: WorkerEndpoints,
        postgres: Link,
        redis: Link,
        clock: Clock,
        sessions: int = FEW_SESSIONS,
    ) -> Backend:
        """Migrate the database past the link, then start the API behind the links.  Raises HarnessError.

        ``sessions`` is how many it has with PostgreSQL at most.  Migrating is no part of what is examined: its bounds
        are in our seconds.
        """
        _migrate(run, _environment(run, servers, Clock(1.0)))
        env = _environment(run, servers.through(postgres=postgres.listen, redis=redis.listen), clock, sessions)
        owned = start(COMMAND, run=run, name="backend", env=env)
        port = poll_until(lambda: _port(owned), within_s=START_S, what="the backend's banner")
        client = Client(f"http://127.0.0.1:{port}")
        return cls(owned, port, servers, postgres, redis, client, Path(env["LOG_DIR"]) / "combined.log", run, env)

    def stop(self) -> None:
        """End it; calling it twice is harmless."""
        self.client.close()
        self.owned.stop()

    def kill(self) -> int:
        """End it with SIGKILL; its exit code."""
        self.owned.signal(signal.SIGKILL)
        return self.owned.wait(GONE_S)

    def begin_again(self) -> None:
        """Start it again on its port, after it has gone.  HarnessError when it does not serve."""
        self.owned.stop(0.0)
        self.owned = start(COMMAND, run=self.run, name="backend", env={**self.env, "PORT": str(self.port)})
        poll_until(lambda: _port(self.owned), within_s=START_S, what="the backend's banner")

    def get(self, path: str) -> Exchange:
        """GET, directly."""
        return self.client.get(path)

    def health(self) -> Exchange:
        """What it says of its own health."""
        return self.get("/api/health")

    def log(self) -> str:
        """Its ``logs/combined.log``."""
        return self.log_file.read_text("utf-8") if self.log_file.exists() else ""

    def session(self) -> dict[str, str]:
        """The headers of a user who is logged in.

        HarnessError when no login succeeds within `LOGIN_S`: the backend's own bounds are as fast as the target's,
        and a busy machine may not be.
        """
        deadline = now() + LOGIN_S
        while True:
            exchange = self.client.post("/api/auth/login", json=LOGIN)
            cookies = exchange.headers.get_all("set-cookie")
            if exchange.status == 200 and cookies:
                return {"Cookie": "; ".join(cookie.partition(";")[0] for cookie in cookies)}
            if exchange.status != 503 or now() > deadline:
                raise HarnessError(f"the backend's login answered {exchange.summary()}: {exchange.body[:200]!r}")

    def start_on_a_taken_port(self) -> Ended:
        """How a second backend ends whose port is taken."""

        def begin(port: int) -> Owned:
            return start(COMMAND, run=self.run, name="backend", env={**self.env, "PORT": str(port)})

        return ended(begin, taken=True)

    @contextmanager
    def fresh(self, servers: WorkerEndpoints, clock: Clock) -> Iterator[FreshBackend]:
        """A backend on the database of ``servers``, to which no migration was applied."""
        env = _environment(self.run, servers, clock)
        owned = start(COMMAND, run=self.run, name="backend", env=env)
        try:
            port = poll_until(lambda: _port(owned), within_s=START_S, what="the fresh backend's banner")
            with Client(f"http://127.0.0.1:{port}") as client:
                yield FreshBackend(client, self.run, env)
        finally:
            owned.stop()


@dataclass
class FreshBackend:
    """A backend whose database is empty."""

    client: Client
    run: RunDirectory
    env: Mapping[str, str]

    def health(self) -> Exchange:
        """What it says of its own health."""
        return self.client.get("/api/health")

    def run_the_command_in(self, health: Exchange) -> int:
        """Run the command that the health answer names; its exit code.  ContractViolation when it names none."""
        if not MIGRATE.search(health.body.decode("utf-8", "replace")):
            raise ContractViolation("health that names `python -m harness.backend migrate`", repr(health.body))
        return _migrated(self.run, self.env).wait(START_S)

    def until_healthy(self) -> Exchange:
        """The first good answer; the last one when none comes."""
        try:
            return poll_until(self._healthy, within_s=5.0, what="a healthy backend")
        except HarnessError:
            return self.health()

    def _healthy(self) -> Exchange | None:
        exchange = self.health()
        return exchange if exchange.status == 200 else None


def _environment(
    run: RunDirectory, servers: WorkerEndpoints, clock: Clock, sessions: int = FEW_SESSIONS
) -> dict[str, str]:
    return {
        "PORT": "0",
        "NODE_ENV": "development",
        "DATABASE_URL": f"{servers.database_url}?schema=public",
        "REDIS_URL": servers.redis_url,
        "LOG_DIR": str(run.folder("backend-logs")),
        "INITIAL_CREDITS": "1000000",
        "DB_POOL_SIZE": str(sessions),
        **{name: f"{clock.wall(seconds) * MS:.3f}" for name, seconds in BOUNDS_S.items()},
    }


def _port(owned: Owned) -> int | None:
    if not owned.alive():
        raise HarnessError(f"the backend exited with {owned.exit_code()}; its last output:\n{owned.last_words()}")
    found = BANNER.search(owned.output())
    return int(found.group(1)) if found else None


def _migrated(run: RunDirectory, env: Mapping[str, str]) -> Owned:
    return start((*COMMAND, "migrate"), run=run, name="migrate", env=env)


def _migrate(run: RunDirectory, env: Mapping[str, str]) -> None:
    owned = _migrated(run, env)
    if owned.wait(START_S) != 0:
        raise HarnessError(f"the backend's migrations failed:\n{owned.last_words()}")
