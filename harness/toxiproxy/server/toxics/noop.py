"""The toxic that does nothing: the control."""

from __future__ import annotations

from dataclasses import dataclass

from harness.toxiproxy.server.toxics.toxic import Chunk, Memory, Moments, Stub


@dataclass(frozen=True)
class Noop:
    """Everything passes."""

    def data(self, chunk: Chunk, stub: Stub, memory: Memory) -> Moments:
        """Let it pass."""
        stub.forward()
        yield from ()
