"""A connection that is cut off after so many bytes."""

from __future__ import annotations

from dataclasses import dataclass

from harness.toxiproxy.server.toxics.toxic import Chunk, Memory, Moments, Stub


@dataclass(frozen=True)
class LimitData:
    """The connection is closed once ``bytes`` bytes have passed."""

    bytes: int = 0

    def data(self, chunk: Chunk, stub: Stub, memory: Memory) -> Moments:
        """Pass what is left of the allowance, close when it is used up."""
        size = min(len(chunk.data), max(self.bytes - memory.passed, 0))
        if size:
            stub.forward(size)
            memory.passed += size
        if memory.passed >= self.bytes:
            stub.close()
        yield from ()
