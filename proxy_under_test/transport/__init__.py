"""How a request reaches the upstream: one small interface, two implementations.

Law: a transport never tries twice.  Whatever goes wrong is raised as ``UpstreamFailure`` with one ``Cause``, from a
table at this seam; ``tests/proxy`` runs one classification table over every implementation and counts, at a raw
origin, the connections and requests it really made.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from proxy_under_test.body import Body
from proxy_under_test.causes import Cause

Header = tuple[bytes, bytes]


class Try:
    """One try, filled in by the transport as it goes, so that it can be judged whenever it is cut short.

    ``started`` and ``ended`` are seconds on the monotonic clock; ``outcome`` is a cause, or the status that came.
    """

    connected = False
    sent = False
    answered = False
    reused = False
    ended = 0.0
    outcome: Cause | int | None = None

    def __init__(self, number: int = 1, started: float = 0.0) -> None:
        self.number = number
        self.started = started


@dataclass(slots=True)
class Outgoing:
    """A request for the upstream.  ``fresh``: a kept-alive connection, perhaps gone stale, must not be used."""

    method: str
    target: bytes
    headers: Sequence[Header]
    body: Body | None = None
    fresh: bool = False
    attempt: Try = field(default_factory=Try)


class Incoming(Protocol):
    """A response whose head has arrived.  Header names are lower case; values are the upstream's bytes."""

    status: int
    headers: Sequence[Header]

    @property
    def until_close(self) -> bool:
        """Whether only the end of the connection ends the body, so that nobody can tell a cut from an end."""

    @property
    def ready(self) -> bool:
        """Whether ``read`` would return at once."""

    @property
    def finished(self) -> bool:
        """Whether nothing is left to read."""

    async def read(self) -> bytes:
        """The next bytes of the body, b"" at its end.  Raises UpstreamFailure where it breaks off."""

    async def aclose(self) -> None:
        """Give the connection back where the response was read to its end, else close it at once.  Idempotent."""


class Transport(Protocol):
    """A way to the one configured upstream."""

    async def send(self, request: Outgoing) -> Incoming:
        """Send ``request`` once and wait for the head of its response.  Raises UpstreamFailure."""

    async def aclose(self) -> None:
        """Close every connection."""

    @property
    def open_connections(self) -> int:
        """Connections to the upstream, busy ones included."""

    @property
    def idle_connections(self) -> int:
        """Connections that wait for a next request."""
