"""One proxy: a listener, its connections and its toxics."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

from harness.toxiproxy.server import applied as wire
from harness.toxiproxy.server.address import Address, dial, reason
from harness.toxiproxy.server.connection import Connection
from harness.toxiproxy.server.errors import ApiError, cannot_listen, toxic_exists, toxic_not_found
from harness.toxiproxy.server.listener import Listener
from harness.toxiproxy.server.metrics import ByteCounters
from harness.toxiproxy.server.report import Ended, Report
from harness.toxiproxy.server.stage import Applied
from harness.toxiproxy.server.timers import Timers


@dataclass(frozen=True)
class Shared:
    """What the proxies of one server have in common."""

    timers: Timers
    counters: ByteCounters
    seed: int


class Proxy:
    """A listener in front of an upstream.  All methods act at once; only connections live on."""

    def __init__(self, name: str, listen: str, upstream: str, shared: Shared) -> None:
        self.name = name
        self.listen = listen
        self.upstream = upstream
        self.enabled = False
        self.report = Report()
        self.timers = shared.timers
        self._shared = shared
        self._listener = Listener(self._accepted)
        self._address: Address | None = None
        self._connections: set[Connection] = set()
        self._toxics: dict[str, list[Applied]] = {direction: [] for direction in wire.DIRECTIONS}

    def as_json(self) -> dict[str, Any]:
        """As the API shows it (``Logger`` is what Toxiproxy 2.12 shows there, too)."""
        return {
            "name": self.name,
            "listen": self.listen,
            "upstream": self.upstream,
            "enabled": self.enabled,
            "Logger": {},
            "toxics": [wire.as_json(toxic) for toxic in self.toxics()],
        }

    # listening

    def start(self, address: Address) -> None:
        """Listen.  Raises ApiError 500 with the system's reason."""
        try:
            self._address = self._listener.open(address)
        except OSError as error:
            raise cannot_listen(f"listen tcp {address.text}: bind: {reason(error)}") from None
        self.listen = self._address.text
        self.enabled = True

    def move(self, address: Address, upstream: str) -> None:
        """Be enabled, at another address or in front of another upstream; every connection is closed.

        Raises ApiError 500 with the system's reason, and then nothing has changed.
        """
        before = self._address if self.enabled else None
        if address != before:
            if before is not None:
                self._listener.close(before)  # the two may be one port: where they are not, this keeps the old one
            try:
                self.start(address)
            except ApiError:
                if before is not None:
                    self.enabled = False
                    self.start(before)
                raise
        self.upstream = upstream
        self._end_connections()

    def stop(self) -> None:
        """Refuse connects and close every connection; the port stays reserved."""
        if self._address is not None and self.enabled:
            self._listener.close(self._address)
        self.enabled = False
        self._end_connections()

    def remove(self) -> None:
        """Stop, and give the port back."""
        self._listener.release()
        self.enabled = False
        self._end_connections()

    def moved_to(self, address: Address, upstream: str) -> bool:
        """Whether these are another listen address or another upstream than the present ones."""
        return self.listen != address.text or self.upstream != upstream

    def _end_connections(self) -> None:
        for connection in list(self._connections):
            connection.kill(Ended.DISABLED)

    # connections

    def _accepted(self, client: socket.socket, peer: str) -> None:
        record = self.report.open(peer, time.monotonic())
        connection = Connection(self, client, record, self._chance(record.id))
        self._connections.add(connection)
        upstream = self.upstream
        connection.start(lambda: dial(upstream))
        self._shared.counters.track(connection.record, self.name, self.listen, upstream)

    def _chance(self, connection: int) -> _Chance:
        return _Chance(f"{self._shared.seed}/{self.name}/{connection}")

    def forget(self, connection: Connection) -> None:
        """A connection is over."""
        self._connections.discard(connection)
        self.report.close(connection.record, time.monotonic())
        self._shared.counters.settle(connection.record)

    # toxics

    def toxics(self) -> list[Applied]:
        """All, upstream first, in the order of the chain."""
        return [toxic for direction in wire.DIRECTIONS for toxic in self._toxics[direction]]

    def toxics_on(self, direction: str) -> Sequence[Applied]:
        """Those of one stream."""
        return self._toxics[direction]

    def toxic(self, name: str) -> Applied:
        """The one of that name.  Raises ApiError 404."""
        for toxic in self.toxics():
            if toxic.name == name:
                return toxic
        raise toxic_not_found()

    def add_toxic(self, raw: bytes) -> Applied:
        """Put a toxic at the end of its stream's chain, on open connections as well.  Raises ApiError."""
        toxic = wire.read_new(raw)
        if any(known.name == toxic.name for known in self.toxics()):
            raise toxic_exists()
        self._toxics[toxic.direction].append(toxic)
        for flow in self._flows(toxic):
            flow.add(toxic)
        return toxic

    def update_toxic(self, name: str, raw: bytes) -> Applied:
        """Change attributes and toxicity; what is held back is decided anew.  Raises ApiError."""
        toxic = self.toxic(name)
        toxic.toxic, toxic.toxicity = wire.read_update(raw, toxic)
        for flow in self._flows(toxic):
            flow.update(toxic)
        return toxic

    def remove_toxic(self, name: str) -> None:
        """Take it away; what it held back goes on at once.  Raises ApiError 404."""
        toxic = self.toxic(name)
        self._toxics[toxic.direction].remove(toxic)
        for flow in self._flows(toxic):
            flow.remove(toxic)

    def _flows(self, toxic: Applied) -> list[Any]:
        if toxic.direction == "upstream":
            return [connection.upstream for connection in self._connections]
        return [connection.downstream for connection in self._connections]


@dataclass(frozen=True)
class _Chance:
    """Chance for one connection: each toxic's is its own, so that adding one does not change another's luck."""

    root: str

    def __call__(self, toxic: str) -> Random:
        return Random(f"{self.root}/{toxic}")  # noqa: S311  to be repeatable is the point


async def settle() -> None:
    """Let the sockets that were just closed really close, before the API says that they are."""
    await asyncio.sleep(0)
    await asyncio.sleep(0)
