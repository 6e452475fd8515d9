"""The servers that are programs of this machine: how each is started, and how it says that it is ready."""

from __future__ import annotations

import importlib.metadata
import os
import re
import shutil
import signal
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

from harness.clock import poll_until
from harness.environment import ports, wheels
from harness.environment.leaks import listens
from harness.environment.privileges import ids_of, unprivileged
from harness.environment.processes import Owned, start
from harness.environment.rundir import RunDirectory
from harness.errors import EnvironmentUnavailable, HarnessError

START_S = 30.0  # all of it takes 1 s on an idle machine; a machine that drowns still gets a verdict
PLAIN = {"LC_ALL": "C", "TZ": "UTC"}  # messages that `ports.says_taken` can read
SESSIONS = 200  # of PostgreSQL: eight workers with an API each, and the harness's own
# Durable for nobody: the data dies with the run.  Shared memory is anonymous or in the data directory, so that a
# SIGKILL leaves nothing in /dev/shm.
POSTGRES_EVERYWHERE = {
    "max_connections": str(SESSIONS),
    "shared_buffers": "32MB",
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "jit": "off",
    "timezone": "UTC",
}
POSTGRES_SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "shared_memory_type": "mmap",
    "dynamic_shared_memory_type": "mmap",
    **POSTGRES_EVERYWHERE,
}
NO_TRACE = ("-c", "dynamic_shared_memory_type=mmap")  # initdb, too, may be killed
LISTENING = re.compile(r"^listening on \S+:(\d+)\s*$", re.MULTILINE)
BINARY = "ERRORPATH_TOXIPROXY_BINARY"  # a toxiproxy-server that is not on PATH
VALKEY_DATABASES = 10_000  # every worker, and every one that replaces a crashed worker, takes a new number
REDIS_SETTINGS = ("--save", "", "--appendonly", "no", "--databases", str(VALKEY_DATABASES))


class Server:
    """A running server: its process and its port on 127.0.0.1, with the version it runs."""

    def __init__(self, process: Owned, port: int, version: str) -> None:
        self.process = process
        self.port = port
        self.version = version


Start = Callable[[RunDirectory], Server]


class Postgres(Server):
    """A PostgreSQL that can be restarted: ``again`` serves its data on a port and returns once that is ready."""

    def __init__(self, process: Owned, port: int, version: str, again: Callable[[int], Owned]) -> None:
        super().__init__(process, port, version)
        self._again = again

    @property
    def url(self) -> str:
        """Of its superuser, without a database."""
        return f"postgresql://postgres@127.0.0.1:{self.port}"

    def restart(self) -> None:
        """As ``pg_ctl restart`` does: every session is ended at once, then it serves its data on its port again.

        HarnessError when it does not.
        """
        self.process.stop()
        self.process = self._again(self.port)


def postgres(run: RunDirectory, sessions: int = SESSIONS) -> Postgres:
    """Initialise a cluster with the superuser ``postgres`` (trusted on loopback); serve ``sessions`` at most."""
    wheel = _usable(wheels.postgres(), run)
    data = _folder(run, "postgres")
    init = [str(wheel.path("initdb")), "-D", str(data), "-U", "postgres", "--auth=trust"]
    init += ["--locale=C", "--encoding=UTF8", "--no-sync", "--no-instructions", *NO_TRACE]
    _succeed(start(init, run=run, name="initdb", env=PLAIN, cwd=data, user=unprivileged()))
    chosen = {**POSTGRES_SETTINGS, "max_connections": str(sessions)}
    settings = [part for key, value in chosen.items() for part in ("-c", f"{key}={value}")]
    state = data / "postmaster.pid"

    def serve(port: int) -> Owned:
        command = [str(wheel.path("postgres")), "-D", str(data), "-p", str(port), *settings]
        user = unprivileged()
        return start(command, run=run, name="postgres", env=PLAIN, cwd=data, user=user, stop_signal=signal.SIGINT)

    def ready(_process: Owned, _port: int) -> bool:  # as pg_ctl knows it: the last line of the file
        return state.exists() and state.read_text("ascii").rstrip().endswith("ready")

    process, port = _on_a_free_port(serve, ready)
    version = re.search(r"starting PostgreSQL (\S+)", process.output())

    def again(port: int) -> Owned:
        process = serve(port)
        _await(process, partial(_ready_on, ready, port))
        return process

    return Postgres(process, port, f"PostgreSQL {version[1] if version else '(unknown)'}", again)


def valkey(run: RunDirectory) -> Server:
    """Serve an empty Valkey that writes nothing to disk."""
    wheel = _usable(wheels.valkey(), run)
    data = _folder(run, "valkey")

    def serve(port: int) -> Owned:
        command = [str(wheel.path("valkey-server")), "--bind", "127.0.0.1", "--port", str(port), "--dir", str(data)]
        command += REDIS_SETTINGS
        return start(command, run=run, name="valkey", env=PLAIN, cwd=data, user=unprivileged())

    process, port = _on_a_free_port(serve, lambda process, _: "Ready to accept connections" in process.output())
    version = re.search(r"Valkey version=([^,\s]+)", process.output())
    return Server(process, port, f"Valkey {version[1] if version else '(unknown)'}")


def toxiproxy(run: RunDirectory) -> Server:
    """Serve our own Toxiproxy API on a port of its own choice."""
    command = [sys.executable, "-m", "harness.toxiproxy", "--host", "127.0.0.1", "--port", "0"]
    process = start(command, run=run, name="toxiproxy")
    _await(process, lambda process: LISTENING.search(process.output()) is not None)
    listening = LISTENING.search(process.output())
    assert listening is not None
    return Server(process, int(listening[1]), f"errorpath {importlib.metadata.version('errorpath')}")


def toxiproxy_binary(run: RunDirectory) -> Server:
    """Serve the API with the real Toxiproxy.  EnvironmentUnavailable where this machine has none."""
    program = os.environ.get(BINARY) or shutil.which("toxiproxy-server")
    if program is None:
        raise EnvironmentUnavailable(
            f"--toxiproxy binary: no toxiproxy-server on PATH, and {BINARY} names none; install Toxiproxy, "
            "or choose --toxiproxy embedded"
        )

    def serve(port: int) -> Owned:
        command = [program, "-host", "127.0.0.1", "-port", str(port), "-proxy-metrics"]
        return start(command, run=run, name="toxiproxy-server")

    def ready(process: Owned, port: int) -> bool:
        if ports.says_taken(process.output()):
            process.stop(0.0)  # Toxiproxy goes on without its API
        return listens(process.pid, port)

    try:
        process, port = _on_a_free_port(serve, ready)
    except HarnessError as exc:
        raise EnvironmentUnavailable(f"--toxiproxy binary ({program}): {exc}") from exc
    return Server(process, port, f"Toxiproxy at {program}")


def _usable(wheel: wheels.Wheel, run: RunDirectory) -> wheels.Wheel:
    """The wheel itself, or a copy below the run where the account of the servers cannot reach it (a 0700 home)."""
    if unprivileged() is None or wheel.open_to_all():
        return wheel
    return wheel.copied(run.folder(wheel.package))


def _folder(run: RunDirectory, name: str) -> Path:
    """A folder that belongs to the account of the servers."""
    folder = run.folder(name)
    user = unprivileged()
    if user is not None:
        os.chown(folder, *ids_of(user))
    return folder


def _on_a_free_port(serve: Callable[[int], Owned], ready: Callable[[Owned, int], bool]) -> tuple[Owned, int]:
    """Serve on one port after the other until nobody was faster."""
    for last in (*[False] * (ports.TRIES - 1), True):
        port = ports.choose()
        process = serve(port)
        try:
            _await(process, partial(_ready_on, ready, port))
        except EnvironmentUnavailable:
            process.stop(0.0)
            if last or not ports.says_taken(process.output()):
                raise
        else:
            return process, port
    raise AssertionError("the last try returns or raises")


def _ready_on(ready: Callable[[Owned, int], bool], port: int, process: Owned) -> bool:
    return ready(process, port)


def _await(process: Owned, ready: Callable[[Owned], bool]) -> None:
    """Wait until a server is ready.  EnvironmentUnavailable, with its last words, when it ends or takes too long."""
    try:
        poll_until(
            lambda: ready(process) or not process.alive(), within_s=START_S, what=f"{process.name} to be ready"
        )
    except HarnessError as exc:
        raise EnvironmentUnavailable(f"{exc}; its last words:\n{process.last_words()}") from exc
    if not process.alive():
        raise EnvironmentUnavailable(_ended(process))


def _succeed(process: Owned) -> None:
    """Wait for a program that is to end with 0."""
    if process.wait(START_S) != 0:
        raise EnvironmentUnavailable(_ended(process))


def _ended(process: Owned) -> str:
    return f"{process.name} exited with {process.exit_code()}; its last words:\n{process.last_words()}"
