"""The server's life: listen, say so, serve until told to stop, leave nothing."""

from __future__ import annotations

import asyncio
import contextlib
import resource
import signal
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from harness.toxiproxy.server.api import Api
from harness.toxiproxy.server.collection import Collection, Populated
from harness.toxiproxy.server.errors import ApiError
from harness.toxiproxy.server.timers import Timers
from harness.toxiproxy.server.wire import ApiConnection

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class CannotStart(Exception):
    """The server cannot start; the message says why and what to do."""


@dataclass(frozen=True)
class Options:
    """What the command line says."""

    host: str
    port: int
    seed: int | None
    config: Path | None


def run(options: Options, ready: Callable[[str], None]) -> None:
    """Serve until SIGINT or SIGTERM; ``ready`` gets HOST:PORT of the API.  Raises CannotStart."""
    _take_all_descriptors()
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        runner.run(_serve(options, ready))


def _take_all_descriptors() -> None:
    """A connection takes two, and a usual limit is 1,024; a program may go up to its hard limit, as Go's do."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(ValueError, OSError):  # where "no limit" is not taken at its word
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """uvloop moves about twice the bytes; without it everything works all the same."""
    try:
        import uvloop
    except ImportError:
        return None
    return uvloop.new_event_loop


async def _serve(options: Options, ready: Callable[[str], None]) -> None:
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for number in STOP_SIGNALS:
        loop.add_signal_handler(number, stop.set)
    timers = Timers(loop)
    collection = Collection(timers, options.seed)
    clients: set[ApiConnection] = set()
    try:
        if options.config is not None:
            await _populate(collection, options.config, _read(options.config))
        server = await _listen(loop, options, lambda: ApiConnection(Api(collection), clients))
        host, port = server.sockets[0].getsockname()[:2]
        ready(f"[{host}]:{port}" if ":" in host else f"{host}:{port}")
        await stop.wait()
        server.close()
    finally:
        for client in list(clients):
            client.close()
        collection.close()
        timers.close()
        await asyncio.sleep(0)


async def _listen(
    loop: asyncio.AbstractEventLoop, options: Options, factory: Callable[[], ApiConnection]
) -> asyncio.Server:
    try:
        return await loop.create_server(factory, options.host, options.port, backlog=1024)
    except (OSError, OverflowError) as error:
        raise CannotStart(
            f"the API cannot listen on {options.host}:{options.port}: {error}; "
            "choose another --port (0 takes any that is free)"
        ) from error


def _read(config: Path) -> bytes:
    try:
        return config.read_bytes()
    except OSError as error:
        raise CannotStart(f"--config {config}: {error.strerror}; give a JSON file that can be read") from error


async def _populate(collection: Collection, config: Path, raw: bytes) -> None:
    try:
        await collection.populate(raw)
    except (ApiError, Populated) as error:
        raise CannotStart(f"--config {config}: {error}") from error
