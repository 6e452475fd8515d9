"""Where the servers of a run are, and each worker's own share of them."""

from __future__ import annotations

import asyncio
import re
import socket
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any
from urllib.parse import urlsplit

import asyncpg

from harness.errors import EnvironmentUnavailable

ANSWER_S = 10.0  # CREATE DATABASE takes 40 ms; four workers on two busy cores wait for one another
COUNTER = "errorpath:workers"  # in Redis database 0, which no worker is given

Address = tuple[str, int]


@dataclass(frozen=True)
class Endpoints:
    """The servers of a run; plain data, so that workers can be told.

    ``postgres`` is a URL without a database, ``redis`` one without a number, ``toxiproxy`` the HOST:PORT of the API.
    ``tap`` is the API of our own link server, where ``toxiproxy`` is another: taps of ours stand behind its links and
    report what it does not.
    """

    postgres: str
    redis: str
    toxiproxy: str
    kind: str
    toxiproxy_kind: str
    versions: dict[str, str]
    tap: str | None = None

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        return asdict(self)

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Endpoints:
        """The inverse of `to_json`."""
        return cls(**raw)


@dataclass(frozen=True)
class WorkerEndpoints:
    """A worker's own database and key space: ``database_url``, ``redis_url`` with its number; the shared API."""

    database_url: str
    redis_url: str
    toxiproxy: str

    @property
    def postgres_address(self) -> Address:
        """Host and port of PostgreSQL, for a link to it."""
        return address(self.database_url)

    @property
    def redis_address(self) -> Address:
        """Host and port of Redis, for a link to it."""
        return address(self.redis_url)

    def through(self, *, postgres: Address | None = None, redis: Address | None = None) -> WorkerEndpoints:
        """The same by way of links that listen at ``postgres`` and ``redis``."""
        return replace(
            self,
            database_url=_moved(self.database_url, postgres),
            redis_url=_moved(self.redis_url, redis),
        )


def for_worker(endpoints: Endpoints, worker: str, *, template: str = "template1") -> WorkerEndpoints:
    """Make a new database (a copy of ``template``) and take an unused Redis number.

    Safe for workers that call it at the same time, and for one that takes the place of another.  Raises
    EnvironmentUnavailable when a server does not do its part.
    """
    number = _next_number(endpoints.redis)
    name = f"worker_{re.sub(r'[^a-z0-9]', '_', worker.lower())}_{number}"
    try:
        asyncio.run(_create_database(endpoints.postgres, name, template))
    except (OSError, asyncpg.PostgresError, TimeoutError) as exc:
        raise EnvironmentUnavailable(f"PostgreSQL made no database {name} at {endpoints.postgres}: {exc!r}") from exc
    return WorkerEndpoints(f"{endpoints.postgres}/{name}", f"{endpoints.redis}/{number}", endpoints.toxiproxy)


def address(url: str) -> Address:
    """Host and port of a URL that has both."""
    parts = urlsplit(url)
    assert parts.hostname is not None
    assert parts.port is not None
    return parts.hostname, parts.port


def _moved(url: str, to: Address | None) -> str:
    if to is None:
        return url
    host, port = address(url)
    return url.replace(f"{host}:{port}", f"{to[0]}:{to[1]}", 1)


def _next_number(redis_url: str) -> int:
    """Count in Redis itself, so that no two workers agree by chance (an inline command needs no client)."""
    try:
        with socket.create_connection(address(redis_url), ANSWER_S) as connection:
            connection.sendall(f"INCR {COUNTER}\r\n".encode())
            answer = connection.makefile("rb").readline()
    except OSError as exc:
        raise EnvironmentUnavailable(f"Redis does not answer at {redis_url}: {exc}") from exc
    if not answer.startswith(b":"):
        raise EnvironmentUnavailable(f"Redis at {redis_url} did not count: {answer!r}")
    return int(answer[1:])


async def _create_database(server: str, name: str, template: str) -> None:
    connection = await asyncpg.connect(f"{server}/postgres", timeout=ANSWER_S, command_timeout=ANSWER_S)
    try:
        await connection.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
    finally:
        await connection.close(timeout=ANSWER_S)


def postgres_version(server: str) -> str | None:
    """The version of the PostgreSQL at a URL without a database; None when it does not answer yet."""
    try:
        return asyncio.run(_ask_version(server))
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, TimeoutError):
        return None


async def _ask_version(server: str) -> str:
    connection = await asyncpg.connect(f"{server}/postgres", timeout=ANSWER_S, command_timeout=ANSWER_S)
    try:
        return str(await connection.fetchval("SHOW server_version"))
    finally:
        await connection.close(timeout=ANSWER_S)


def redis_version(url: str) -> str | None:
    """The version of the Redis at a URL without a number; None when it does not answer yet."""
    try:
        with socket.create_connection(address(url), ANSWER_S) as connection:
            connection.sendall(b"INFO server\r\nQUIT\r\n")
            answer = connection.makefile("rb").read().decode("utf-8", "replace")
    except OSError:
        return None
    found = re.search(r"redis_version:(\S+)", answer)
    return found[1] if found else None
