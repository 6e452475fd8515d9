"""One environment and one backend for each worker; users are made anew for each test."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit
from uuid import uuid4

import pytest

from harness.environment import servers
from harness.environment.rundir import RunDirectory
from tests.backend.rig import BOUNDS_MS, SECRET, START_S, Program, Rig, rows
from tests.backend.wire import Wire


@pytest.fixture(scope="session")
def backend_run() -> Iterator[RunDirectory]:
    with RunDirectory.create() as run:
        yield run


@pytest.fixture(scope="session")
def backend_servers(backend_run: RunDirectory) -> tuple[str, str]:
    """The URLs of PostgreSQL (without a database) and of Redis; the servers go with the run."""
    with ThreadPoolExecutor(2) as pool:
        postgres, valkey = pool.submit(servers.postgres, backend_run), pool.submit(servers.valkey, backend_run)
    return f"postgresql://postgres@127.0.0.1:{postgres.result().port}", f"redis://127.0.0.1:{valkey.result().port}"


@pytest.fixture(scope="session")
def program(backend_run: RunDirectory) -> Program:
    return Program(
        backend_run, {"JWT_SECRET": SECRET, "LOG_DIR": str(backend_run.folder("backend-logs")), **BOUNDS_MS}
    )


@pytest.fixture
def database(backend_servers: tuple[str, str]) -> str:
    """The URL of a new and empty database."""
    return new_database(backend_servers[0])


@pytest.fixture(scope="session")
def session_rig(backend_servers: tuple[str, str], program: Program) -> Iterator[Rig]:
    postgres_url, _ = backend_servers
    database_url = new_database(postgres_url)
    assert program.start("migrate", DATABASE_URL=database_url).wait(START_S) == 0
    postgres, redis = (Wire("127.0.0.1", urlsplit(url).port or 0) for url in backend_servers)
    through = {
        "DATABASE_URL": database_url.replace(f":{urlsplit(postgres_url).port}", f":{postgres.port}"),
        "REDIS_URL": f"redis://127.0.0.1:{redis.port}",
    }
    backend = program.serve(**through)
    yield Rig(program, backend, postgres, redis, database_url)
    backend.stop()
    postgres.close()
    redis.close()


@pytest.fixture
def rig(session_rig: Rig) -> Iterator[Rig]:
    """The backend, healthy: a test that begins in trouble says nothing."""
    status, body = session_rig.health()
    assert (status, body["status"]) == (200, "ok"), body
    yield session_rig
    session_rig.backend.forget_clients()


def new_database(postgres_url: str) -> str:
    name = f"backend_{uuid4().hex}"
    rows(f"{postgres_url}/postgres", f"CREATE DATABASE {name}")
    return f"{postgres_url}/{name}"
