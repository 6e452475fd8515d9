"""What a test of the backend works with: the process, a client, and a look into its database."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import asyncpg
import httpx

from harness.clock import poll_until
from harness.environment.processes import Owned, start
from harness.environment.rundir import RunDirectory
from harness.ledger import Ledger
from tests.backend.wire import Wire

SECRET = "a-secret-of-the-tests-of-32-bytes-or-more"
PASSWORD = "correct horse"
START_S = 20.0  # a machine under load; a start takes 0.9 s on an idle one
# Short enough for a test to wait for, long enough for a busy machine.
BOUNDS_MS = {
    "HEALTH_TIMEOUT": "800",
    "REDIS_TIMEOUT": "300",
    "DB_CONNECT_TIMEOUT": "800",
    "DB_ACQUIRE_TIMEOUT": "1000",
    "DB_COMMAND_TIMEOUT": "800",
    "DB_OPERATION_TIMEOUT": "1500",
}


@dataclass(frozen=True)
class Program:
    """How the backend is run: in which run, with which settings."""

    run: RunDirectory
    settings: Mapping[str, str]

    def start(self, *arguments: str, **settings: str) -> Owned:
        """Start ``python -m harness.backend ARGUMENTS``; ``settings`` go over the usual ones, an empty one unsets."""
        command = [sys.executable, "-m", "harness.backend", *arguments]
        return start(command, run=self.run, name="backend", env={**self.settings, **settings})

    def serve(self, **settings: str) -> Backend:
        """Start it on a free port and wait until its banner tells where it is."""
        process = self.start(**{"PORT": "0", **settings})
        poll_until(lambda: "api-docs" in process.output() or not process.alive(), within_s=START_S, what="the banner")
        address = next(line.split()[-1] for line in process.output().splitlines() if "Server is running on" in line)
        return Backend(process, f"http://127.0.0.1:{urlsplit(address).port}")


@dataclass(frozen=True)
class Backend:
    """A backend that serves, and the clients that were made for it."""

    process: Owned
    url: str
    clients: list[httpx.Client] = field(default_factory=list)

    def client(self) -> httpx.Client:
        """A client without a session."""
        self.clients.append(httpx.Client(base_url=self.url, trust_env=False, timeout=20))
        return self.clients[-1]

    def user(self) -> httpx.Client:
        """A client with the session of a new user, who has 100 credits."""
        client = self.client()
        made = client.post("/api/auth/register", json={"email": f"{uuid4()}@test.example", "password": PASSWORD})
        assert made.status_code == 201, made.text
        return client

    def forget_clients(self) -> None:
        """Close the clients there are."""
        while self.clients:
            self.clients.pop().close()

    def stop(self) -> None:
        """End it."""
        self.forget_clients()
        self.process.stop()


@dataclass(frozen=True)
class Rig:
    """A backend whose ways to PostgreSQL and Redis can be broken, and the database without them."""

    program: Program
    backend: Backend
    postgres: Wire
    redis: Wire
    database_url: str

    def rows(self, query: str, *arguments: object) -> list[tuple[Any, ...]]:
        """What the database holds, asked directly."""
        return rows(self.database_url, query, *arguments)

    def executions(self, request_id: str) -> int:
        """How often a request was carried out."""
        return int(self.rows("SELECT count(*) FROM executions WHERE request_id = $1", request_id)[0][0])

    def health(self) -> tuple[int, dict[str, Any]]:
        """Status and body of the health check."""
        with self.backend.client() as client:
            answer = client.get("/api/health")
        return answer.status_code, answer.json()


def rows(database_url: str, query: str, *arguments: object) -> list[tuple[Any, ...]]:
    """Run one query of its own connection, outside any transaction."""

    async def ask() -> list[tuple[Any, ...]]:
        connection = await asyncpg.connect(database_url, timeout=10, command_timeout=10)
        try:
            return [tuple(row) for row in await connection.fetch(query, *arguments)]
        finally:
            await connection.close(timeout=5)

    return asyncio.run(ask())


def await_waiting(database_url: str) -> None:
    """Wait until a transaction of the API waits for a lock."""
    poll_until(Ledger(database_url).waiting, within_s=5, what="a transaction to wait for the lock")
