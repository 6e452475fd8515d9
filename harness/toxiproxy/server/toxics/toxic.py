"""What a toxic is.

Law: a toxic is a frozen value; its fields are its attributes on the wire, with their defaults, in wire order.
It decides and does no I/O: ``data`` is a generator that *yields the moments until which the stream stands still*
(seconds of `time.monotonic`) and in between lets bytes of the chunk pass through the stub.  What it has not let
pass when it ends is dropped.  What it has not let pass when it is taken away (removed, updated) goes on unharmed,
so removing a toxic can neither hang nor lose anything.

Whatever only some toxics do is a protocol of its own below; the engine asks for the ability, never for a name.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from random import Random
from typing import Protocol, runtime_checkable

Moments = Iterator[float]


@dataclass(slots=True)
class Chunk:
    """Bytes on their way.  ``at`` is when they arrived (seconds, monotonic), moved on by each latency."""

    data: bytes
    at: float


class Stub(Protocol):
    """What a toxic sees of one direction of one connection."""

    @property
    def random(self) -> Random:
        """Drawn from the server's seed, this connection and this toxic alone, so that a run can be repeated."""

    def now(self) -> float:
        """Seconds, monotonic."""

    def forward(self, size: int | None = None) -> None:
        """Let the next ``size`` bytes of the chunk pass, or all that is left of it."""

    def close(self) -> None:
        """End the connection the way a program closing its socket does."""

    def reset(self) -> None:
        """End the connection with a TCP reset, to both sides."""


class Toxic(Protocol):
    """A fault on a stream."""

    def data(self, chunk: Chunk, stub: Stub, memory: Memory) -> Moments:
        """Decide what becomes of ``chunk``."""


@dataclass(slots=True)
class Memory:
    """What a toxic remembers of one connection, from when it was added until it is removed."""

    passed: int = 0  # bytes let through
    late_s: float = 0.0  # by how much the last wait overshot


@runtime_checkable
class ActsOnEnd(Protocol):
    """Ability: to have a say when the sender ends its stream.  Afterwards the end goes on."""

    def end(self, stub: Stub) -> Moments:
        """Decide how long the end is held back, or replace it by closing or resetting."""


@runtime_checkable
class ActsWhenIdle(Protocol):
    """Ability: to act when nothing arrives.  Started anew after each chunk."""

    def idle(self, stub: Stub) -> Moments:
        """Decide what happens if nothing arrives until the moments it yields."""


@runtime_checkable
class Cleanup(Protocol):
    """Ability: to do something when it is removed."""

    def removed(self, stub: Stub) -> None:
        """Act on a connection that this toxic was working on."""


@runtime_checkable
class Buffered(Protocol):
    """Ability: to hold back more than the one chunk in hand before the sender is stopped."""

    @property
    def buffer_bytes(self) -> int:
        """How much it holds."""
