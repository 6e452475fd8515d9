"""What the origin saw.  Records are values; the log replaces them as a connection goes on."""

from __future__ import annotations

import itertools
import threading
from dataclasses import dataclass, field, replace
from typing import Any

from harness.traffic.request import RequestHeaders

KEY_HEADER = "X-Errorpath-Request"


@dataclass(frozen=True)
class Attempt:
    """One request as it reached the origin; every time is `harness.clock.now()`, in wall seconds."""

    key: str | None  # value of X-Errorpath-Request
    at: float  # when the whole head had come (or, for a connection reset at once, when it was accepted)
    method: str
    target: str
    headers: RequestHeaders
    connection: int
    is_probe: bool = False  # for the health path
    raw_head: bytes = b""
    trailers: RequestHeaders = field(default_factory=list)
    body: bytes | None = b""  # None when longer than 4 MiB
    body_sha256: str = ""
    body_length: int = 0
    complete: bool = False  # the whole request came
    outcome: str = ""  # name of the behaviour that answered
    bytes_sent: int = 0  # handed to the kernel for this attempt
    ended_at: float | None = None  # when the behaviour was over
    closed_by_peer_at: float | None = None  # the proxy left while this attempt was being answered

    def header(self, name: str) -> str | None:
        """The first value of the header ``name``, compared without case."""
        wanted = name.lower().encode()
        return next((value.decode("latin-1") for key, value in self.headers if key.lower() == wanted), None)


@dataclass(frozen=True)
class Connection:
    """One accepted connection."""

    number: int
    at: float
    peer: tuple[str, int]
    requests: int = 0
    bytes_sent: int = 0
    closed_by_peer_at: float | None = None
    reset_by_peer: bool = False
    closed_at: float | None = None  # by the origin


class Recording:
    """Connections and attempts of one origin, in the order they came; any thread may ask."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._numbers = itertools.count(1)
        self._connections: dict[int, Connection] = {}
        self._attempts: dict[int, Attempt] = {}

    def opened(self, at: float, peer: tuple[str, int]) -> int:
        """Note a new connection and return its number."""
        with self._lock:
            number = next(self._numbers)
            self._connections[number] = Connection(number, at, peer)
            return number

    def attempted(self, attempt: Attempt) -> int:
        """Note a new attempt and return its number."""
        with self._lock:
            number = next(self._numbers)
            self._attempts[number] = attempt
            return number

    def connection_is(self, number: int, **changes: Any) -> None:
        """Change a connection's record; one that was forgotten stays forgotten."""
        with self._lock:
            if number in self._connections:
                self._connections[number] = replace(self._connections[number], **changes)

    def attempt_is(self, number: int, **changes: Any) -> None:
        """Change an attempt's record; one that was forgotten stays forgotten."""
        with self._lock:
            if number in self._attempts:
                self._attempts[number] = replace(self._attempts[number], **changes)

    def connections(self) -> list[Connection]:
        """Every connection since the last `forget`."""
        with self._lock:
            return list(self._connections.values())

    def attempts(self) -> list[Attempt]:
        """Every attempt since the last `forget`, probes included."""
        with self._lock:
            return list(self._attempts.values())

    def forget(self) -> None:
        """Drop all records."""
        with self._lock:
            self._connections.clear()
            self._attempts.clear()
